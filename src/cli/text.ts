/**
 * Text for people and for programs, safe to show whoever wrote it.
 *
 * Ids, keys and values come from peers: an escape sequence in one could clear the screen of an
 * operator, or forge a line of output.
 * @module
 */
import { homedir } from "node:os";

/** Control, format (bidi marks), half surrogates, private, unassigned; line separators. */
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** One printable line: unsafe characters become `\u{1b}`, the rest is cut to `max` characters. */
export function printable(text: string, max = 200): string {
  // Cut first, so that a value of 8 MB costs nothing; never inside a surrogate pair.
  const short = text.length > max ? `${text.slice(0, max).replace(/[\ud800-\udbff]$/, "")}…` : text;
  return short.replace(UNSAFE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u{${code.toString(16)}}`;
  });
}

/** A value as it stands in a line; in quotes where it could be taken for something else. */
export function printableValue(value: string, max = 60): string {
  const ambiguous = value === "" || /^[\s"(]|\s$| -> /.test(value);
  const shown = printable(value, max);
  return ambiguous ? `"${shown}"` : shown;
}

/** JSON on one line, in which unsafe characters are written as escapes: the same value, readable by all. */
export function toJsonLine(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, (character) =>
    Array.from({ length: character.length }, (_, index) => character.charCodeAt(index))
      .map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`)
      .join(""),
  );
}

/** Breaks text at spaces into lines of at most `width` characters; longer words stay whole. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** An argument as a POSIX shell would need it. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:@%+=,~-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** `1 peer`, `2 peers`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** A path as people write it: `~` for their home. */
export function shortPath(path: string): string {
  const home = homedir();
  return printable(path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path);
}
