/** What the bench is told by `scripts/bench.mjs`, which has checked all but the names of questions. */
import type { Options } from "./question.ts";

export interface Arguments {
  readonly options: Options;
  /** Names of questions; empty for all. */
  readonly only: readonly string[];
  readonly json: string | undefined;
  /** Markdown whose tables are replaced. */
  readonly results: string | undefined;
  /** As a person typed all this. */
  readonly typed: readonly string[];
}

/** @throws with a line for the person who typed it. */
export function readArguments(told: string, names: readonly string[]): Arguments {
  const read = JSON.parse(told) as Arguments;
  const unknown = read.only.find((name) => !names.includes(name));
  if (unknown === undefined) return read;
  throw new Error(
    `✖ Cannot measure "${unknown}": there is no such question\n  Fix   --only ${names.join(", ")}`,
  );
}
