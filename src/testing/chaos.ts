/** Carries out a plan of faults and holds the network to its promises. */
import type { SignatureEngine } from "../crypto/signatures.ts";
import type { Act, ChaosPlan, Fault } from "./chaos-plan.ts";
import { Liar } from "./liar.ts";
import type { SimNode } from "./sim-node.ts";
import { Simulation } from "./simulation.ts";
import { starve } from "./starvation.ts";
import { stripping } from "./stripper.ts";

/** How a run ended that kept all promises. */
export interface ChaosResult {
  /** Simulated time from the end of the faults until all agreed. */
  readonly convergedMs: number;
  /** Fingerprint of everything that happened. */
  readonly digest: string;
}

/** All nodes must agree this soon after the last fault. */
export const CONVERGE_MS = 30_000;
/** With Python peers: what they lost comes with their own gossip, to one peer in some seconds. */
export const CONVERGE_MIXED_MS = 180_000;
/** With two machines of one identity: the one that is left steps above the other's versions three times a minute. */
export const CONVERGE_CLONED_MS = 120_000;
/** Some still hold what is left for the one that was switched off, and give that up first. */
const CLONE_SETTLED_MS = 30_000;
/** By then all have met: two who joined at once hear of each other within a tick. */
const LIES_FROM_MS = 3_500;
/** A Python peer may be in the middle of three failing calls when the faults end. */
const PYTHON_SETTLED_MS = 15_000;
/** Then they are watched this long: what they agree on must stay. */
const WATCH_MS = 9_000;
/** Timers per member at rest: probe, pursuit, tick, bootstrap. */
const TIMERS_PER_MEMBER_MAX = 6;
/** Of the nodes that a liar makes up, those that a node knows at once: they come faster than they go. */
const INVENTED_KNOWN_MAX = 150;
/** An operator looks again whether a new identity was taken. */
const LOOK_AGAIN_MS = 5_000;
/** The second machine with the identity of another: at an address of its own. */
const TWIN_OF = "twin-of-";

/**
 * Runs a plan, and then lets the network come to rest.
 *
 * @param realEngine Real ECDSA, for plans that want it: `loadSignatureEngine`.
 * @param prepare Called before anything starts: to look on, or to break something on purpose.
 * @throws {Error} when a promise is broken, or the nodes do not come to agree, saying which.
 *
 * @example
 * const { convergedMs } = runChaos(planChaos(123), loadSignatureEngine);
 */
export function runChaos(
  plan: ChaosPlan,
  realEngine: () => SignatureEngine,
  prepare: (simulation: Simulation) => void = () => undefined,
): ChaosResult {
  const simulation = new Simulation({
    seed: plan.seed,
    ...(plan.rings > 0 ? { settings: { meshMax: 2, rings: plan.rings } } : {}),
    ...(plan.real ? { engine: realEngine() } : {}),
  });
  simulation.closesConnections = plan.closesConnections;
  prepare(simulation);
  const stage = new Stage(simulation, plan);
  for (const name of plan.names) stage.start(name);
  if (plan.liar !== undefined) stage.startLiar(plan.liar);
  if (plan.pythons.length > 0) simulation.run(1_000);
  for (const name of plan.pythons) stage.startPython(name);
  for (const act of plan.script) stage.perform(act);
  stage.end();
  const mixed = plan.pythons.length > 0;
  const cloned = plan.script.some(({ what }) => what.kind === "clone");
  const maxMs = mixed ? CONVERGE_MIXED_MS : cloned ? CONVERGE_CLONED_MS : CONVERGE_MS;
  const settledMs = simulation.clock.nowMs + PYTHON_SETTLED_MS;
  const convergedMs = simulation.converge(maxMs);
  if (cloned) {
    simulation.run(CLONE_SETTLED_MS);
    simulation.converge(maxMs);
  }
  simulation.run(mixed ? PYTHON_SETTLED_MS + WATCH_MS : WATCH_MS);
  // A Python peer that dropped another in the last of its failing calls waits for gossip again.
  if (mixed) simulation.converge(maxMs);
  const later = simulation.unconverged();
  if (later.length > 0) throw new Error(`seed ${plan.seed}: fell apart: ${later.join("; ")}`);
  simulation.verify();
  checkPythons(simulation, settledMs, plan.dead);
  checkRest(simulation);
  if (plan.liar !== undefined) checkNames(simulation, simulation.running());
  return { convergedMs, digest: simulation.trace.digest() };
}

class Stage {
  readonly #simulation: Simulation;
  readonly #plan: ChaosPlan;
  #sends = 0;
  readonly #starved = new Map<string, () => void>();
  /** Nodes that have another identity than before. */
  readonly #reinstalled = new Set<string>();

  constructor(simulation: Simulation, plan: ChaosPlan) {
    this.#simulation = simulation;
    this.#plan = plan;
  }

  start(name: string): void {
    const { joins, key } = this.#plan;
    const datagrams = this.#plan.datagrams.includes(name);
    const sessions = this.#plan.sessions.includes(name);
    this.#simulation.add(name, { join: joins[name] ?? [], key, datagrams, sessions });
  }

  startPython(name: string): void {
    const { key } = this.#plan;
    this.#simulation.addPython(name, { join: ["n0", "n1"], key });
  }

  startLiar(name: string): void {
    this.start(name);
    new Liar(this.#simulation, name).begin(LIES_FROM_MS);
  }

  perform({ atMs, what }: Act): void {
    const { clock } = this.#simulation;
    if (atMs > clock.nowMs) this.#simulation.run(atMs - clock.nowMs);
    this.#apply(what);
  }

  #apply(what: Fault): void {
    const simulation = this.#simulation;
    const { network } = simulation;
    const address = (name: string) => simulation.addressOf(name);
    switch (what.kind) {
      case "loss":
        network.lossRate = what.rate;
        break;
      case "delay":
        network.delayMs = what.ms;
        break;
      case "duplicate":
        network.duplicateRate = what.rate;
        break;
      case "reorder":
        network.reorderRate = what.rate;
        break;
      case "slow":
        network.slow(address(what.node), what.ms);
        break;
      case "starve":
        this.#starved.get(what.node)?.();
        this.#starved.set(what.node, starve(simulation, what.node));
        break;
      case "feed":
        this.#starved.get(what.node)?.();
        this.#starved.delete(what.node);
        break;
      case "clone":
        this.#startTwin(what.node);
        break;
      case "unclone":
        this.#stopTwin();
        break;
      case "strip":
        simulation.carrier.alter = what.rate === 0 ? undefined : stripping(simulation, what.rate);
        break;
      case "partition": {
        const all = [...this.#plan.names, ...this.#plan.pythons];
        const right = all.filter((name) => !what.left.includes(name));
        network.partition(what.left.map(address), right.map(address));
        break;
      }
      case "cut":
        network.cut(address(what.from), address(what.to));
        break;
      case "block":
        network.block(address(what.from), address(what.to), what.barrier);
        break;
      case "no-datagrams":
        network.dropDatagrams(address(what.from), address(what.to));
        break;
      case "mend":
        network.mend();
        break;
      case "crash":
        simulation.crash(what.node);
        break;
      case "leave":
        simulation.leave(what.node);
        break;
      case "restart":
        simulation.restart(what.node, { disk: what.disk, skewSeconds: what.skewSeconds });
        if (what.disk === "lost") this.#reinstalled.add(what.node);
        this.#forgetReinstalled();
        break;
      case "pause":
        simulation.pause(what.node);
        break;
      case "resume":
        simulation.resume(what.node);
        break;
      case "clock":
        simulation.node(what.node).skewSeconds = what.skewSeconds;
        break;
      case "write": {
        const python = simulation.pythons.get(what.node);
        if (python !== undefined) {
          python.write(what.key, what.value ?? "");
          break;
        }
        const node = simulation.node(what.node);
        if (node.running && !node.paused) simulation.write(what.node, what.key, what.value);
        break;
      }
      case "send": {
        this.#sends += 1;
        const node = simulation.node(what.from);
        const data = new TextEncoder().encode(`message ${this.#sends}`);
        if (node.running && !node.paused) simulation.send(what.from, what.to, data);
        break;
      }
    }
  }

  #startTwin(original: string): void {
    const simulation = this.#simulation;
    this.#stopTwin();
    const { joins, key, datagrams, sessions } = this.#plan;
    simulation.promises.cloned(original);
    simulation.add(`${TWIN_OF}${original}`, {
      cloneOf: original,
      join: joins[original] ?? [],
      key,
      datagrams: datagrams.includes(original),
      sessions: sessions.includes(original),
    });
  }

  #stopTwin(): void {
    for (const { name, running } of this.#simulation.nodes.values()) {
      if (running && name.startsWith(TWIN_OF)) this.#simulation.crash(name);
    }
  }

  /** What an operator does after a reinstallation: everybody who knows the old key forgets it. */
  #forgetReinstalled(): void {
    const simulation = this.#simulation;
    for (const nodeId of this.#reinstalled) {
      const { publicKey } = simulation.node(nodeId).disk.keyPair;
      for (const node of simulation.running()) {
        const known = node.disk.pins.get(nodeId);
        const isOld = known !== undefined && Buffer.compare(known, publicKey) !== 0;
        if (isOld) node.step({ kind: "forget", nodeId });
      }
    }
  }

  /** All faults end: what is stopped goes on, what crashed starts again, but for the dead. */
  end(): void {
    const simulation = this.#simulation;
    const { names, dead, endMs } = this.#plan;
    simulation.run(Math.max(0, endMs - simulation.clock.nowMs));
    simulation.network.heal();
    simulation.carrier.alter = undefined;
    for (const feed of this.#starved.values()) feed();
    this.#stopTwin();
    for (const name of names) {
      if (dead.includes(name)) {
        if (simulation.node(name).running) simulation.crash(name);
        continue;
      }
      if (!simulation.node(name).running) simulation.restart(name);
      simulation.resume(name);
      simulation.write(name, "last", `word of ${name}`);
    }
    if (this.#reinstalled.size > 0) {
      // A HELLO that was on its way may have brought the old identity back.
      this.#forgetReinstalled();
      simulation.run(LOOK_AGAIN_MS);
      this.#forgetReinstalled();
    }
    for (const [name, python] of simulation.pythons) python.write("last", `word of ${name}`);
  }
}

/** While links are good, no Python peer lists a ghost or is told of a false disconnect. */
function checkPythons(simulation: Simulation, sinceMs: number, dead: readonly string[]): void {
  for (const { name, ghosts, disconnects } of simulation.pythons.values()) {
    const wrong = [...ghosts, ...disconnects].filter(
      ({ nodeId, atMs }) => atMs > sinceMs && !dead.includes(nodeId),
    );
    if (wrong.length === 0) continue;
    const which = wrong.map(({ nodeId, atMs }) => `${nodeId} at ${Math.round(atMs)} ms`).join();
    throw new Error(`seed ${simulation.seed}: ${name} was made to disconnect ${which}`);
  }
}

/** Nothing piles up: at rest a node waits for little. */
function checkRest(simulation: Simulation): void {
  for (const node of simulation.running()) {
    checkDatagramsAtRest(simulation, node);
    const { replies, operations, timers } = node.core.pending;
    const members = node.core.members().length + 2;
    const many = `${node.name} at rest waits for ${replies} replies, ${operations} signatures, ${timers} timers, ${node.unanswered} requests with ${members} members`;
    const tooMany =
      replies > 4 * members ||
      operations > members ||
      node.unanswered > members ||
      timers > TIMERS_PER_MEMBER_MAX * members;
    if (tooMany) throw new Error(`seed ${simulation.seed}: ${many}`);
  }
}

/** What others make up does not fill the table; nobody honest is taken for a twin of itself. */
function checkNames({ seed, nodes, invented }: Simulation, running: readonly SimNode[]): void {
  for (const node of running) {
    const made = node.core.members().filter(({ nodeId }) => invented.has(nodeId)).length;
    if (made > INVENTED_KNOWN_MAX)
      throw new Error(
        `seed ${seed}: ${node.name} knows ${made} nodes that were made up, of ${invented.size}`,
      );
    for (const event of node.events) {
      if (event.name !== "warning" || event.resolved) continue;
      const { code, nodeId = "", message } = event.error;
      if (code !== "DSN_DUPLICATE_IDENTITY" || !nodes.has(nodeId) || nodeId === "liar") continue;
      // After a clock was set back, recordings of its own old process look like one that lives.
      if (nodeId === node.nodeId) continue;
      throw new Error(`seed ${seed}: ${node.name} says of ${nodeId}: ${message}`);
    }
  }
}

/** One way to each peer, and what others began with us since their last start. */
function checkDatagramsAtRest({ seed, nodes }: Simulation, { name, datagrams }: SimNode): void {
  if (datagrams === undefined) return;
  const { requests, expected } = datagrams.load;
  if (requests <= nodes.size && expected <= 2 * nodes.size) return;
  throw new Error(
    `seed ${seed}: ${name} at rest answers ${requests} datagrams and expects some from ${expected}`,
  );
}
