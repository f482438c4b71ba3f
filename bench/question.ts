import type { Target } from "./target.ts";

/** One number, beside the number that it is to be judged by. */
export interface Row {
  readonly what: string;
  readonly unit: "ms" | "per second" | "MB/s" | "CPU s/min" | "B/s" | "MB" | "KB";
  readonly measured: number;
  readonly beside: number;
  readonly target?: Target | undefined;
}

export interface Result {
  readonly title: string;
  /** What `measured` and `beside` are numbers of. */
  readonly columns: readonly [measured: string, beside: string];
  readonly rows: readonly Row[];
}

export interface Options {
  /** Fewer processes and fewer samples: to see whether something broke, not to compare. */
  readonly quick: boolean;
  /** Sizes of the networks, for all questions that are about more than one size. */
  readonly nodes: readonly number[];
  /** Datagrams of the library; undefined for what it does unasked. */
  readonly udp: boolean | undefined;
  /** Folder for CPU profiles of writers and receivers, if wanted. */
  readonly profiles: string | undefined;
}

export interface Question {
  /** For `--only`. */
  readonly name: string;
  measure(options: Options): Promise<Result>;
}

export const DSN_AND_BARE = ["DSN", "bare TLS"] as const;

/** Samples of one thing that both kinds of mesh did. */
export interface Both<T> {
  readonly dsn: readonly T[];
  readonly bare: readonly T[];
}

/** A row of one number that stands for many samples of both. */
export function rowOf<T>(
  what: string,
  unit: Row["unit"],
  { dsn, bare }: Both<T>,
  summary: (samples: readonly T[]) => number,
  target?: Target,
): Row {
  return { what, unit, measured: summary(dsn), beside: summary(bare), target };
}
