/**
 * Puts new tables into a Markdown file that has words around them, such as `RESULTS.md`.
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import type { Result } from "./question.ts";
import { heading, table } from "./report.ts";

/** Begins the paragraph that says where and when all of the tables come from. */
const MEASURED = "Measured: ";

/** Replaces the table below the heading of each result; a heading that is not there is added. */
export function putTables(file: string, results: readonly Result[]): void {
  let lines = readFileSync(file, "utf8").split("\n");
  for (const result of results) lines = withTable(lines, result);
  writeFileSync(file, lines.join("\n"));
}

/** For a run of all questions. */
export function putMachine(file: string, machine: string): void {
  const lines = readFileSync(file, "utf8").split("\n");
  const first = lines.findIndex((line) => line.startsWith(MEASURED));
  if (first < 0) throw new Error(`There is no paragraph in ${file} that begins with "${MEASURED}"`);
  lines.splice(
    first,
    lengthOf(lines, first, (line) => line !== ""),
    `${MEASURED}${machine}`,
  );
  writeFileSync(file, lines.join("\n"));
}

function withTable(lines: readonly string[], result: Result): string[] {
  const at = lines.indexOf(heading(result));
  if (at < 0) return [...lines, heading(result), "", ...table(result), ""];
  const first = lines.findIndex((line, index) => index > at && line.startsWith("|"));
  const next = lines.findIndex((line, index) => index > at && line.startsWith("## "));
  const hasTable = first > 0 && (next < 0 || first < next);
  const count = hasTable ? lengthOf(lines, first, (line) => line.startsWith("|")) : 0;
  const start = hasTable ? first : at + 1;
  const added = hasTable ? table(result) : ["", ...table(result)];
  return lines.toSpliced(start, count, ...added);
}

function lengthOf(
  lines: readonly string[],
  first: number,
  belongs: (line: string) => boolean,
): number {
  const end = lines.findIndex((line, index) => index >= first && !belongs(line));
  return (end < 0 ? lines.length : end) - first;
}
