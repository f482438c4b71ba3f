/**
 * Where commands write: stdout has the answer, stderr the talk and what went wrong.
 * @module
 */

import { type Paint, painter, type Style } from "./paint.ts";
import { problemLines } from "./problem-lines.ts";
import type { Problem } from "./problems.ts";
import { toJsonLine } from "./text.ts";

export interface OutputOptions {
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
  /** False for `--no-color`. */
  readonly color?: boolean | undefined;
}

/** As much of a stream as is used here. */
export interface TextStream {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** Widest text of a problem on a terminal, so that lines stay easy to read. */
const WIDTH_MAX = 100;

export class Output {
  readonly json: boolean;
  readonly quiet: boolean;
  /** For text on stdout. */
  readonly paint: Paint;
  /** For text on stderr. */
  readonly paintTalk: Paint;
  readonly #stdout: TextStream;
  readonly #stderr: TextStream;

  constructor(
    options: OutputOptions,
    stdout: TextStream = process.stdout,
    stderr: TextStream = process.stderr,
    env: NodeJS.ProcessEnv = process.env,
  ) {
    this.json = options.json === true;
    this.quiet = options.quiet === true;
    this.#stdout = stdout;
    this.#stderr = stderr;
    const wanted = options.color !== false && !env["NO_COLOR"] && env["TERM"] !== "dumb";
    this.paint = painter(wanted && stdout.isTTY === true);
    this.paintTalk = painter(wanted && stderr.isTTY === true);
  }

  /** A line of the answer. */
  answer(line: string): void {
    this.#stdout.write(`${line}\n`);
  }

  /** The answer, or an event of it, as one line of JSON. */
  answerJson(value: unknown): void {
    this.#stdout.write(`${toJsonLine(value)}\n`);
  }

  /** Lines that help a person and that nobody reads with `--quiet` or `--json`. */
  talk(...lines: readonly string[]): void {
    if (this.quiet || this.json) return;
    for (const line of lines) this.#stderr.write(`${line}\n`);
  }

  /** Something failed, and the command with it. */
  error(problem: Problem): void {
    if (this.json) {
      this.#stderr.write(`${toJsonLine({ schema: "dsn.error/1", error: problem })}\n`);
    } else {
      this.#problem("✖", "red", problem);
    }
  }

  /**
   * Something is wrong and the command goes on. Programs read it as an event, not here.
   *
   * @param time In front, for a command that runs for long.
   */
  warn(problem: Problem, time?: string): void {
    if (!this.json) this.#problem("!", "yellow", problem, time);
  }

  /** A warning in a line of its own, where there is nothing more to say. */
  warnLine(text: string): void {
    if (!this.json) this.#stderr.write(`${this.paintTalk("yellow", "!")} ${text}\n`);
  }

  #problem(mark: string, style: Style, problem: Problem, time?: string): void {
    const { isTTY, columns = 80 } = this.#stderr;
    // A terminal that nobody has given a size says 0.
    const isSized = isTTY === true && columns > 0;
    const width = isSized ? Math.min(columns, WIDTH_MAX) : Number.POSITIVE_INFINITY;
    const lines = problemLines(problem, { mark, style, time, width, paint: this.paintTalk });
    for (const line of lines) this.#stderr.write(`${line}\n`);
  }
}
