/**
 * One run of a large network without chaos: how fast it forms, how fast writes are everywhere, what
 * each node sends, and who is declared down when a process dies without a word.
 * @module
 */
import { seededRandom } from "./random.ts";
import type { SimNode } from "./sim-node.ts";
import { Simulation } from "./simulation.ts";
import type { TrafficCount } from "./traffic.ts";

/** What is run. */
export interface ScaleOptions {
  /** How many nodes; they start within a second, through the first. */
  readonly nodes: number;
  /** Everything that is left to chance follows from it. @default 1 */
  readonly seed?: number | undefined;
  /** Simulated minutes in which a node writes each second. @default 1 */
  readonly minutes?: number | undefined;
  /** Share of packets that links lose, 0 to 1. @default 0.01 */
  readonly lossRate?: number | undefined;
  /** Shortest and longest time on a link, in milliseconds. @default [1, 10] */
  readonly delayMs?: readonly [number, number] | undefined;
  /** Called as it goes on, with a sentence. */
  readonly onProgress?: ((what: string) => void) | undefined;
}

/** Who was declared down. */
export interface Verdict {
  /** Simulated milliseconds since the beginning. */
  readonly atMs: number;
  /** The node that says so. */
  readonly by: string;
  /** The node that it is said of. */
  readonly of: string;
}

/** What came of it; times are simulated milliseconds. */
export interface ScaleReport {
  /** How many nodes. */
  readonly nodes: number;
  /** What it was run from. */
  readonly seed: number;
  /** Simulated minutes of writing. */
  readonly minutes: number;
  /** Share of packets that were lost. */
  readonly lossRate: number;
  /** For each node, from its start until it lists all others. */
  readonly seesAllMs: readonly number[];
  /** From the first start until all list all and read all. */
  readonly allSeeAllMs: number;
  /** For each write, until each other node reads it: sorted. */
  readonly visibleMs: readonly number[];
  /** For each write, until the last node reads it: sorted. */
  readonly everywhereMs: readonly number[];
  /** Writes that were overtaken by a newer one before they were everywhere. */
  readonly overtaken: number;
  /** What all nodes sent during the writes, by kind. */
  readonly traffic: ReadonlyMap<string, TrafficCount>;
  /** What each node sent during the writes. */
  readonly trafficByNode: ReadonlyMap<string, TrafficCount>;
  /** Simulated minutes of the traffic. */
  readonly trafficMinutes: number;
  /** For each node, from the silent death of one until it says so: sorted. */
  readonly deathKnownMs: readonly number[];
  /** Who was declared down though it ran. */
  readonly falseVerdicts: readonly Verdict[];
  /** Real seconds that the run took. */
  readonly tookSeconds: number;
}

const START_WITHIN_MS = 1_000;
const JOIN_MS_MAX = 300_000;
const WRITE_EVERY_MS = 1_000;
/** Writes of the last second may still be on their way. */
const SETTLE_MS = 5_000;
const DEATH_MS_MAX = 60_000;

/**
 * Runs a network and reports. Signatures are hashes that stand in for ECDSA: they cost less of this
 * machine, and no simulated time either way.
 *
 * @throws {Error} when the nodes do not come to see each other, or a promise is broken.
 *
 * @example
 * const { everywhereMs } = runScale({ nodes: 32 });
 * console.log(everywhereMs.at(-1));
 */
export function runScale(options: ScaleOptions): ScaleReport {
  const startedMs = performance.now();
  const run = new ScaleRun(options);
  const joined = run.join();
  const written = run.write();
  const died = run.die();
  run.simulation.verify();
  const { nodes, seed = 1, minutes = 1, lossRate = 0.01 } = options;
  const tookSeconds = (performance.now() - startedMs) / 1_000;
  return { nodes, seed, minutes, lossRate, ...joined, ...written, ...died, tookSeconds };
}

class ScaleRun {
  readonly simulation: Simulation;
  readonly #options: ScaleOptions;
  readonly #random: () => number;
  readonly #names: string[];
  readonly #startedMs = new Map<string, number>();
  readonly #seesAllMs = new Map<string, number>();
  readonly #present = new Map<SimNode, number>();
  readonly #leaves: Verdict[] = [];
  /** The newest write of each owner, and who reads it. */
  readonly #writes = new Map<string, { value: string; atMs: number; seenMs: number[] }>();

  constructor(options: ScaleOptions) {
    const { seed = 1, lossRate = 0.01, delayMs } = options;
    this.#options = options;
    this.#random = seededRandom(seed ^ 0x5ca1e);
    this.simulation = new Simulation({
      seed,
      lossRate,
      ...(delayMs && { delayMs }),
      keepsRecords: false,
    });
    this.#names = Array.from({ length: options.nodes }, (_, index) => `n${index}`);
    this.simulation.onTold = (node, event) => {
      if (event.name === "state:update" && !event.local) {
        this.#seen(event.owner, event.change.current.get("k"));
      } else if (event.name === "peer:join") this.#joined(node);
      else if (event.name === "peer:leave") this.#left(node, event.member.nodeId);
    };
  }

  #joined(node: SimNode): void {
    const present = (this.#present.get(node) ?? 0) + 1;
    this.#present.set(node, present);
    if (present < this.#names.length - 1 || this.#seesAllMs.has(node.name)) return;
    this.#seesAllMs.set(node.name, this.simulation.clock.nowMs);
  }

  #left(node: SimNode, of: string): void {
    this.#present.set(node, (this.#present.get(node) ?? 0) - 1);
    this.#leaves.push({ atMs: this.simulation.clock.nowMs, by: node.name, of });
  }

  #seen(owner: string, value: string | undefined): void {
    const write = this.#writes.get(owner);
    if (write === undefined || write.value !== value) return;
    write.seenMs.push(this.simulation.clock.nowMs - write.atMs);
  }

  join() {
    const { simulation } = this;
    const names = this.#names;
    for (const name of names) {
      const atMs = name === "n0" ? 0 : this.#random() * START_WITHIN_MS;
      simulation.clock.in(atMs, () => {
        this.#startedMs.set(name, simulation.clock.nowMs);
        const join = name === "n0" ? [] : ["n0"];
        simulation.add(name, { join, sessions: true, datagrams: "plain" });
      });
    }
    const isDone = () => this.#seesAllMs.size === names.length || names.length === 1;
    if (simulation.runUntil(isDone, JOIN_MS_MAX) === undefined)
      throw new Error(`${this.#seesAllMs.size} of ${names.length} nodes see all`);
    simulation.converge(JOIN_MS_MAX);
    const allSeeAllMs = simulation.clock.nowMs;
    this.#options.onProgress?.(`all see all after ${Math.round(allSeeAllMs)} ms`);
    const seesAllMs = [...this.#seesAllMs].map(
      ([name, atMs]) => atMs - (this.#startedMs.get(name) ?? 0),
    );
    return { seesAllMs: sorted(seesAllMs), allSeeAllMs };
  }

  write() {
    const { simulation } = this;
    const { minutes = 1 } = this.#options;
    const before = simulation.traffic.byKind();
    const beforeByNode = simulation.traffic.byHost();
    const count = Math.max(1, Math.round((minutes * 60_000) / WRITE_EVERY_MS));
    const visible: number[] = [];
    const everywhere: number[] = [];
    let overtaken = 0;
    const end = (owner: string) => {
      const write = this.#writes.get(owner);
      if (write === undefined) return;
      this.#writes.delete(owner);
      for (const ms of write.seenMs) visible.push(ms);
      if (write.seenMs.length < this.#names.length - 1) overtaken += 1;
      else everywhere.push(Math.max(0, ...write.seenMs));
    };
    for (let index = 0; index < count; index += 1) {
      const owner = this.#names[Math.floor(this.#random() * this.#names.length)] ?? "n0";
      end(owner);
      const value = `v${index}`;
      this.#writes.set(owner, { value, atMs: simulation.clock.nowMs, seenMs: [] });
      simulation.write(owner, "k", value);
      simulation.run(WRITE_EVERY_MS);
      if (index % 10 === 9) this.#options.onProgress?.(`${index + 1} of ${count} writes`);
    }
    simulation.run(SETTLE_MS);
    for (const owner of this.#names) end(owner);
    return {
      visibleMs: sorted(visible),
      everywhereMs: sorted(everywhere),
      overtaken,
      traffic: since(before, simulation.traffic.byKind()),
      trafficByNode: since(beforeByNode, simulation.traffic.byHost()),
      trafficMinutes: (count * WRITE_EVERY_MS + SETTLE_MS) / 60_000,
    };
  }

  /** One process dies without a word, its machine with it. */
  die() {
    const { simulation } = this;
    const dead = this.#names.at(-1) ?? "";
    const others = this.#names.length - 1;
    const atMs = simulation.clock.nowMs;
    const told = () => this.#leaves.filter((leave) => leave.of === dead && leave.atMs >= atMs);
    if (others > 0) {
      simulation.closesConnections = false;
      simulation.crash(dead);
      simulation.runUntil(() => told().length >= others, DEATH_MS_MAX);
      this.#options.onProgress?.(`${told().length} of ${others} know of a silent death`);
    }
    const known = told();
    return {
      deathKnownMs: sorted(known.map((leave) => leave.atMs - atMs)),
      falseVerdicts: this.#leaves.filter((leave) => !known.includes(leave)),
    };
  }
}

function since(
  before: ReadonlyMap<string, TrafficCount>,
  after: ReadonlyMap<string, TrafficCount>,
): Map<string, TrafficCount> {
  return new Map(
    [...after].flatMap(([name, { count, bytes }]) => {
      const old = before.get(name) ?? { count: 0, bytes: 0 };
      return count === old.count
        ? []
        : [[name, { count: count - old.count, bytes: bytes - old.bytes }] as const];
    }),
  );
}

function sorted(numbers: readonly number[]): number[] {
  return [...numbers].sort((a, b) => a - b);
}
