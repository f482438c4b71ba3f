/**
 * Network namespaces of this machine, joined by wires that a test can cut, and that lose or delay.
 *
 * Every packet passes `wires.py`, so it works where the kernel has no `netem`: it needs root, TUN
 * devices and Python. What is cut is silent: no connection is refused.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("wires.py", import.meta.url));

/** How packets pass, of all wires; what is not named is as it was in the beginning. */
export interface Weather {
  /** Share of packets that is lost, 0 to 1. */
  readonly loss?: number;
  /** Of each packet, one way, in milliseconds. */
  readonly delayMs?: number;
  /** Pairs of namespaces, by index, between which nothing passes. */
  readonly cuts?: readonly (readonly [number, number])[];
}

/** Packets until now. */
export interface Passage {
  readonly passed: number;
  readonly lost: number;
}

let opened = 0;

export class Wires {
  readonly #prefix: string;
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(prefix: string, child: ChildProcess) {
    this.#prefix = prefix;
    this.#process = child;
    if (child.stdout === null) throw new Error("wires.py has no output");
    this.#lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  }

  /** @throws with the reason when this machine, or this user, cannot have them. */
  static async open(count: number): Promise<Wires> {
    opened += 1;
    const prefix = `dsn-${process.pid}-${opened}`;
    const child = spawn("python3", [PROGRAM, prefix, String(count)]);
    let errors = "";
    child.stderr.on("data", (text) => {
      errors += String(text);
    });
    child.once("error", (error) => {
      errors += error.message;
    });
    const wires = new Wires(prefix, child);
    const { done } = await wires.#lines.next();
    if (done !== true) return wires;
    throw new Error(errors.trim().split("\n").at(-1) || "wires.py ended");
  }

  namespace(index: number): string {
    return `${this.#prefix}-${index}`;
  }

  address(index: number): string {
    return `10.77.0.${index + 1}`;
  }

  /** From now on packets pass like this. */
  async set({ loss = 0, delayMs = 0, cuts = [] }: Weather): Promise<Passage> {
    this.#process.stdin?.write(`${JSON.stringify({ loss, delayMs, cuts })}\n`);
    const { value } = await this.#lines.next();
    return JSON.parse(String(value)) as Passage;
  }

  /** Removes the namespaces. */
  async close(): Promise<void> {
    const exited = once(this.#process, "exit");
    this.#process.stdin?.end();
    await exited;
  }
}

/** Why there can be no wires here; undefined when there can. */
export async function whyNoWires(): Promise<string | undefined> {
  if (process.platform !== "linux") return "network namespaces are of Linux";
  if (process.getuid?.() !== 0) return "network namespaces need root";
  try {
    const wires = await Wires.open(1);
    await wires.close();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
