/** One simulated node: a real core, on simulated clock, disk, keys and network. */
import {
  type CoreEvent,
  type Effect,
  type Input,
  isPresent,
  NodeCore,
  SESSION_FEATURE,
} from "../protocol/index.ts";
import type { Outcome } from "../wire/exchange.ts";
import { BUSY_FEATURE } from "../wire/ping.ts";
import type { SimHost, SimRequest } from "./sim-carrier.ts";
import type { NodeDatagrams } from "./sim-datagrams.ts";
import type { SimDisk, SimNodeOptions, SimWorld } from "./sim-world.ts";

/** The wall clock of a simulation begins here, so that versions look like real ones. */
export const SIM_EPOCH_SECONDS = 1_785_000_000;

/** A node of a {@link Simulation}: a real core, whose effects act on simulated parts. */
export class SimNode implements SimHost {
  readonly name: string;
  readonly nodeId: string;
  readonly address: string;
  readonly port: number;
  /** What it keeps from one life to the next. */
  readonly disk: SimDisk;
  /** The core of this life, for reading. */
  readonly core: NodeCore;
  readonly keyId: string | undefined;
  /** What brings its datagrams; undefined for a node without. */
  readonly datagrams: NodeDatagrams | undefined;
  /** It takes and begins sessions. */
  readonly sessions: boolean;
  /** Added to its wall clock, in seconds. Setting it while it runs is a clock that steps. */
  skewSeconds: number;
  /** Everything told to the application, in order, if the simulation keeps records. */
  readonly events: CoreEvent[] = [];
  /** Mistakes of ours: a simulation with one has failed. */
  readonly faults: unknown[] = [];
  /** Changes what it answers: for nodes that lie. */
  corrupt: ((request: SimRequest, outcome: Outcome) => Outcome) | undefined;
  running = true;
  /** Stopped as by SIGSTOP; see {@link Simulation.pause}. */
  paused = false;
  /** When a pause began in which its monotonic clock stands still. */
  #pausedAtMs: number | undefined;
  /** How far its monotonic clock has fallen behind. */
  #sleptMs = 0;
  /** A worker has its UDP socket, and answers while the program is busy. */
  readonly thread: boolean;
  /** Simulated ms since which its program is busy; undefined while it is not. */
  #stalledSinceMs: number | undefined;
  /** What arrived during a pause: a stopped process finds it all at once when it goes on. */
  readonly #held: Input[] = [];
  readonly #whenAwake: (() => void)[] = [];
  readonly #world: SimWorld;
  readonly #responders = new Map<number, (outcome: Outcome) => void>();
  #lastExchange = 0;

  /** `Simulation.add()` makes one. */
  constructor(world: SimWorld, options: SimNodeOptions) {
    this.#world = world;
    this.name = options.name;
    this.nodeId = options.nodeId;
    this.address = options.address;
    this.port = options.port;
    this.disk = options.disk;
    this.keyId = options.keyId;
    this.skewSeconds = options.skewSeconds;
    this.sessions = options.sessions;
    this.thread = options.thread;
    this.datagrams = options.datagrams?.(this);
    this.core = new NodeCore({
      nodeId: options.nodeId,
      publicKey: options.disk.keyPair.publicKey,
      port: options.port,
      candidates: [options.address],
      pins: options.disk.pins,
      natives: options.disk.natives,
      remembered: options.disk.peers,
      mark: options.disk.mark,
      keyId: options.keyId,
      whitelist: options.whitelist.map((entry) => {
        const [nodeId = entry, fingerprint] = entry.split("=", 2);
        return { nodeId, fingerprint };
      }),
      features: [
        ...(this.datagrams === undefined ? [] : ["udp"]),
        ...(this.datagrams !== undefined && this.thread ? [BUSY_FEATURE] : []),
        ...(this.sessions ? [SESSION_FEATURE] : []),
      ],
      settings: world.settings,
      random: world.random,
      entropy: world.entropy,
    });
  }

  /** The wall clock of this node, Unix seconds. */
  get unixSeconds(): number {
    return SIM_EPOCH_SECONDS + this.#world.nowMs() / 1_000 + this.skewSeconds;
  }

  /** Feeds the core, and carries out what it asks for. Held back while the node is paused. */
  step(input: Input): void {
    if (!this.running) return;
    if (this.paused) {
      this.#held.push(input);
      return;
    }
    if (input.kind === "connection-lost") this.datagrams?.connectionLost(input.to);
    const monotonicMs = this.#world.nowMs() - this.#sleptMs;
    const now = { monotonicMs, unixSeconds: this.unixSeconds };
    for (const effect of this.core.step(input, now)) this.#carryOut(effect);
    const { wakeAt } = this.core;
    // A little later: sums of fractions are not exact, and a wake too early asks for another at once.
    const lateMs = this.#sleptMs === 0 ? 0 : this.#sleptMs + 0.001;
    this.#world.wakeAt(this, wakeAt === undefined ? undefined : wakeAt + lateMs);
    this.#world.stepped(this, input);
  }

  receive(request: SimRequest, respond: (outcome: Outcome) => void): void {
    const { type, payload, from, peer } = request;
    this.#lastExchange += 1;
    const exchange = this.#lastExchange;
    this.#responders.set(exchange, (outcome) =>
      respond(this.corrupt?.(request, outcome) ?? outcome),
    );
    this.step({ kind: "request", exchange, type, payload, from, peer });
  }

  stranger(from: string): void {
    this.step({ kind: "stranger", from });
  }

  /** Stops as a whole, its worker too, until {@link resume}. @param sleeps Its monotonic clock stops too. */
  pause(sleeps: boolean): void {
    if (this.paused) return;
    this.paused = true;
    this.#stalledSinceMs = undefined;
    this.#pausedAtMs = sleeps ? this.#world.nowMs() : undefined;
  }

  /** Its program computes, and its event loop does not turn; a worker, if it has one, runs on. */
  stall(): void {
    this.paused = true;
    this.#stalledSinceMs = this.#world.nowMs();
  }

  /** Its program is busy; see {@link stall}. */
  get isStalled(): boolean {
    return this.#stalledSinceMs !== undefined;
  }

  /** How long its program has been busy, in milliseconds; 0 when it is not. */
  get stalledMs(): number {
    return this.#world.nowMs() - (this.#stalledSinceMs ?? this.#world.nowMs());
  }

  /** Does something of the process at once, or when its pause ends. */
  whenAwake(happen: () => void): void {
    if (this.paused) this.#whenAwake.push(happen);
    else happen();
  }

  /** Goes on after a pause. Time-outs fire before anything is read, as in an event loop. */
  resume(): void {
    this.paused = false;
    if (this.#pausedAtMs !== undefined) this.#sleptMs += this.#world.nowMs() - this.#pausedAtMs;
    this.#pausedAtMs = undefined;
    this.#stalledSinceMs = undefined;
    const held = this.#held.splice(0);
    const isTimeout = (input: Input) => input.kind === "reply" && input.reply.kind === "failed";
    for (const input of held.filter(isTimeout)) this.step(input);
    this.step({ kind: "wake" });
    for (const input of held.filter((input) => !isTimeout(input))) this.step(input);
    this.datagrams?.resume();
    for (const happen of this.#whenAwake.splice(0)) happen();
  }

  /** A name has one key until it is forgotten. */
  #pin({ pins }: SimDisk, nodeId: string, publicKey: Uint8Array): void {
    const before = pins.get(nodeId);
    if (before !== undefined && Buffer.compare(before, publicKey) !== 0) {
      throw new Error(`${this.name} pins another key for ${nodeId}`);
    }
    pins.set(nodeId, publicKey);
  }

  #carryOut(effect: Effect): void {
    const { disk } = this;
    const world = this.#world;
    switch (effect.kind) {
      case "request":
        world.transmit(this, effect);
        break;
      case "respond": {
        const respond = this.#responders.get(effect.exchange);
        this.#responders.delete(effect.exchange);
        respond?.(effect.outcome);
        break;
      }
      case "pin":
        this.#pin(disk, effect.nodeId, effect.publicKey);
        break;
      case "unpin":
        disk.pins.delete(effect.nodeId);
        disk.natives.delete(effect.nodeId);
        break;
      case "pin-native":
        disk.natives.add(effect.nodeId);
        break;
      case "end-session":
        world.endSession(this, effect.nodeId);
        break;
      case "mark":
        disk.mark = effect.version;
        break;
      case "remember":
        disk.peers = effect.peers;
        break;
      case "datagrams":
        this.datagrams?.speaksDatagrams(effect.to, effect.speaks, effect.sessions);
        break;
      case "flush-soon":
        world.later(this, { kind: "flush" });
        break;
      case "event":
        if (world.keepsRecords) this.events.push(effect.event);
        world.told(this, effect.event);
        break;
      case "settled":
        world.settled(this, effect.operation, effect.error);
        break;
      case "left":
        world.left(this);
        break;
      case "fault":
        this.faults.push(effect.error);
        break;
      case "sign": {
        const { operation, scheme, message, entropy } = effect;
        const signature = world.engine.sign(disk.keyPair.privateKey, scheme, message, entropy);
        world.signing(this, message);
        world.later(this, { kind: "signed", operation, signature });
        break;
      }
      case "verify": {
        const { operation, publicKey, scheme, message, signature } = effect;
        const valid = world.engine.verify(publicKey, scheme, message, signature);
        world.later(this, { kind: "verified", operation, valid });
        break;
      }
    }
  }

  /** Requests that came in and are not answered yet. */
  get unanswered(): number {
    return this.#responders.size;
  }

  /** What this node reads of another; undefined when it does not list it. */
  read(nodeId: string): ReadonlyMap<string, string> | undefined {
    return this.core.entriesOf(nodeId);
  }

  /** Ids of the other nodes that are there for this one. */
  present(): string[] {
    return this.core
      .members()
      .filter(isPresent)
      .map(({ nodeId }) => nodeId);
  }

  /** Codes of the warnings that were told and have not ended. */
  warnings(): string[] {
    const open = new Set<string>();
    for (const event of this.events) {
      if (event.name !== "warning") continue;
      if (event.resolved) open.delete(event.error.code);
      else open.add(event.error.code);
    }
    return [...open];
  }
}
