/**
 * Whole networks on a virtual clock: real cores, and every fault that a seed can think of.
 *
 * The same seed gives the same run, message by message. The promises of `promises.ts` are checked
 * after every step, *convergence* once the faults have ended.
 * @module
 */
import type { SignatureEngine } from "../crypto/signatures.ts";
import type { DsnError } from "../errors.ts";
import type { CoreEvent } from "../protocol/index.ts";
import { anyName } from "../wire/native-type.ts";
import { disagreements } from "./convergence.ts";
import { Promises } from "./promises.ts";
import { seededBytes, seededRandom } from "./random.ts";
import { SIM_PORT, SimCarrier, type SimHost } from "./sim-carrier.ts";
import { SimDisks } from "./sim-disks.ts";
import { addressOf, SimHosts } from "./sim-hosts.ts";
import { SimNetwork } from "./sim-network.ts";
import { SimNode } from "./sim-node.ts";
import type { AddOptions, RestartOptions, SimulationOptions } from "./sim-options.ts";
import { type PythonOptions, SimPython } from "./sim-python.ts";
import { SimServices } from "./sim-services.ts";
import { SimSessions } from "./sim-sessions.ts";
import { SimWire } from "./sim-wire.ts";
import type { SimDisk } from "./sim-world.ts";
import { isNameTaken } from "./taken-names.ts";
import { createToySignatures } from "./toy-signatures.ts";
import { Trace } from "./trace.ts";
import { Traffic } from "./traffic.ts";
import { VirtualClock } from "./virtual-clock.ts";

/**
 * A whole network in one thread, without sockets and without waiting: seconds pass in milliseconds,
 * and a seed that fails once fails always.
 *
 * @example
 * const simulation = new Simulation({ seed: 1, lossRate: 0.1 });
 * simulation.add("a");
 * simulation.add("b", { join: ["a"] });
 * simulation.write("a", "status", "ready");
 * simulation.converge(30_000); // throws with what is missing
 * simulation.node("b").read("a")?.get("status"); // "ready"
 * simulation.verify();
 */
export class Simulation {
  /** What everything left to chance follows from. */
  readonly seed: number;
  /** Time, in milliseconds since the beginning. */
  readonly clock = new VirtualClock();
  /** Links, and what goes wrong on them. */
  readonly network: SimNetwork;
  /** What carries requests: for taps and liars. */
  readonly carrier: SimCarrier;
  /** A fingerprint of all that happened. */
  readonly trace = new Trace();
  /** What each host sends, counted. */
  readonly traffic = new Traffic();
  /** What signs and verifies. */
  readonly engine: SignatureEngine;
  /** Uniform in [0, 1), from the seed. */
  readonly random: () => number;
  /** As many bytes as asked for, from the seed. */
  readonly entropy: (length: number) => Uint8Array;
  /** Nodes with a core of ours, by name. */
  readonly nodes = new Map<string, SimNode>();
  /** Peers that behave as the Python implementation does, by name. */
  readonly pythons = new Map<string, SimPython>();
  /** Names of nodes that lie: nobody needs to agree with them. */
  readonly liars = new Set<string>();
  /** Ids that a liar made up: nobody needs to know that nobody is behind them. */
  readonly invented = new Set<string>();
  /** What must hold in every run; {@link verify} looks. */
  readonly promises = new Promises(this.liars, (at, nodeId) => isNameTaken(this, at, nodeId));
  /** Whether the end of a process closes its connections, as a TCP stack does. */
  closesConnections = true;
  /** Hears all that nodes tell their programs, inside the step: for those who run programs. */
  onTold: ((node: SimNode, event: CoreEvent) => void) | undefined;
  /** Sessions between nodes that use them. */
  readonly sessions: SimSessions;
  readonly #services: SimServices;
  readonly #disks: SimDisks;
  readonly #wire = new SimWire(this);
  readonly #hosts = new SimHosts();
  readonly #added = new Map<string, AddOptions>();

  /** Begins at 0 ms with nobody in it. */
  constructor(options: SimulationOptions) {
    this.seed = options.seed;
    this.random = seededRandom(options.seed);
    this.entropy = seededBytes(this.random);
    this.trace.isKept = options.keepsRecords ?? true;
    this.engine = options.engine ?? createToySignatures();
    this.#disks = new SimDisks(this.engine, this.entropy);
    this.network = new SimNetwork(this.clock, this.random, options);
    this.carrier = new SimCarrier({
      clock: this.clock,
      network: this.network,
      trace: this.trace,
      traffic: this.traffic,
      hostAt: (address) => this.#hosts.at(address),
    });
    this.sessions = new SimSessions({
      clock: this.clock,
      network: this.network,
      traffic: this.traffic,
      nodeAt: (address) => this.nodeAt(address),
      note: (from, to, { type, payload }) => {
        if (!this.trace.isKept) return;
        this.trace.note(this.clock.nowMs, `${to.name} ${anyName(type)} ${from.address}`, payload);
      },
    });
    this.#services = new SimServices(this, this.#wire, options);
  }

  // ---- the cast -------------------------------------------------------------------------------

  /** All machines: nodes of ours, then Python peers. */
  *hosts(): Generator<SimHost> {
    yield* this.nodes.values();
    yield* this.pythons.values();
  }

  /** Starts a node on a host of that name. Its address is its own for ever. */
  add(name: string, options: AddOptions = {}): SimNode {
    this.#added.set(name, options);
    if (options.cloneOf !== undefined) this.#disks.copy(options.cloneOf, name);
    return this.#start(name, options);
  }

  /** Starts a peer that behaves as the Python implementation does. */
  addPython(name: string, options: PythonOptions = {}): SimPython {
    const { keyPair } = this.#disks.of(name);
    this.pythons.get(name)?.crash();
    const peer = new SimPython(this, name, options, keyPair);
    this.pythons.set(name, peer);
    this.#hosts.settle(peer);
    return peer;
  }

  /** The node of ours behind an IP address, or a name followed by `.sim`. */
  nodeAt(address: string): SimNode | undefined {
    const host = this.#hosts.at(address);
    return host instanceof SimNode ? host : undefined;
  }

  /** The process dies: nothing is said, everything in memory is gone. */
  crash(name: string): void {
    const node = this.node(name);
    node.running = false;
    this.#services.wakeAt(node, undefined);
    if (this.closesConnections) this.#wire.closeConnections(node);
    this.sessions.died(node, this.closesConnections);
  }

  /** The process stops, and says goodbye before it ends: within half a second. */
  leave(name: string): void {
    this.node(name).step({ kind: "leave" });
  }

  /** Starts it again, on the disk that it had, or on an empty one. */
  restart(name: string, options: RestartOptions = {}): SimNode {
    if (this.nodes.get(name)?.running === true) this.crash(name);
    if (options.disk === "unmarked" && this.#disks.unmark(name)) this.promises.markLost(name);
    if (options.disk === "lost") {
      this.#disks.lose(name);
      this.promises.markLost(name);
    }
    return this.#start(name, { ...this.#added.get(name), ...options });
  }

  /**
   * Stops the process as SIGSTOP does: its connections stay open and nothing is answered.
   *
   * @param options `sleeps`: its monotonic clock stands still meanwhile, as on a laptop whose lid is
   *   shut; by default it runs on.
   */
  pause(name: string, { sleeps = false }: { readonly sleeps?: boolean } = {}): void {
    this.node(name).pause(sleeps);
  }

  /**
   * The program of that node computes, and answers nobody. Its worker answers probes, if it was
   * added with `thread`; without, this is a {@link pause}.
   */
  stall(name: string): void {
    this.node(name).stall();
  }

  /** Ends a {@link pause} or a {@link stall}. */
  resume(name: string): void {
    const node = this.node(name);
    if (node.paused) node.resume();
  }

  /** The node of that name. @throws {RangeError} when there is none. */
  node(name: string): SimNode {
    const node = this.nodes.get(name);
    if (node === undefined) throw new RangeError(`Cannot find node "${name}" in the simulation`);
    return node;
  }

  /** Honest nodes whose process runs. */
  running(): SimNode[] {
    return [...this.nodes.values()].filter(({ running, name }) => running && !this.liars.has(name));
  }

  #start(name: string, options: AddOptions): SimNode {
    const disk = this.#disks.of(name);
    const old = this.nodes.get(name);
    if (old !== undefined) this.#wire.forget(old);
    const node = new SimNode(this.#services, {
      name,
      nodeId: options.nodeId ?? options.cloneOf ?? name,
      address: options.address ?? old?.address ?? this.addressOf(name),
      port: SIM_PORT,
      disk,
      keyId: options.key,
      whitelist: options.whitelist ?? [],
      skewSeconds: options.skewSeconds ?? 0,
      datagrams: this.#wire.datagramsOf(options.datagrams),
      sessions: options.sessions === true,
      thread: options.thread === true,
    });
    this.nodes.set(name, node);
    if (old !== undefined) this.#hosts.vacate(old.address);
    this.#hosts.settle(node);
    const bootstrap = (options.join ?? []).map((host) => ({
      address: host.endsWith(".sim") ? host : this.addressOf(host),
      port: SIM_PORT,
    }));
    node.step({ kind: "start", bootstrap });
    return node;
  }

  /** An identity, from the seed. */
  newKeyPair(): SimDisk["keyPair"] {
    return this.#disks.newKeyPair();
  }

  /** A name gives an address, so that a node can join through one that starts later. */
  addressOf(name: string): string {
    return addressOf(name);
  }

  // ---- what nodes do --------------------------------------------------------------------------

  /** A node writes to its own state; `undefined` deletes the key. */
  write(name: string, key: string, value: string | undefined): void {
    this.node(name).step({ kind: "write", changes: new Map([[key, value]]) });
  }

  /**
   * Sends bytes; `onSettled` is told the error, or undefined when they arrived.
   *
   * @param timeoutMs As of `sendToNode`: by default what the size needs.
   */
  send(
    from: string,
    to: string,
    data: Uint8Array,
    onSettled: (error: DsnError | undefined) => void = () => undefined,
    timeoutMs?: number,
  ): void {
    const operation = this.#services.expect(onSettled);
    this.promises.handedOver(this.node(from).nodeId, to, data);
    this.node(from).step({ kind: "send", operation, to, data, timeoutMs });
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

  // ---- convergence ----------------------------------------------------------------------------

  /**
   * What keeps running nodes from agreeing, in words; empty when they do.
   *
   * @param ignored Ids that may be listed or not.
   */
  unconverged(ignored: readonly string[] = []): string[] {
    return [...this.#disagreements(ignored)];
  }

  /** The same, as far as whether there is anything. */
  isConverged(ignored: readonly string[] = []): boolean {
    return this.#disagreements(ignored).next().done === true;
  }

  #disagreements(ignored: readonly string[]): Generator<string> {
    const pythons = [...this.pythons.values()].filter(({ running }) => running);
    const lying = [...this.liars].flatMap((name) => this.nodes.get(name)?.nodeId ?? []);
    return disagreements(
      [...this.running(), ...pythons],
      [...lying, ...this.invented, ...ignored],
      (at, nodeId) => isNameTaken(this, at, nodeId),
    );
  }

  /** Runs until converged. @returns simulated ms, or throws with what is missing. */
  converge(maxMs: number): number {
    const tookMs = this.runUntil(() => this.isConverged(), maxMs);
    if (tookMs === undefined) {
      const missing = this.unconverged().slice(0, 10).join("\n  ");
      throw new Error(`seed ${this.seed}: not converged after ${maxMs} ms:\n  ${missing}`);
    }
    return tookMs;
  }

  /** Throws when a promise was broken or a core met a mistake of ours. */
  verify(): void {
    for (const node of this.nodes.values()) this.promises.check(node);
    const { violations } = this.promises;
    if (violations.length === 0) return;
    throw new Error(
      `seed ${this.seed}: promises broken:\n  ${violations.slice(0, 8).join("\n  ")}`,
    );
  }
}
