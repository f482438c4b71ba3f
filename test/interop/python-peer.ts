/**
 * Starts and steers `peer.py`, a node that behaves as the Python reference does.
 *
 * Each peer is a process of its own: commands go in and answers and events come out as JSON lines.
 * `stop()` (or `await using`) ends the process and removes its credentials; a peer whose parent
 * dies ends by itself, because its stdin closes.
 * @module
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const START_MS = 15_000;
const STOP_MS = 5_000;

export type PythonAvailability =
  | { readonly available: true; readonly python: string }
  | { readonly available: false; readonly reason: string };

let availability: PythonAvailability | undefined;

/** Looks for a Python with the modules `ecdsa` and `cryptography`; looks only once. */
export function pythonAvailable(): PythonAvailability {
  availability ??= findPython();
  return availability;
}

function findPython(): PythonAvailability {
  const reasons: string[] = [];
  for (const python of ["/usr/bin/python3", "python3"]) {
    const check = "import sys, ecdsa, cryptography; assert sys.version_info >= (3, 10)";
    const run = spawnSync(python, ["-c", check], { encoding: "utf8", timeout: 20_000 });
    if (run.status === 0) return { available: true, python };
    const why = run.error?.message ?? run.stderr.trim().split("\n").at(-1) ?? "failed";
    reasons.push(`${python}: ${why}`);
  }
  return {
    available: false,
    reason: `no Python 3.10 with ecdsa and cryptography (${reasons.join("; ")})`,
  };
}

/** Runs a script of this folder to its end, with nothing on stdin. */
export function runPython(
  script: string,
  flags: readonly string[] = [],
): { status: number | null; output: string } {
  const found = pythonAvailable();
  if (!found.available) throw new Error(found.reason);
  const parameters = ["-B", join(HERE, script), ...flags];
  const run = spawnSync(found.python, parameters, { encoding: "utf8", input: "" });
  return { status: run.status, output: run.stdout + run.stderr };
}

export interface PythonPeerOptions {
  readonly id: string;
  /** 0, the default, picks one; the peer advertises the real one. */
  readonly port?: number;
  /** Network key, hex of 16 bytes; none by default. */
  readonly key?: string;
  /** `host:port`, tried in turn. */
  readonly bootstrap?: readonly string[];
  /** A temporary folder by default, removed by `stop()`. */
  readonly credentialDir?: string;
  readonly whitelist?: readonly string[];
  /** Seconds between ticks; 3 by default. A large one leaves ticking to {@link PythonPeer.tick}. */
  readonly tickSeconds?: number;
  readonly version?: string;
  /** Own address in HELLO; none by default. */
  readonly networkIp?: string;
  /** Where to listen, 127.0.0.1 by default; any 127.0.0.x acts as another host. */
  readonly host?: string;
  /** Where to send from; `host` by default. */
  readonly source?: string;
  /** Fixed private key, hex of 32 bytes. */
  readonly keySeed?: string;
  /** An event for each request answered. */
  readonly trace?: boolean;
}

export type PythonEvent =
  | { readonly event: "listening"; readonly port: number; readonly publicKey: string }
  | { readonly event: "joined"; readonly through: string | null }
  | { readonly event: "alert"; readonly text: string }
  | { readonly event: "update"; readonly from: string }
  | { readonly event: "disconnect"; readonly node: string }
  | { readonly event: "data"; readonly from: string; readonly hex: string }
  | {
      readonly event: "request";
      readonly path: string;
      readonly from: string;
      readonly status: number;
    };

type EventNamed<Name extends PythonEvent["event"]> = Extract<PythonEvent, { event: Name }>;

/** A command failed there. `status` is set when the node asked answered with that HTTP status. */
export class PythonPeerError extends Error {
  override readonly name = "PythonPeerError";
  readonly status: number | undefined;

  constructor(message: string, status?: number) {
    super(message);
    this.status = status;
  }
}

/** Events in order of arrival, and a way to wait for one. */
export class PythonEvents {
  readonly all: PythonEvent[] = [];
  readonly #waiters = new Set<() => void>();
  #end: string | undefined;

  /** How many came so far: the `since` of a later {@link waitFor}. */
  get count(): number {
    return this.all.length;
  }

  /** All events of one kind so far. */
  of<Name extends PythonEvent["event"]>(name: Name): EventNamed<Name>[] {
    return this.all.filter((event): event is EventNamed<Name> => event.event === name);
  }

  /**
   * The first event that fits, of those that came and those to come.
   *
   * @param since Looks only at events from this index on.
   */
  waitFor(
    fits: (event: PythonEvent) => boolean,
    timeoutMs = 10_000,
    since = 0,
  ): Promise<PythonEvent> {
    return new Promise((resolve, reject) => {
      let next = since;
      const look = () => {
        for (; next < this.all.length; next++) {
          const event = this.all[next];
          if (event !== undefined && fits(event)) return settle(() => resolve(event));
        }
        const end = this.#end;
        if (end !== undefined) settle(() => reject(new PythonPeerError(end)));
      };
      const settle = (finish: () => void) => {
        clearTimeout(timer);
        this.#waiters.delete(look);
        finish();
      };
      const timer = setTimeout(() => {
        const seen = JSON.stringify(this.all.slice(since).slice(-20));
        const message = `No such event within ${timeoutMs} ms; seen: ${seen}`;
        settle(() => reject(new PythonPeerError(message)));
      }, timeoutMs);
      this.#waiters.add(look);
      look();
    });
  }

  /** @internal */
  push(event: PythonEvent): void {
    this.all.push(event);
    for (const look of [...this.#waiters]) look();
  }

  /** @internal Fails all that wait. */
  end(why: string): void {
    this.#end = why;
    for (const look of [...this.#waiters]) look();
  }
}

export type SignWith = "self" | "garbage" | "none";

export interface StateView {
  /** Null for infinities and NaN: see `versionHex`. */
  readonly version: number | null;
  /** The 8 bytes of the double as on the wire. */
  readonly versionHex: string;
  readonly stateJson: string;
  readonly signatureHex: string;
}

export interface ValueView {
  readonly found: boolean;
  /** Null also for what JSON cannot say: see `json`, which is Python's text. */
  readonly value: unknown;
  readonly json: string | null;
}

export interface RawAnswer {
  readonly status: number;
  readonly bodyHex: string;
  /** The plaintext with its type byte, when the status is 200 and it opens. */
  readonly openedHex: string | null;
}

/** A request or an answer as it went over the wire, sealed. */
export interface TapeEntry {
  readonly index: number;
  readonly direction: "in" | "out";
  readonly kind: "request" | "answer";
  readonly path: string;
  /** `host:port` of the node asked, or the IP address of the asker. */
  readonly peer: string;
  readonly status: number | null;
  readonly bodyHex: string;
}

/** A version as a number, or as the 8 bytes of a double for infinities and NaN. */
export type Version = { readonly version: number } | { readonly versionHex: string };

export interface HelloClaim {
  readonly nodeId: string;
  readonly publicKeyHex?: string;
  readonly port?: number;
  readonly version?: string;
  readonly claimedAddress?: string;
  readonly detectedAddress?: string;
  readonly sign?: SignWith;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

interface AnswerLine {
  readonly id: number | null;
  readonly result?: unknown;
  readonly error?: string;
  readonly status?: number;
}

export class PythonPeer {
  readonly id: string;
  readonly host: string;
  readonly events = new PythonEvents();
  readonly credentialDir: string;
  readonly #process: ChildProcess;
  readonly #temporaryDir: string | undefined;
  readonly #pending = new Map<number, Pending>();
  readonly #exited: Promise<void>;
  #lastCommand = 0;
  #stderr = "";
  #port = 0;
  #publicKey = "";

  /** @internal See {@link startPythonPeer}. */
  constructor(python: string, options: PythonPeerOptions) {
    this.id = options.id;
    this.host = options.host ?? "127.0.0.1";
    if (options.credentialDir === undefined) {
      this.#temporaryDir = mkdtempSync(join(tmpdir(), "python-peer-"));
    }
    this.credentialDir = options.credentialDir ?? join(this.#temporaryDir ?? "", "credentials");
    const child = spawn(python, argumentsOf(options, this.host, this.credentialDir), {
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#process = child;
    alive.add(child);
    this.#exited = new Promise((resolve) => {
      child.once("error", (error) => this.#end(`Cannot start Python: ${error.message}`, resolve));
      child.once("close", (code, signal) => {
        this.#end(`${this.id} ended with ${signal ?? code}: ${this.#stderr.slice(-2000)}`, resolve);
      });
    });
    child.stdin.on("error", () => undefined); // it ended: `close` tells
    child.stderr.on("data", (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString("utf8")).slice(-20_000);
    });
    createInterface({ input: child.stdout }).on("line", (line) => this.#receive(line));
  }

  get port(): number {
    return this.#port;
  }

  /** The 64 bytes of its public key. */
  get publicKey(): Uint8Array {
    return Buffer.from(this.#publicKey, "hex");
  }

  /** `host:port`, as other peers and commands take it. */
  get address(): string {
    return `${this.host}:${this.#port}`;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** What it wrote to stderr: nothing, unless it failed. */
  get stderr(): string {
    return this.#stderr;
  }

  /** @internal */
  async started(): Promise<void> {
    const event = await this.events.waitFor((e) => e.event === "listening", START_MS);
    if (event.event !== "listening") return;
    this.#port = event.port;
    this.#publicKey = event.publicKey;
  }

  /** Waits until bootstrap ended well. Rejects at once when it ended with an alert. */
  async joined(timeoutMs = 30_000): Promise<void> {
    const ended = (e: PythonEvent) =>
      e.event === "joined" || (e.event === "alert" && e.text.startsWith("Could not connect"));
    const event = await this.events.waitFor(ended, timeoutMs);
    if (event.event === "alert") throw new PythonPeerError(event.text);
  }

  // --- what the API of the reference offers ---

  /** Resolves when all peers have been asked: 7 s for a silent one. */
  async set(key: string, value: unknown): Promise<void> {
    await this.command("set", { key, value });
  }

  /** The value as JSON text, for 1.0, NaN or large integers. */
  async setJson(key: string, valueJson: string): Promise<void> {
    await this.command("set", { key, valueJson });
  }

  async del(key: string): Promise<void> {
    await this.command("del", { key });
  }

  /** Ids with a state, its own first. */
  async peers(): Promise<string[]> {
    return (await this.command("peers")) as string[];
  }

  /** Rejects with KeyError for an unknown node. */
  async read(node: string, key: string): Promise<ValueView> {
    return (await this.command("read", { node, key })) as ValueView;
  }

  async state(node: string): Promise<StateView> {
    return (await this.command("state", { node })) as StateView;
  }

  /** The address book, its own entry included. */
  async book(): Promise<[id: string, address: string | null, port: number][]> {
    return (await this.command("book")) as [string, string | null, number][];
  }

  /** The answer as text: "OK". */
  async send(node: string, data: Uint8Array): Promise<string> {
    const dataHex = Buffer.from(data).toString("hex");
    return (await this.command("send", { node, dataHex })) as string;
  }

  async ping(whom: { readonly node: string } | { readonly address: string }): Promise<void> {
    await this.command("ping", whom);
  }

  /** The id that answered. */
  async hello(address: string): Promise<string> {
    return (await this.command("hello", { address })) as string;
  }

  /** UPDATE and PEERS now, with `node` or a random one; the id, or null if it knows nobody. */
  async gossip(node?: string): Promise<string | null> {
    return (await this.command("gossip", node === undefined ? {} : { node })) as string | null;
  }

  /** One whole tick now: pings in turn, then gossip. */
  async tick(): Promise<void> {
    await this.command("tick");
  }

  // --- bad health ---

  /** Accepts connections and never answers. */
  async silent(on: boolean): Promise<void> {
    await this.command("silent", { on });
  }

  /** Closes the listener: connections are refused. */
  async deaf(): Promise<void> {
    await this.command("deaf");
  }

  async undeaf(): Promise<void> {
    await this.command("undeaf");
  }

  /** Seconds before each byte of an answer's body (and head, on request); 0 ends it. */
  async drip(seconds: number, head = false): Promise<void> {
    await this.command("drip", { seconds, head });
  }

  /** The status of every answer to a PING; `undefined` ends it. */
  async status(code: number | undefined): Promise<void> {
    await this.command("status", { code: code ?? null });
  }

  async clock(offsetSeconds: number): Promise<void> {
    await this.command("clock", { offsetSeconds });
  }

  // --- lies ---

  /** @param seal False sends the plaintext as it is, whatever the network key. */
  async raw(
    address: string,
    path: string,
    plaintext: Uint8Array,
    seal = true,
    source?: string,
  ): Promise<RawAnswer> {
    const plaintextHex = Buffer.from(plaintext).toString("hex");
    return this.#exchange("raw", { address, path, plaintextHex, seal }, source);
  }

  async rawEnvelope(
    address: string,
    path: string,
    body: Uint8Array,
    source?: string,
  ): Promise<RawAnswer> {
    const bodyHex = Buffer.from(body).toString("hex");
    return this.#exchange("rawEnvelope", { address, path, bodyHex }, source);
  }

  /** Pushes a state of any owner; the text goes out, and is signed, as given. */
  async forgeUpdate(
    address: string,
    forged: Version & {
      readonly owner: string;
      readonly stateJson: string;
      readonly signWith?: SignWith;
    },
    source?: string,
  ): Promise<RawAnswer> {
    return this.#exchange("forgeUpdate", { address, ...forged }, source);
  }

  async helloAs(address: string, claim: HelloClaim, source?: string): Promise<RawAnswer> {
    return this.#exchange("helloAs", { address, ...claim }, source);
  }

  /** Sends a recorded body again, to the same path. */
  async replay(index: number, address: string, source?: string): Promise<RawAnswer> {
    return this.#exchange("replay", { index, address }, source);
  }

  /** Everything sent and received since it started. */
  async tape(from = 0): Promise<TapeEntry[]> {
    return (await this.command("tape", { from })) as TapeEntry[];
  }

  /** Adds these to its PEERS answers, correctly signed; an empty list ends it. */
  async lieInPeers(
    entries: readonly (readonly [id: string, address: string, port: number])[],
  ): Promise<void> {
    await this.command("lieInPeers", { entries });
  }

  /** Its UPDATE answers carry this state; `undefined` ends it. */
  async answerUpdateWith(
    forged:
      | (Version & {
          readonly owner: string;
          readonly stateJson: string;
          readonly signature?: SignWith;
        })
      | undefined,
  ): Promise<void> {
    await this.command("answerUpdateWith", forged ?? {});
  }

  /** Answers HELLO as somebody else; `undefined` ends it. */
  async answerHelloAs(claim: HelloClaim | undefined): Promise<void> {
    await this.command("answerHelloAs", claim ?? {});
  }

  /** Answers every request to `path` with a body off the tape; `undefined` ends it. */
  async answerWithTape(path: string, index: number | undefined): Promise<void> {
    await this.command("answerWithTape", { path, index: index ?? null });
  }

  // --- the process ---

  /** Sends any command; the typed methods go through here. */
  command(name: string, details: object = {}): Promise<unknown> {
    const id = ++this.#lastCommand;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      if (this.#hasEnded()) {
        this.#pending.delete(id);
        reject(new PythonPeerError(`${this.id} has ended`));
      } else {
        this.#process.stdin?.write(`${JSON.stringify({ ...details, id, do: name })}\n`);
      }
    });
  }

  /** Stops the node as the reference stops, and keeps the process: it can still write. */
  async halt(): Promise<void> {
    await this.command("stop", { exit: false });
  }

  /** Sends a signal. For SIGKILL and SIGTERM it resolves when the process is gone. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (this.#hasEnded()) return;
    this.#process.kill(signal);
    if (signal === "SIGKILL" || signal === "SIGTERM") await this.#exited;
  }

  /** Ends the process whatever its condition, and removes its temporary folder. Safe to repeat. */
  async stop(): Promise<void> {
    if (!this.#hasEnded()) {
      this.#process.kill("SIGCONT");
      this.command("stop").catch(() => undefined);
      this.#process.stdin?.end();
      const timer = setTimeout(() => this.#process.kill("SIGKILL"), STOP_MS);
      await this.#exited;
      clearTimeout(timer);
    }
    if (this.#temporaryDir !== undefined) {
      rmSync(this.#temporaryDir, { recursive: true, force: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #exchange(name: string, details: object, source: string | undefined): Promise<RawAnswer> {
    const from = source === undefined ? {} : { source };
    return (await this.command(name, { ...details, ...from })) as RawAnswer;
  }

  #hasEnded(): boolean {
    const { exitCode, signalCode, pid } = this.#process;
    return exitCode !== null || signalCode !== null || pid === undefined;
  }

  #receive(line: string): void {
    const message = JSON.parse(line) as PythonEvent | AnswerLine;
    if ("event" in message) {
      this.events.push(message);
      return;
    }
    const pending = message.id === null ? undefined : this.#pending.get(message.id);
    if (pending === undefined || message.id === null) return;
    this.#pending.delete(message.id);
    if (message.error === undefined) pending.resolve(message.result);
    else pending.reject(new PythonPeerError(message.error, message.status));
  }

  #end(why: string, resolve: () => void): void {
    alive.delete(this.#process);
    for (const { reject } of this.#pending.values()) reject(new PythonPeerError(why));
    this.#pending.clear();
    this.events.end(why);
    resolve();
  }
}

/** Starts a peer. Resolves when it listens; `joined()` waits for its bootstrap. */
export async function startPythonPeer(options: PythonPeerOptions): Promise<PythonPeer> {
  const found = pythonAvailable();
  if (!found.available) throw new PythonPeerError(found.reason);
  const peer = new PythonPeer(found.python, options);
  try {
    await peer.started();
  } catch (error) {
    await peer.stop();
    throw error;
  }
  return peer;
}

function argumentsOf(options: PythonPeerOptions, host: string, credentialDir: string): string[] {
  const flags: [string, string | number | undefined][] = [
    ["--id", options.id],
    ["--port", options.port],
    ["--key", options.key],
    ["--credential-dir", credentialDir],
    ["--tick", options.tickSeconds],
    ["--version", options.version],
    ["--network-ip", options.networkIp],
    ["--host", host],
    ["--source", options.source],
    ["--key-seed", options.keySeed],
    ...(options.bootstrap ?? []).map((at): [string, string] => ["--bootstrap", at]),
    ...(options.whitelist ?? []).map((id): [string, string] => ["--whitelist", id]),
  ];
  const given = flags.flatMap(([flag, value]) => (value === undefined ? [] : [`${flag}=${value}`]));
  return ["-B", join(HERE, "peer.py"), ...given, ...(options.trace === true ? ["--trace"] : [])];
}

/** Peers of this process that still run, for the case that a test forgets one. */
const alive = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});
