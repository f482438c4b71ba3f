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
  /**
   * Share of packets that links lose, 0 to 1. While the network forms they lose no more than 5 %:
   * with hundreds of nodes what is asked here is who is given up, not who takes minutes to come.
   * @default 0.01
   */
  readonly lossRate?: number | undefined;
  /**
   * The first node dies without a word when ten others have joined. Those that start later know one
   * of these ten besides: whose only address is dead has no way in. @default false
   */
  readonly bootstrapDies?: boolean | undefined;
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
  /** Whether the first node died while the others joined. */
  readonly bootstrapDies: boolean;
  /** For each node, from its start until it lists all others that run. */
  readonly seesAllMs: readonly number[];
  /** From the first start until all list all and read all, and nobody lists who is dead. */
  readonly allSeeAllMs: number;
  /** For each write, until each other node reads it: sorted. */
  readonly visibleMs: readonly number[];
  /** For each write, until the last node reads it: sorted. */
  readonly everywhereMs: readonly number[];
  /** Writes that were overtaken by a newer one before they were everywhere. */
  readonly overtaken: number;
  /** For each write, how many frames with states and offers its writer sent in the second after it: sorted. */
  readonly ownFrames: readonly number[];
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
/** Where the bootstrap node is to die, the first nodes start within less. */
const FIRST = { count: 10, withinMs: 100 } as const;
const BOOTSTRAP = "n0";
const JOIN_MS_MAX = 300_000;
const JOIN_LOSS_MAX = 0.05;
const SAY_EVERY_MS = 500;
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
  const { nodes, seed = 1, minutes = 1, lossRate = 0.01, bootstrapDies = false } = options;
  const tookSeconds = (performance.now() - startedMs) / 1_000;
  const asked = { nodes, seed, minutes, lossRate, bootstrapDies };
  return { ...asked, ...joined, ...written, ...died, tookSeconds };
}

class ScaleRun {
  readonly simulation: Simulation;
  readonly #options: ScaleOptions;
  readonly #random: () => number;
  readonly #names: string[];
  /** Those that are not to die while the others join. */
  readonly #lasting: string[];
  readonly #startedMs = new Map<string, number>();
  readonly #seesAllMs = new Map<string, number>();
  readonly #present = new Map<SimNode, number>();
  /** Those that are to join before the bootstrap node dies. */
  readonly #firstMissing: Set<string>;
  readonly #leaves: Verdict[] = [];
  /** Who died at the end, and when others have said so that did not take it back. */
  #died: string | undefined;
  readonly #deathKnown = new Map<SimNode, number>();
  /** The newest write of each owner, and who reads it. */
  readonly #writes = new Map<string, { value: string; atMs: number; seenMs: number[] }>();

  constructor(options: ScaleOptions) {
    const { seed = 1, lossRate = 0.01, delayMs } = options;
    this.#options = options;
    this.#random = seededRandom(seed ^ 0x5ca1e);
    this.simulation = new Simulation({
      seed,
      lossRate: Math.min(JOIN_LOSS_MAX, lossRate),
      ...(delayMs && { delayMs }),
      keepsRecords: false,
    });
    this.#names = Array.from({ length: options.nodes }, (_, index) => `n${index}`);
    this.#firstMissing = new Set(this.#names.slice(1, 1 + FIRST.count));
    this.#lasting = options.bootstrapDies === true ? this.#names.slice(1) : this.#names;
    this.simulation.onTold = (node, event) => {
      if (event.name === "state:update" && !event.local) {
        this.#seen(event.owner, event.change.current.get("k"));
      } else if (event.name === "peer:join") this.#joined(node, event.member.nodeId);
      else if (event.name === "peer:leave") this.#left(node, event.member.nodeId);
    };
  }

  #joined(node: SimNode, of: string): void {
    if (this.#isDoomed(of)) return;
    if (of === this.#died) this.#deathKnown.delete(node);
    const present = (this.#present.get(node) ?? 0) + 1;
    this.#present.set(node, present);
    if (node.name === BOOTSTRAP && this.#isDoomed(BOOTSTRAP)) this.#countFirst(of);
    if (present < this.#lasting.length - 1 || this.#seesAllMs.has(node.name)) return;
    this.#seesAllMs.set(node.name, this.simulation.clock.nowMs);
  }

  #isDoomed(name: string): boolean {
    return name === BOOTSTRAP && this.#options.bootstrapDies === true;
  }

  /** The bootstrap node lists one more. */
  #countFirst(name: string): void {
    this.#firstMissing.delete(name);
    if (this.#firstMissing.size > 0 || !this.simulation.node(BOOTSTRAP).running) return;
    this.simulation.clock.in(0, () => this.#dieSilently(BOOTSTRAP));
  }

  /** Its machine does: nobody closes its connections. */
  #dieSilently(name: string): void {
    this.simulation.closesConnections = false;
    this.simulation.crash(name);
    this.simulation.closesConnections = true;
  }

  #left(node: SimNode, of: string): void {
    if (this.#isDoomed(of)) return;
    this.#present.set(node, (this.#present.get(node) ?? 0) - 1);
    if (of === this.#died) {
      this.#deathKnown.set(node, this.simulation.clock.nowMs);
      return;
    }
    this.#leaves.push({ atMs: this.simulation.clock.nowMs, by: node.name, of });
  }

  #seen(owner: string, value: string | undefined): void {
    const write = this.#writes.get(owner);
    if (write === undefined || write.value !== value) return;
    write.seenMs.push(this.simulation.clock.nowMs - write.atMs);
  }

  join() {
    const { simulation } = this;
    const lasting = this.#lasting;
    for (const [index, name] of this.#names.entries()) this.#startLater(name, index);
    const isDone = () => this.#seesAllMs.size === lasting.length || lasting.length === 1;
    const untilMs = simulation.clock.nowMs + JOIN_MS_MAX;
    while (!isDone() && simulation.clock.nowMs < untilMs) {
      simulation.runUntil(isDone, SAY_EVERY_MS);
      this.#options.onProgress?.(
        `${Math.round(simulation.clock.nowMs)} ms: ${this.#seesAllMs.size} of ${lasting.length} see all`,
      );
    }
    if (!isDone()) throw new Error(`${this.#seesAllMs.size} of ${lasting.length} nodes see all`);
    simulation.converge(JOIN_MS_MAX);
    const allSeeAllMs = simulation.clock.nowMs;
    simulation.network.lossRate = this.#options.lossRate ?? simulation.network.lossRate;
    this.#options.onProgress?.(`all see all after ${Math.round(allSeeAllMs)} ms`);
    const seesAllMs = [...this.#seesAllMs].map(
      ([name, atMs]) => atMs - (this.#startedMs.get(name) ?? 0),
    );
    return { seesAllMs: sorted(seesAllMs), allSeeAllMs };
  }

  #startLater(name: string, index: number): void {
    const { simulation } = this;
    const dies = this.#isDoomed(BOOTSTRAP);
    const isFirst = index <= FIRST.count;
    let atMs = name === BOOTSTRAP ? 0 : this.#random() * START_WITHIN_MS;
    if (dies && isFirst) atMs *= FIRST.withinMs / START_WITHIN_MS;
    const other = `n${1 + (index % FIRST.count)}`;
    const join = name === BOOTSTRAP ? [] : [BOOTSTRAP, ...(dies && !isFirst ? [other] : [])];
    simulation.clock.in(atMs, () => {
      this.#startedMs.set(name, simulation.clock.nowMs);
      simulation.add(name, { join, sessions: true, datagrams: "plain" });
    });
  }

  write() {
    const { simulation } = this;
    const { minutes = 1 } = this.#options;
    const before = simulation.traffic.byKind();
    const beforeByNode = simulation.traffic.byHost();
    const count = Math.max(1, Math.round((minutes * 60_000) / WRITE_EVERY_MS));
    const visible: number[] = [];
    const everywhere: number[] = [];
    const ownFrames: number[] = [];
    let overtaken = 0;
    const end = (owner: string) => {
      const write = this.#writes.get(owner);
      if (write === undefined) return;
      this.#writes.delete(owner);
      for (const ms of write.seenMs) visible.push(ms);
      if (write.seenMs.length < this.#lasting.length - 1) overtaken += 1;
      else everywhere.push(Math.max(0, ...write.seenMs));
    };
    for (let index = 0; index < count; index += 1) {
      const owner = this.#lasting[Math.floor(this.#random() * this.#lasting.length)] ?? BOOTSTRAP;
      end(owner);
      const value = `v${index}`;
      this.#writes.set(owner, { value, atMs: simulation.clock.nowMs, seenMs: [] });
      const framesBefore = this.#statesAndOffers(owner);
      simulation.write(owner, "k", value);
      simulation.run(WRITE_EVERY_MS);
      ownFrames.push(this.#statesAndOffers(owner) - framesBefore);
      if (index % 10 === 9) this.#options.onProgress?.(`${index + 1} of ${count} writes`);
    }
    simulation.run(SETTLE_MS);
    for (const owner of this.#lasting) end(owner);
    return {
      visibleMs: sorted(visible),
      everywhereMs: sorted(everywhere),
      overtaken,
      ownFrames: sorted(ownFrames),
      traffic: since(before, simulation.traffic.byKind()),
      trafficByNode: since(beforeByNode, simulation.traffic.byHost()),
      trafficMinutes: (count * WRITE_EVERY_MS + SETTLE_MS) / 60_000,
    };
  }

  #statesAndOffers(name: string): number {
    const kinds = this.simulation.traffic.of(name);
    return (kinds.get("frame STATES")?.count ?? 0) + (kinds.get("frame OFFER")?.count ?? 0);
  }

  /** One process dies without a word, its machine with it. */
  die() {
    const { simulation } = this;
    const dead = this.#lasting.at(-1) ?? "";
    const others = this.#lasting.length - 1;
    const atMs = simulation.clock.nowMs;
    if (others > 0) {
      this.#died = dead;
      this.#dieSilently(dead);
      simulation.runUntil(() => this.#deathKnown.size >= others, DEATH_MS_MAX);
      // Whoever takes it back by mistake does so soon.
      simulation.run(SETTLE_MS);
      this.#options.onProgress?.(`${this.#deathKnown.size} of ${others} know of a silent death`);
    }
    return {
      deathKnownMs: sorted([...this.#deathKnown.values()].map((knownMs) => knownMs - atMs)),
      falseVerdicts: this.#leaves,
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
