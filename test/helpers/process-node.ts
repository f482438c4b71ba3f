/**
 * A node of ours in a process of its own, that a test may pause and kill.
 * @module
 */
import { type ChildProcess, fork } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DSNodeConfigInput } from "../../src/node/config.ts";
import type { DSNodeEvents, State, StateChange } from "../../src/node/events.ts";
import type { PeerInfo } from "../../src/node/peer-info.ts";
import type { Settings } from "../../src/protocol/settings.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const WORKER = fileURLToPath(new URL("worker.mjs", import.meta.url));

export interface ProcessOptions {
  readonly settings?: Partial<Settings> | undefined;
  readonly state?: Readonly<Record<string, string>> | undefined;
  /** What the application does with each message: it blocks its process, or awaits. */
  readonly receive?: { readonly mode: "blocks" | "awaits"; readonly ms: number } | undefined;
  /** Added to the environment of the process. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Network namespace to run in. @default that of this process */
  readonly namespace?: string | undefined;
}

export interface ProcessEvent {
  readonly event: keyof DSNodeEvents;
  /** Wall clock of the machine, in milliseconds. */
  readonly at: number;
  readonly payload: unknown;
}

/** A command failed there. */
export class ProcessNodeError extends Error {
  override readonly name = "ProcessNodeError";
  readonly code: string | undefined;

  constructor(message: string, code?: string) {
    super(message);
    this.code = code;
  }
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface AnswerLine {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string; readonly code?: string };
}

/** Processes of this one that still run, for the case that a test forgets one. */
const alive = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

export class ProcessNode {
  readonly nodeId: string;
  readonly events: ProcessEvent[] = [];
  readonly #process: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #port = 0;

  /** @internal See {@link startProcessNode}. */
  constructor(nodeId: string, { env = {}, namespace }: ProcessOptions) {
    this.nodeId = nodeId;
    // `ip netns exec` becomes what it starts: the same process, with the same channel to us.
    const into =
      namespace === undefined
        ? {}
        : { execPath: "ip", execArgv: ["netns", "exec", namespace, process.execPath] };
    this.#process = fork(WORKER, [], {
      serialization: "advanced",
      execArgv: [],
      ...into,
      env: { ...process.env, ...env },
    });
    alive.add(this.#process);
    this.#process.on("message", (message) => this.#receive(message as AnswerLine | ProcessEvent));
    this.#exited = new Promise((resolve) => {
      this.#process.once("exit", (code, signal) => {
        alive.delete(this.#process);
        for (const { reject } of this.#pending.values()) {
          reject(new ProcessNodeError(`the process of ${nodeId} ended with ${signal ?? code}`));
        }
        this.#pending.clear();
        resolve();
      });
    });
  }

  get port(): number {
    return this.#port;
  }

  /** `host:port`, to join through. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** @internal */
  async start(config: DSNodeConfigInput, options: ProcessOptions): Promise<void> {
    const { port } = (await this.call("start", config, options)) as { port: number };
    this.#port = port;
  }

  /** Calls a method of the node there, or a command of `worker.mjs`. */
  call(command: string, ...args: readonly unknown[]): Promise<unknown> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      if (this.#process.exitCode !== null || this.#process.signalCode !== null) {
        reject(new ProcessNodeError(`the process of ${this.nodeId} has ended`));
        return;
      }
      this.#pending.set(id, { resolve, reject });
      this.#process.send({ id, command, args });
    });
  }

  /** Milliseconds that the call took there, and the wall clock when it was made. */
  async write(changes: Readonly<Record<string, string | undefined>>) {
    return (await this.call("write", changes)) as { at: number; ms: number };
  }

  async peers(): Promise<string[]> {
    return (await this.call("peers")) as string[];
  }

  async read(nodeId: string, key: string): Promise<string | undefined> {
    return (await this.call("readData", nodeId, key)) as string | undefined;
  }

  async state(nodeId: string): Promise<State | undefined> {
    return (await this.call("getAll", nodeId)) as State | undefined;
  }

  async send(nodeId: string, data: string | Uint8Array, timeout?: number): Promise<void> {
    await this.call("sendToNode", nodeId, data, { timeout });
  }

  async peerInfo(): Promise<PeerInfo[]> {
    return (await this.call("peerInfo")) as PeerInfo[];
  }

  /** Resident memory of the process, in bytes. */
  async rss(): Promise<number> {
    return (await this.call("rss")) as number;
  }

  /** Events of one kind that came, in order. */
  of<Name extends keyof DSNodeEvents>(name: Name): { at: number; payload: DSNodeEvents[Name] }[] {
    return this.events
      .filter(({ event }) => event === name)
      .map(({ at, payload }) => ({ at, payload: payload as DSNodeEvents[Name] }));
  }

  /** Ids in the order of their joins. */
  joins(): string[] {
    return this.of("peer:join").map(({ payload }) => payload.nodeId);
  }

  leaves(): string[] {
    return this.of("peer:leave").map(({ payload }) => payload.nodeId);
  }

  /** When this node was told the value, on the wall clock; undefined while it was not. */
  toldAt(nodeId: string, key: string, value: string): number | undefined {
    const shows = ({ nodeId: owner, current }: StateChange) =>
      owner === nodeId && current[key] === value;
    return this.of("state:update").find(({ payload }) => shows(payload))?.at;
  }

  pause(): void {
    this.#process.kill("SIGSTOP");
  }

  resume(): void {
    this.#process.kill("SIGCONT");
  }

  /** Kills the process as a power cut would, and waits until it is gone. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#exited;
  }

  /** Stops the node as an application does, then ends the process. Safe to repeat. */
  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      this.#process.kill("SIGCONT");
      const timer = setTimeout(() => this.#process.kill("SIGKILL"), 5_000);
      await this.call("stop").catch(() => undefined);
      if (this.#process.connected) this.#process.disconnect();
      await this.#exited;
      clearTimeout(timer);
    }
  }

  #receive(message: AnswerLine | ProcessEvent): void {
    if ("event" in message) {
      this.events.push(message);
      return;
    }
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    const { error } = message;
    if (error === undefined) pending?.resolve(message.result);
    else pending?.reject(new ProcessNodeError(error.message, error.code));
  }
}

/** Starts a node in a process of its own. Resolves when its `start()` has. */
export async function startProcessNode(
  config: DSNodeConfigInput,
  options: ProcessOptions = {},
): Promise<ProcessNode> {
  checkBuild();
  const node = new ProcessNode(config.nodeId, options);
  try {
    await node.start(config, options);
  } catch (error) {
    await node.stop();
    throw error;
  }
  return node;
}

let checked = false;

/** `npm test` builds first; whoever calls vitest alone may test an old build unawares. */
function checkBuild(): void {
  if (checked) return;
  checked = true;
  const built = join(ROOT, "dist", "index.js");
  if (!existsSync(built)) throw new Error("there is no dist/: run `npm run build` first");
  const newest = Math.max(
    ...readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => statSync(join(ROOT, "src", file)).mtimeMs),
  );
  if (statSync(built).mtimeMs < newest) {
    console.warn("dist/ is older than src/: nodes in processes of their own run the old build");
  }
}
