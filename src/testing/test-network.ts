/**
 * A whole network in one thread, for tests of programs: real nodes on a simulated network, where
 * seconds pass in milliseconds and a seed that fails once fails always.
 * @module
 */
import { checkEntry } from "../node/values.ts";
import { Driver } from "./driver.ts";
import type { LinkOptions } from "./sim-network.ts";
import { SimWaiting, WITHIN_MS } from "./sim-waiting.ts";
import { Simulation } from "./simulation.ts";
import { type StarveOptions, starve } from "./starvation.ts";
import { TestNode } from "./test-node.ts";
import type {
  SettleOptions,
  TestNetworkOptions,
  TestNodeOptions,
  TestRestartOptions,
} from "./test-options.ts";

const SHOWN_MAX = 10;

/**
 * Starts a network of nodes that have all met when this resolves.
 *
 * @param nodes How many, named `a`, `b`, `c` …, from 27 on `n0`, `n1` …; or their names.
 * @throws {DsnError} `DSN_TIMEOUT` when they do not meet within a simulated minute, as with links
 *   that lose everything.
 *
 * @example
 * await using net = await createTestNetwork(3, { seed: 7, lossRate: 0.01 });
 * net.node("a").updateData("status", "idle");
 * await net.settled();
 * net.partition(["a"], ["b", "c"]);
 */
export async function createTestNetwork(
  nodes: number | readonly string[],
  options: TestNetworkOptions = {},
): Promise<TestNetwork> {
  const network = new TestNetwork(options);
  for (const name of typeof nodes === "number" ? namesOf(nodes) : nodes) network.add(name);
  await network.settled();
  return network;
}

function namesOf(count: number): string[] {
  const letter = (index: number) => String.fromCharCode("a".charCodeAt(0) + index);
  return Array.from({ length: count }, (_, index) => (count > 26 ? `n${index}` : letter(index)));
}

/**
 * Nodes, the network between them, and the time that they live in.
 *
 * Time passes only while {@link advance}, {@link until} or {@link settled} is awaited. What a
 * program does meanwhile is done before time goes on, unless it waits for something outside, such
 * as a real timer: give it {@link TestNode.sleep} instead.
 *
 * @example
 * const net = new TestNetwork({ seed: 1 });
 * net.add("a");
 * net.add("b", { join: ["a"] });
 * await net.settled();
 */
export class TestNetwork implements AsyncDisposable {
  /** What is below: links, traffic, promises that must hold, and nodes with their cores. */
  readonly simulation: Simulation;
  readonly #options: TestNetworkOptions;
  readonly #driver: Driver;
  readonly #waiting: SimWaiting;
  readonly #nodes = new Map<string, TestNode>();
  readonly #starved = new Map<string, () => void>();

  /** Nobody is in it. {@link createTestNetwork} does the usual. */
  constructor(options: TestNetworkOptions = {}) {
    this.#options = options;
    this.simulation = new Simulation({ ...options, seed: options.seed ?? 1 });
    this.#driver = new Driver(this.simulation.clock);
    this.#waiting = new SimWaiting(this.#driver, this.simulation.clock);
    this.simulation.onTold = (sim, event) => {
      const node = this.#nodes.get(sim.name);
      if (node?.node.core === sim.core) node.node.told(event);
    };
  }

  // ---- nodes ----------------------------------------------------------------------------------

  /** All nodes whose process runs, in the order in which they were added. */
  get nodes(): TestNode[] {
    return [...this.#nodes.values()].filter(({ running }) => running);
  }

  /** The node of that name; after a restart, the one that runs now. @throws {RangeError} when there is none. */
  node(name: string): TestNode {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new RangeError(`Cannot find node "${name}" in the test network`);
    return node;
  }

  /** Starts one more node. It has met nobody yet: see {@link settled}. @throws {RangeError} for a name that is taken. */
  add(name: string, options: TestNodeOptions = {}): TestNode {
    if (this.#nodes.has(name)) throw new RangeError(`Cannot add a second node "${name}"`);
    const { join = [...this.#nodes.keys()].slice(0, 3), skewMs = 0, whitelist = [] } = options;
    this.simulation.add(name, {
      join,
      whitelist,
      skewSeconds: skewMs / 1_000,
      sessions: this.#options.sessions ?? true,
      datagrams: this.#options.datagrams ?? true,
    });
    return this.#begin(name);
  }

  /** A process begins: its state is written before anybody can see it, then its program runs. */
  #begin(name: string): TestNode {
    const { simulation } = this;
    const driver = this.#driver;
    const node = new TestNode({ simulation, driver, sim: simulation.node(name) }, {});
    this.#nodes.set(name, node);
    const state = Object.entries(this.#options.state?.(name) ?? {});
    for (const [key, value] of state) checkEntry(key, value);
    if (state.length > 0) node.node.write(new Map(state));
    this.#options.program?.(node);
    return node;
  }

  /** The process dies at once; its system closes its connections. */
  crash(name: string): void {
    const node = this.node(name);
    this.simulation.crash(name);
    node.node.ended();
  }

  /** The process stops as `DSNodeServer.stop()` does: it says goodbye, within half a second. */
  async stop(name: string): Promise<void> {
    const node = this.node(name);
    const sim = this.simulation.node(name);
    if (!sim.running) return;
    node.node.leaving();
    this.simulation.leave(name);
    await this.until(() => !sim.running);
    node.node.ended();
  }

  /** Starts the process again, after a crash if it runs. Nothing in memory is kept. */
  restart(name: string, { disk = "kept" }: TestRestartOptions = {}): TestNode {
    const { running, skewSeconds } = this.simulation.node(name);
    if (running) this.crash(name);
    // The clock is the machine's, not the process's.
    this.simulation.restart(name, { disk, skewSeconds });
    return this.#begin(name);
  }

  /**
   * Stops the process as SIGSTOP does: its connections stay open and nothing is answered. It ends
   * {@link starve}; only {@link resume} ends it.
   */
  pause(name: string): void {
    // The next stall would end the pause, too.
    this.feed(name);
    this.simulation.pause(name);
  }

  /** Ends a {@link pause}. */
  resume(name: string): void {
    this.simulation.resume(name);
  }

  /** The process gets too little of its processor, until {@link feed}: it stalls for seconds, again and again. */
  starve(name: string, options: StarveOptions = {}): void {
    this.feed(name);
    this.#starved.set(name, starve(this.simulation, name, options));
  }

  /** Ends {@link starve}. */
  feed(name: string): void {
    this.#starved.get(name)?.();
    this.#starved.delete(name);
  }

  /** Steps the clock of a node: what it takes for now, not how fast time passes. @param ms To add, may be negative. */
  skewClock(name: string, ms: number): void {
    this.simulation.node(name).skewSeconds += ms / 1_000;
  }

  // ---- the network ----------------------------------------------------------------------------

  /** Changes how well all links work; what is not named stays. */
  setLinks({ delayMs, lossRate, duplicateRate, reorderRate }: LinkOptions): void {
    const { network } = this.simulation;
    if (delayMs !== undefined) network.delayMs = delayMs;
    if (lossRate !== undefined) network.lossRate = lossRate;
    if (duplicateRate !== undefined) network.duplicateRate = duplicateRate;
    if (reorderRate !== undefined) network.reorderRate = reorderRate;
  }

  /** Nothing passes between the two sides. @param right @default all others */
  partition(left: readonly string[], right: readonly string[] = this.#others(left)): void {
    const { network } = this.simulation;
    network.partition(left.map(this.#addressOf), right.map(this.#addressOf));
  }

  /** `from` can begin connections to `to`, not the other way round: a firewall, or NAT. Those that there are stay. */
  oneWay(from: string, to: string): void {
    this.simulation.network.block(this.#addressOf(to), this.#addressOf(from), "silent");
  }

  /** Nothing that `from` sends to `to` arrives; what `to` sends does. */
  cut(from: string, to: string): void {
    this.simulation.network.cut(this.#addressOf(from), this.#addressOf(to));
  }

  /** All that a node sends leaves it late, its answers too. @param ms How late; 0 ends it. */
  slow(name: string, ms: number): void {
    this.simulation.network.slow(this.#addressOf(name), ms);
  }

  /** Ends partitions, cuts, firewalls and slowness, and starving; links work as in the beginning. */
  heal(): void {
    for (const name of [...this.#starved.keys()]) this.feed(name);
    this.simulation.network.heal();
    this.setLinks(this.#options);
  }

  readonly #addressOf = (name: string): string => {
    this.node(name);
    return this.simulation.node(name).address;
  };

  #others(left: readonly string[]): string[] {
    return [...this.#nodes.keys()].filter((name) => !left.includes(name));
  }

  // ---- time -----------------------------------------------------------------------------------

  /** Simulated milliseconds since the beginning. */
  get nowMs(): number {
    return this.simulation.clock.nowMs;
  }

  /** Lets simulated time pass. */
  advance(ms: number): Promise<void> {
    return this.#driver.drive((end) => void this.#driver.after(ms, () => end()));
  }

  /**
   * Resolves when that much simulated time has passed. It lets none pass by itself. The program of a
   * node sleeps by {@link TestNode.sleep}, which its process has to be awake for.
   */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#driver.after(ms, resolve));
  }

  /**
   * Lets time pass until a promise is settled, or a condition holds.
   *
   * @throws {DsnError} `DSN_TIMEOUT` when the time is over; or what the promise is rejected with.
   *
   * @example
   * await net.until(b.waitForKey("a", "status"));
   * await net.until(() => b.remotePeers().length === 2, { withinMs: 5_000 });
   */
  until(condition: () => boolean, options?: SettleOptions): Promise<void>;
  /** As above, with what the promise resolves to. */
  until<T>(promise: PromiseLike<T>, options?: SettleOptions): Promise<T>;
  until<T>(
    what: PromiseLike<T> | (() => boolean),
    { withinMs = WITHIN_MS }: SettleOptions = {},
  ): Promise<T | undefined> {
    return typeof what === "function"
      ? this.#waiting.untilTrue(what, withinMs, () => "a condition to hold")
      : this.#waiting.untilSettled(what, withinMs);
  }

  /**
   * Lets time pass until every node that runs lists all others that run and holds their newest state.
   *
   * @throws {DsnError} `DSN_TIMEOUT`, saying who lacks what.
   * @throws {Error} when a node broke a promise of this package: please report it with the seed.
   */
  async settled({ withinMs = WITHIN_MS }: SettleOptions = {}): Promise<void> {
    const { simulation } = this;
    const missing = () => {
      const lacking = simulation.unconverged();
      const more = lacking.length > SHOWN_MAX ? `\n  and ${lacking.length - SHOWN_MAX} more` : "";
      return `all to agree:\n  ${lacking.slice(0, SHOWN_MAX).join("\n  ")}${more}`;
    };
    await this.#waiting.untilTrue(() => simulation.isConverged(), withinMs, missing);
    simulation.verify();
  }

  /** A fingerprint of every message and event so far: the same seed and the same program give the same. */
  fingerprint(): string {
    return this.simulation.trace.digest();
  }

  /** All processes end, without a goodbye. */
  [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#starved.values()) end();
    this.#starved.clear();
    for (const { node } of this.#nodes.values()) node.ended();
    for (const name of this.#nodes.keys()) {
      if (this.simulation.node(name).running) this.simulation.crash(name);
    }
    return Promise.resolve();
  }
}
