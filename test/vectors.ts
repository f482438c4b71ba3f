/**
 * Bytes that the Python implementation wrote, and how a test compares ours with them.
 * @module
 */
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { MalformedError } from "../src/errors.ts";
import { DIFFERENCES } from "./vectors/differences.ts";

export { fromHex, toHex } from "../src/bytes/hex.ts";

/** The cases of `test/vectors/<name>.json`. */
export function loadVectors<Case>(name: string): readonly Case[] {
  const path = new URL(`./vectors/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(path, "utf8")) as readonly Case[];
}

/**
 * The cases of one part of `test/vectors-native/messages.json`. Written from `docs/protocol.md`
 * alone, by other code than ours.
 */
export function loadNativeVectors<Case>(part: string): readonly Case[] {
  const path = new URL("./vectors-native/messages.json", import.meta.url);
  const parts = JSON.parse(readFileSync(path, "utf8")) as Record<string, readonly Case[]>;
  return parts[part] ?? [];
}

/** What a decoder that threw MalformedError is compared as. */
export const REFUSED = "refused";

/** What `decode` returns, or {@link REFUSED}. Any other error is a bug and goes through. */
export function answerOf(decode: () => unknown): unknown {
  try {
    return decode();
  } catch (error) {
    if (error instanceof MalformedError) return REFUSED;
    throw error;
  }
}

/**
 * Our answer to a vector is Python's, unless `test/vectors/differences.ts` has a row for it: then
 * it is that row's, and not Python's.
 */
export function expectAnswer(file: string, name: string, ours: unknown, python: unknown): void {
  const row = DIFFERENCES.find(
    (difference) => difference.file === file && difference.name === name,
  );
  if (row === undefined) {
    expect(ours, `${file}: ${name}: differs from Python, and differences.ts has no row`).toEqual(
      python,
    );
    return;
  }
  expect(ours, `${file}: ${name}: is not what its row says`).toEqual(row.ours);
  expect(ours, `${file}: ${name}: is Python's answer, so its row is wrong`).not.toEqual(python);
}

/** Rows of `differences.ts` for `file` that name none of `names`. There must be none. */
export function staleDifferences(file: string, names: readonly string[]): string[] {
  return DIFFERENCES.filter((row) => row.file === file && !names.includes(row.name)).map(
    ({ name }) => name,
  );
}

/** Runs `decode` on bytes that may be anything: it may throw MalformedError and nothing else. */
export function expectOnlyMalformed(decode: () => unknown): void {
  answerOf(decode);
}

/** Asserts that `decode` refuses every prefix of `bytes`, but those of the lengths `except`. */
export function expectTruncationsRefused(
  bytes: Uint8Array,
  decode: (cut: Uint8Array) => unknown,
  except: readonly number[] = [],
): void {
  for (let length = 0; length < bytes.length; length++) {
    if (except.includes(length)) continue;
    expect(
      answerOf(() => decode(bytes.subarray(0, length))),
      `cut to ${length} bytes`,
    ).toBe(REFUSED);
  }
}
