/**
 * The coordinator's end of one worker process.
 * @module
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { nowMs } from "./clock.ts";
import type { CommandName, Commands, Request, Response } from "./commands.ts";

const WORKER_FILE = fileURLToPath(new URL("./worker.js", import.meta.url));

/** A worker that has not answered by then hangs; so would the bench. */
const ANSWER_TIMEOUT_MS = 120_000;
const EXIT_TIMEOUT_MS = 5_000;

interface Pending {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

const running = new Set<ChildProcess>();

/** Ends all workers at once, stopped ones too. */
export function killAllWorkers(): void {
  for (const child of running) child.kill("SIGKILL");
}

export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;

  constructor() {
    const child = fork(WORKER_FILE);
    this.#child = child;
    running.add(child);
    child.on("message", (response) => this.#onResponse(response as Response));
    child.once("exit", (code, signal) => {
      running.delete(child);
      const error = new Error(`worker ${child.pid} ended: ${signal ?? `exit code ${code}`}`);
      for (const { reject } of this.#pending.values()) reject(error);
      this.#pending.clear();
    });
  }

  call<Name extends CommandName>(
    name: Name,
    ...parameters: Parameters<Commands[Name]>
  ): Promise<Awaited<ReturnType<Commands[Name]>>> {
    return new Promise((resolve, reject) => {
      this.#lastId += 1;
      const id = this.#lastId;
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new Error(`worker ${this.#child.pid} did not answer "${name}"`));
      }, ANSWER_TIMEOUT_MS);
      this.#pending.set(id, {
        resolve: (result) => {
          clearTimeout(timer);
          resolve(result);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      const request: Request = { id, name, parameters };
      this.#child.send(request);
    });
  }

  /** Ends the process with no chance to say so. Resolves with the time just before. */
  async kill(): Promise<number> {
    const exited = once(this.#child, "exit");
    const atMs = nowMs();
    this.#child.kill("SIGKILL");
    await exited;
    return atMs;
  }

  /** Stops the process where it is, as if its machine hung; `SIGCONT` lets it go on. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#child.kill(signal);
  }

  async close(): Promise<void> {
    if (!running.has(this.#child)) return;
    const exited = once(this.#child, "exit");
    this.signal("SIGCONT");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), EXIT_TIMEOUT_MS);
    await this.call("close").catch(() => undefined);
    await exited;
    clearTimeout(timer);
  }

  #onResponse(response: Response): void {
    const pending = this.#pending.get(response.id);
    this.#pending.delete(response.id);
    if (response.ok) pending?.resolve(response.result as never);
    else pending?.reject(new Error(response.error));
  }
}
