/**
 * Whole networks on a virtual clock: real cores, and every fault that a seed can think of.
 *
 * The same seed gives the same run, message by message. Two promises are checked: *ownership*
 * after every event, *convergence* once the faults have ended.
 * @module
 */
import { createHash } from "node:crypto";
import type { SignatureEngine } from "../crypto/signatures.ts";
import type { DsnError } from "../errors.ts";
import type { CoreEvent, Effect, Input } from "../protocol/index.ts";
import type { Outcome, Reply } from "../wire/exchange.ts";
import { stateSignedPart } from "../wire/state-packet.ts";
import { seededBytes, seededRandom } from "./random.ts";
import { type LinkOptions, SimNetwork } from "./sim-network.ts";
import { type SimDisk, SimNode, type SimWorld } from "./sim-node.ts";
import { createToySignatures } from "./toy-signatures.ts";
import { VirtualClock } from "./virtual-clock.ts";

export interface SimulationOptions extends LinkOptions {
  readonly seed: number;
  /** Real ECDSA instead of hashes that stand in for it: slower, and nothing else may change. */
  readonly engine?: SignatureEngine;
}

export interface AddOptions {
  /** Ids of nodes to join through; they need not exist yet. */
  readonly join?: readonly string[];
  /** Added to the node's wall clock, in seconds. */
  readonly skewSeconds?: number;
  /** Name of its network key; nodes of different keys do not understand each other. */
  readonly key?: string | undefined;
  readonly whitelist?: readonly string[];
}

/** Sees a request on its way and may change, answer or swallow it. */
export type Tamper = (passing: {
  readonly from: SimNode;
  readonly to: SimNode | undefined;
  readonly type: Extract<Effect, { kind: "request" }>["type"];
  readonly payload: Uint8Array;
}) => Reply | undefined;

interface Inbound {
  readonly settle: (outcome: Outcome) => void;
}

const PORT = 8_000;

export class Simulation {
  readonly seed: number;
  readonly clock = new VirtualClock();
  readonly network: SimNetwork;
  readonly nodes = new Map<string, SimNode>();
  /** What broke a promise; empty in a good run. */
  readonly violations: string[] = [];
  /** Consulted for each request; a liar sits here. */
  tamper: Tamper | undefined;
  readonly #random: () => number;
  readonly #entropy: (length: number) => Uint8Array;
  readonly #engine: SignatureEngine;
  readonly #world: SimWorld;
  readonly #disks = new Map<string, SimDisk>();
  readonly #added = new Map<string, AddOptions>();
  /** Every message that the holder of an identity ever signed, by hash. */
  readonly #said = new Map<string, Set<string>>();
  readonly #inbound = new Map<number, Inbound>();
  readonly #wakes = new Map<SimNode, number>();
  readonly #sends = new Map<number, (error: DsnError | undefined) => void>();
  #lastExchange = 0;

  constructor(options: SimulationOptions) {
    this.seed = options.seed;
    this.#random = seededRandom(options.seed);
    this.#entropy = seededBytes(this.#random);
    this.#engine = options.engine ?? createToySignatures();
    this.network = new SimNetwork(this.clock, this.#random, options);
    this.#world = {
      engine: this.#engine,
      random: this.#random,
      entropy: this.#entropy,
      nowMs: () => this.clock.nowMs,
      later: (node, input) => this.#later(node, input),
      transmit: (node, effect) => this.#transmit(node, effect),
      respond: (_node, exchange, outcome) => this.#respond(exchange, outcome),
      wakeAt: (node, atMs) => this.#wakeAt(node, atMs),
      signing: (node, message) => this.#noteSaid(node.nodeId, message),
      told: (node, event) => this.#checkOwnership(node, event),
      settled: (_node, operation, error) => this.#sends.get(operation)?.(error),
    };
  }

  // ---- the cast -------------------------------------------------------------------------------

  /** Starts a node. Its address is its own for ever. */
  add(nodeId: string, options: AddOptions = {}): SimNode {
    this.#added.set(nodeId, options);
    return this.#start(nodeId, options);
  }

  /** The process dies: nothing is said, everything in memory is gone. */
  crash(nodeId: string): void {
    const node = this.node(nodeId);
    node.running = false;
    this.#wakes.delete(node);
  }

  /** Starts it again, on the disk that it had, or on an empty one. */
  restart(
    nodeId: string,
    options: Partial<AddOptions> & { readonly disk?: "kept" | "unmarked" } = {},
  ): SimNode {
    if (this.nodes.get(nodeId)?.running === true) this.crash(nodeId);
    const disk = this.#disks.get(nodeId);
    // An identity without its mark: the file beside the key was lost.
    if (options.disk === "unmarked" && disk !== undefined) disk.mark = undefined;
    return this.#start(nodeId, { ...this.#added.get(nodeId), ...options });
  }

  /** Stops the process as SIGSTOP does: its connections stay open and nothing is answered. */
  pause(nodeId: string): void {
    this.node(nodeId).paused = true;
  }

  resume(nodeId: string): void {
    this.node(nodeId).resume();
  }

  node(nodeId: string): SimNode {
    const node = this.nodes.get(nodeId);
    if (node === undefined) throw new RangeError(`Cannot find node "${nodeId}" in the simulation`);
    return node;
  }

  running(): SimNode[] {
    return [...this.nodes.values()].filter(({ running }) => running);
  }

  #start(nodeId: string, options: AddOptions): SimNode {
    const disk = this.#disks.get(nodeId) ?? this.#newDisk();
    this.#disks.set(nodeId, disk);
    const known = this.nodes.get(nodeId);
    const node = new SimNode(this.#world, {
      nodeId,
      address: known?.address ?? this.#addressOf(nodeId),
      port: PORT,
      disk,
      keyId: options.key,
      whitelist: options.whitelist ?? [],
      skewSeconds: options.skewSeconds ?? 0,
    });
    this.nodes.set(nodeId, node);
    const bootstrap = (options.join ?? []).map((id) => ({
      address: this.#addressOf(id),
      port: PORT,
    }));
    node.step({ kind: "start", bootstrap });
    return node;
  }

  #newDisk(): SimDisk {
    let privateKey = this.#entropy(32);
    while (!this.#engine.isPrivateKey(privateKey)) privateKey = this.#entropy(32);
    const publicKey = this.#engine.publicKeyOf(privateKey);
    return { keyPair: { privateKey, publicKey }, pins: new Map(), mark: undefined };
  }

  /** A name gives an address, so that a node can join through one that starts later. */
  #addressOf(nodeId: string): string {
    const digest = createHash("sha256").update(nodeId).digest();
    return `10.${digest[0] ?? 0}.${digest[1] ?? 0}.${(digest[2] ?? 0) || 1}`;
  }

  // ---- what nodes do --------------------------------------------------------------------------

  write(nodeId: string, key: string, value: string | undefined): void {
    this.node(nodeId).step({ kind: "write", changes: new Map([[key, value]]) });
  }

  /** Sends bytes; `onSettled` is told the error, or undefined when they arrived. */
  send(
    from: string,
    to: string,
    data: Uint8Array,
    onSettled: (error: DsnError | undefined) => void,
  ): void {
    this.#lastExchange += 1;
    const operation = this.#lastExchange;
    this.#sends.set(operation, onSettled);
    this.node(from).step({ kind: "send", operation, to, data, timeoutMs: undefined });
  }

  // ---- time -----------------------------------------------------------------------------------

  /** Lets `ms` of simulated time pass. */
  run(ms: number): void {
    const untilMs = this.clock.nowMs + ms;
    while (this.clock.advance(untilMs)) {
      // Each advance lets one thing happen.
    }
  }

  /** Runs until the condition holds. @returns simulated ms that it took, undefined if over `maxMs`. */
  runUntil(condition: () => boolean, maxMs: number): number | undefined {
    const startMs = this.clock.nowMs;
    for (;;) {
      if (condition()) return this.clock.nowMs - startMs;
      if (this.clock.nowMs >= startMs + maxMs) return undefined;
      this.run(Math.min(50, startMs + maxMs - this.clock.nowMs));
    }
  }

  #later(node: SimNode, input: Input): void {
    // A little chance in the order of background work shows races.
    this.clock.in(this.#random() * 0.2, () => node.step(input));
  }

  #wakeAt(node: SimNode, atMs: number | undefined): void {
    if (atMs === undefined) {
      this.#wakes.delete(node);
      return;
    }
    if (this.#wakes.get(node) === atMs) return;
    this.#wakes.set(node, atMs);
    this.clock.in(Math.max(0, atMs - this.clock.nowMs), () => {
      if (this.#wakes.get(node) !== atMs) return;
      this.#wakes.delete(node);
      if (!node.paused) node.step({ kind: "wake" });
    });
  }

  // ---- messages -------------------------------------------------------------------------------

  #transmit(from: SimNode, effect: Extract<Effect, { kind: "request" }>): void {
    for (const { exchange, to } of effect.targets) {
      const deadlineMs = this.clock.nowMs + effect.timeoutMs;
      let open = true;
      const reply = (reply: Reply) => {
        if (!open) return;
        open = false;
        from.step({ kind: "reply", exchange, reply });
      };
      this.clock.in(effect.timeoutMs, () =>
        reply({ kind: "failed", reason: "no-answer", detail: "no answer in time" }),
      );
      const target = [...this.nodes.values()].find(
        ({ address, port }) => address === to.address && port === to.port,
      );
      const copy = effect.payload.slice();
      const lie = this.tamper?.({ from, to: target, type: effect.type, payload: copy });
      if (lie !== undefined) {
        this.clock.in(1, () => reply(lie));
        continue;
      }
      this.network.carry(from.address, to.address, () => {
        if (this.clock.nowMs > deadlineMs) return;
        const back = (result: Reply) =>
          this.network.carry(to.address, from.address, () => reply(result));
        this.deliver(from.address, from.keyId, this.#at(to.address), effect.type, copy, back);
      });
    }
  }

  #at(address: string): SimNode | undefined {
    return [...this.nodes.values()].find((node) => node.address === address);
  }

  /** Brings a request to a node, as a carrier would. Also the way in for forged messages. */
  deliver(
    fromAddress: string,
    key: string | undefined,
    node: SimNode | undefined,
    type: Extract<Effect, { kind: "request" }>["type"],
    payload: Uint8Array,
    back: (reply: Reply) => void,
  ): void {
    if (node === undefined || !node.running) {
      back({ kind: "failed", reason: "unreachable", detail: "connection refused" });
      return;
    }
    if (key !== node.keyId) {
      if (node.keyId !== undefined) node.step({ kind: "stranger", from: fromAddress });
      back(
        node.keyId === undefined
          ? { kind: "refused", status: 400, text: "" }
          : { kind: "refused", status: 401, text: "Missing or incorrect encryption key" },
      );
      return;
    }
    this.#lastExchange += 1;
    const exchange = this.#lastExchange;
    this.#inbound.set(exchange, {
      settle: (outcome) => back(toReply(outcome, node)),
    });
    node.step({ kind: "request", exchange, type, payload, from: fromAddress });
  }

  #respond(exchange: number, outcome: Outcome): void {
    const inbound = this.#inbound.get(exchange);
    this.#inbound.delete(exchange);
    inbound?.settle(outcome);
  }

  // ---- promises -------------------------------------------------------------------------------

  #noteSaid(nodeId: string, message: Uint8Array): void {
    const said = this.#said.get(nodeId) ?? new Set();
    this.#said.set(nodeId, said.add(hash(message)));
  }

  /** Ownership: no node holds a state that its owner did not sign. */
  #checkOwnership(node: SimNode, event: CoreEvent): void {
    if (event.name !== "state:update" || event.local) return;
    this.checkReplica(node, event.owner);
  }

  checkReplica(node: SimNode, owner: string): void {
    const replica = node.core.member(owner)?.replica;
    if (replica === undefined) return;
    const { version, text } = replica;
    const message = stateSignedPart({ nodeId: owner, version, text });
    if (this.#said.get(owner)?.has(hash(message)) === true) return;
    this.violations.push(
      `${node.nodeId} holds a state of ${owner} that ${owner} never signed: ${text}`,
    );
  }

  /** Convergence: every running node reads every running node's entries, and lists just those. */
  unconverged(): string[] {
    const problems: string[] = [];
    const running = this.running();
    for (const node of running) {
      const listed = node.present().sort().join();
      const expected = running.filter((other) => other !== node).map(({ nodeId }) => nodeId);
      if (listed !== expected.sort().join()) problems.push(`${node.nodeId} lists [${listed}]`);
      for (const owner of running) {
        const wanted = JSON.stringify([...(owner.read(owner.nodeId) ?? [])].sort());
        const held = JSON.stringify([...(node.read(owner.nodeId) ?? [])].sort());
        if (wanted !== held)
          problems.push(`${node.nodeId} reads ${held} of ${owner.nodeId}, not ${wanted}`);
      }
    }
    return problems;
  }

  /** Runs until converged. @returns simulated ms, or throws with what is missing. */
  converge(maxMs: number): number {
    const tookMs = this.runUntil(() => this.unconverged().length === 0, maxMs);
    if (tookMs === undefined) {
      throw new Error(
        `seed ${this.seed}: not converged after ${maxMs} ms: ${this.unconverged().join("; ")}`,
      );
    }
    return tookMs;
  }

  /** Throws when a promise was broken or a core met a mistake of ours. */
  verify(): void {
    for (const node of this.nodes.values()) {
      for (const { nodeId } of node.core.members()) this.checkReplica(node, nodeId);
      for (const fault of node.faults)
        this.violations.push(`fault in ${node.nodeId}: ${String(fault)}`);
    }
    if (this.violations.length === 0) return;
    throw new Error(`seed ${this.seed}: ${this.violations.slice(0, 5).join("; ")}`);
  }
}

function toReply(outcome: Outcome, node: SimNode): Reply {
  if (outcome.kind === "answer") {
    const peerUnixSeconds = Math.floor(node.unixSeconds);
    return { kind: "answer", payload: outcome.payload.slice(), peerUnixSeconds };
  }
  const { status, text, authenticated } = outcome;
  return authenticated || node.keyId === undefined
    ? { kind: "refused", status, text }
    : { kind: "refused", status: 401, text: "Missing or incorrect encryption key" };
}

function hash(message: Uint8Array): string {
  return createHash("sha256").update(message).digest("base64");
}
