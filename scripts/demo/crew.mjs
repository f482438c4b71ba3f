// The processes of the demo: started, talked to, killed, and gone at the end, whatever happens.
import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const NODE_PROGRAM = fileURLToPath(new URL("./node.mjs", import.meta.url));
const LAST_PORT = 65_535;
/** How long a node may take to stop before it is killed. */
const STOP_MS = 2_000;

/** Milliseconds on a clock that all processes of this machine share. */
export function now() {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Something that a step waited for did not come. */
export class NotInTime extends Error {
  name = "NotInTime";
}

export class Crew {
  #aesKey;
  #directory = mkdtempSync(join(tmpdir(), "dsn-demo-"));
  #nextPort;
  #nodes = new Map();
  #listeners = new Set();
  #lastCall = 0;

  constructor({ aesKey, firstPort }) {
    this.#aesKey = aesKey;
    this.#nextPort = firstPort;
    // Also when the demo itself fails: no process and no key stays behind.
    process.once("exit", () => this.#removeAll());
  }

  /** Names of the nodes whose process runs. */
  running() {
    return [...this.#nodes].filter(([, node]) => node.child !== undefined).map(([name]) => name);
  }

  portOf(name) {
    return this.#nodes.get(name).port;
  }

  pidOf(name) {
    return this.#nodes.get(name).child?.pid;
  }

  /**
   * Starts a process with a node in it, where it was before or on the next free port.
   *
   * @param through Name of the node to join through.
   * @returns what the node says of itself.
   */
  async start(name, state, through) {
    const before = this.#nodes.get(name);
    const node = { port: before?.port ?? this.#takePort(), child: undefined, answers: new Map() };
    this.#nodes.set(name, node);
    this.#fork(name, node);
    for (;;) {
      const config = {
        nodeId: name,
        port: node.port,
        networkIp: "127.0.0.1",
        aesKey: this.#aesKey,
        credentialDir: this.#directory,
        bootstrapNodes: through === undefined ? [] : [`127.0.0.1:${this.portOf(through)}`],
      };
      try {
        return await this.call(name, "start", config, state);
      } catch (error) {
        if (error.code !== "DSN_PORT_IN_USE") throw error;
        node.port = this.#takePort();
      }
    }
  }

  #takePort() {
    if (this.#nextPort > LAST_PORT) throw new NotInTime("there was no free port left");
    this.#nextPort += 1;
    return this.#nextPort - 1;
  }

  #fork(name, node) {
    const child = fork(NODE_PROGRAM, { stdio: ["ignore", "ignore", "pipe", "ipc"] });
    node.child = child;
    let said = "";
    child.stderr.on("data", (chunk) => {
      said = (said + chunk).slice(-2_000);
    });
    child.on("message", ({ id, result, error, ...event }) => {
      if (id === undefined) {
        for (const listener of [...this.#listeners]) listener({ name, ...event });
      } else if (error === undefined) {
        node.answers.get(id)?.resolve(result);
      } else {
        node.answers.get(id)?.reject(Object.assign(new Error(error.message), error));
      }
    });
    child.on("exit", () => {
      node.child = undefined;
      const why = `the process of ${name} ended${said === "" ? "" : `: ${said.trim()}`}`;
      for (const { reject } of node.answers.values()) reject(new Error(why));
      node.answers.clear();
    });
    // A message to a process that was just killed is no news.
    child.on("error", () => undefined);
  }

  /** Calls one of the functions of `node.mjs` there. */
  call(name, call, ...args) {
    const node = this.#nodes.get(name);
    const { child } = node;
    if (child === undefined) return Promise.reject(new Error(`${name} does not run`));
    this.#lastCall += 1;
    const id = this.#lastCall;
    const answer = new Promise((resolve, reject) => node.answers.set(id, { resolve, reject }));
    child.send({ id, call, args });
    return abandonable(answer.finally(() => node.answers.delete(id)));
  }

  /** Calls `listener` with what any node tells, until the returned function is called. */
  on(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The next event that `wanted` likes. */
  event(wanted, what, timeoutMs) {
    const found = new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        undo();
      };
      // Nobody waits for it once the nodes are gone.
      const timer = setTimeout(() => {
        end();
        reject(new NotInTime(`${what} within ${timeoutMs / 1_000} s`));
      }, timeoutMs).unref();
      const undo = this.on((event) => {
        if (!wanted(event)) return;
        end();
        resolve(event);
      });
    });
    return abandonable(found);
  }

  /** Kills the process of a node as the system does when memory is short: no farewell. */
  async kill(name) {
    const { child } = this.#nodes.get(name);
    if (child === undefined) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  /** Stops every node, and kills those that do not. */
  async end() {
    const children = [...this.#nodes.values()].flatMap(({ child }) => child ?? []);
    const gone = children.map((child) => new Promise((resolve) => child.once("exit", resolve)));
    for (const name of this.running()) this.call(name, "stop").catch(() => undefined);
    const timer = setTimeout(() => this.#killAll(), STOP_MS);
    await Promise.all(gone);
    clearTimeout(timer);
    this.#removeAll();
  }

  #killAll() {
    for (const { child } of this.#nodes.values()) child?.kill("SIGKILL");
  }

  #removeAll() {
    this.#killAll();
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The same promise; that it fails is no error of the process when nobody waits for it any more. */
function abandonable(promise) {
  promise.catch(() => undefined);
  return promise;
}
