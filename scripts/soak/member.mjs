// One place in the network of a soak: a node that lives in one process after the other.
import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const WORKER = fileURLToPath(new URL("worker.mjs", import.meta.url));
/** A process whose node has stopped ends by itself in this time, or something holds it. */
const EXIT_MS = 5_000;

export class Member {
  /** When others may call it gone, as [from, to] on the wall clock. */
  disturbed = [];
  /** Times at which this one told that another had left. */
  leaves = [];
  problems = [];
  value = "0";
  paused = false;
  #pending = new Map();
  #lastId = 0;

  constructor(config) {
    this.config = config;
    this.id = config.nodeId;
  }

  get pid() {
    return this.child?.pid;
  }

  async start() {
    this.child = fork(WORKER, [], { execArgv: ["--expose-gc"] });
    this.child.on("message", ({ id, result, error, left, at }) => {
      if (left !== undefined) this.leaves.push({ of: left, at });
      const pending = this.#pending.get(id);
      this.#pending.delete(id);
      if (error === undefined) pending?.resolve(result);
      else pending?.reject(new Error(`${this.id}: ${error}`));
    });
    this.child.once("exit", () => {
      for (const { reject } of this.#pending.values()) reject(new Error(`${this.id} has ended`));
      this.#pending.clear();
    });
    await this.call("start", this.config, { value: this.value });
  }

  call(name, ...args) {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.child.send({ id, name, args });
    });
  }

  async write(value) {
    await this.call("write", value);
    this.value = value;
  }

  /** What others may see of it from here until `end` is called, and a while after. */
  disturb() {
    const span = { from: Date.now(), to: Number.POSITIVE_INFINITY };
    this.disturbed.push(span);
    return () => {
      span.to = Date.now();
    };
  }

  async pause(ms) {
    const end = this.disturb();
    this.paused = true;
    this.child.kill("SIGSTOP");
    await sleep(ms);
    this.child.kill("SIGCONT");
    this.paused = false;
    end();
  }

  async kill() {
    const exited = once(this.child, "exit");
    this.child.kill("SIGKILL");
    await exited;
  }

  /** Stops the node; what keeps its process alive afterwards is a leak. */
  async stop() {
    const exited = once(this.child, "exit");
    await this.call("stop");
    const late = await Promise.race([exited.then(() => false), sleep(EXIT_MS, true)]);
    if (!late) return;
    this.problems.push(`${this.id}: its process still runs ${EXIT_MS} ms after stop()`);
    await this.kill();
  }

  /** As after a disk that lost what it had not yet written. */
  loseMark() {
    const { credentialDir } = this.config;
    if (!existsSync(credentialDir)) return;
    for (const file of readdirSync(credentialDir, { recursive: true })) {
      if (/mark/.test(file)) rmSync(join(credentialDir, file), { force: true });
    }
  }

  async sample() {
    const fds = readdirSync(`/proc/${this.pid}/fd`).length;
    return { at: performance.now(), fds, ...(await this.call("sample")) };
  }
}
