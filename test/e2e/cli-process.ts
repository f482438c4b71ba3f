/**
 * The built command line and the demo as processes, for tests.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "../..");
const DSN = join(ROOT, "dist/cli/main.js");

/** How long anything may take before the test has failed. */
const TIME_MS = 30_000;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** What stdin has; without it stdin is closed. */
  readonly stdin?: string | Uint8Array;
  /** An open file that stdout goes to, in place of {@link Running.stdout}. */
  readonly stdout?: number;
  /** Keeps stdin open, for {@link Running.type}. */
  readonly talks?: boolean;
}

/** A process that runs, and what it has said so far. */
export class Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = "";
  stderr = "";
  #over = false;
  readonly #onNews = new Set<() => void>();

  constructor(program: string, args: readonly string[], options: RunOptions = {}) {
    this.child = spawn(process.execPath, [program, ...args], {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: [hasStdin(options) ? "pipe" : "ignore", options.stdout ?? "pipe", "pipe"],
    });
    running.add(this);
    if (options.talks !== true) this.child.stdin?.end(options.stdin);
    this.child.stdout?.on("data", (chunk) => this.#heard(() => (this.stdout += String(chunk))));
    this.child.stderr?.on("data", (chunk) => this.#heard(() => (this.stderr += String(chunk))));
    this.ended = new Promise((end) => {
      this.child.on("close", (code) => {
        running.delete(this);
        this.#over = true;
        this.#heard(() => undefined);
        end({ code, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  /** Waits until `look` finds something in what was said. */
  until<T>(what: string, look: (said: Running) => T | undefined): Promise<T> {
    return new Promise((found, reject) => {
      const end = () => {
        clearTimeout(timer);
        this.#onNews.delete(again);
      };
      const fail = (why: string) => {
        end();
        const said = `stdout:\n${this.stdout}\nstderr:\n${this.stderr}`;
        reject(new Error(`${what}: ${why}\n${said}`));
      };
      const again = () => {
        const value = look(this);
        if (value !== undefined) {
          end();
          found(value);
        } else if (this.#over) {
          fail("the process has ended");
        }
      };
      const timer = setTimeout(() => fail(`not within ${TIME_MS} ms`), TIME_MS);
      this.#onNews.add(again);
      again();
    });
  }

  /** Gives the process a line to read. */
  type(line: string): void {
    this.child.stdin?.write(`${line}\n`);
  }

  /** The first event of that type that `wanted` likes, of a process that prints NDJSON. */
  event(
    type: string,
    wanted: (event: Record<string, unknown>) => boolean = () => true,
  ): Promise<Record<string, unknown>> {
    return this.until(`the event ${type}`, () =>
      this.events().find((event) => event["type"] === type && wanted(event)),
    );
  }

  /** Every event so far: the complete lines. */
  events(): Record<string, unknown>[] {
    return this.stdout
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  #heard(add: () => void): void {
    add();
    for (const again of [...this.#onNews]) again();
  }
}

const running = new Set<Running>();

function hasStdin({ stdin, talks }: RunOptions): boolean {
  return stdin !== undefined || talks === true;
}

/** Ends what a test left behind. */
export async function endAll(): Promise<void> {
  const left = [...running];
  for (const { child } of left) child.kill("SIGKILL");
  await Promise.all(left.map(({ ended }) => ended));
}

/** @throws {Error} when the package has not been built. */
export function requireBuild(): void {
  if (existsSync(DSN)) return;
  throw new Error(`${DSN} is not there. Build first: npm run build`);
}

export function dsn(args: readonly string[], options?: RunOptions): Running {
  return new Running(DSN, args, options);
}

/** Runs a command to its end. */
export function dsnToEnd(args: readonly string[], options?: RunOptions): Promise<Ended> {
  return dsn(args, options).ended;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
