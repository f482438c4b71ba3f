/** One number, beside the number that it is to be judged by. */
export interface Row {
  readonly what: string;
  readonly unit: "ms" | "per second" | "MB/s";
  readonly measured: number;
  readonly beside: number;
  /** At most this. */
  readonly target?: number;
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
  /** Folder for CPU profiles of writers and receivers, if wanted. */
  readonly profiles: string | undefined;
}

export interface Question {
  /** For `--only`. */
  readonly name: string;
  measure(options: Options): Promise<Result>;
}

export const DSN_AND_BARE = ["DSN", "bare TLS"] as const;
