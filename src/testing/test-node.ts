/** A simulated node as a program sees it: the face of a real one. */
import { DsnError } from "../errors.ts";
import type { Emitter } from "../node/emitter.ts";
import type { DSNodeEvents } from "../node/events.ts";
import type { NodeBody } from "../node/node-body.ts";
import type { NodeCallbacks } from "../node/node-callbacks.ts";
import { NodeFace } from "../node/node-face.ts";
import { type PeerInfo, toPeerInfo } from "../node/peer-info.ts";
import { stoppedError } from "../node/stopped-error.ts";
import { Teller } from "../node/teller.ts";
import type { CoreEvent, Instant, NodeCore } from "../protocol/index.ts";
import type { Driver } from "./driver.ts";
import type { SimNode } from "./sim-node.ts";
import type { Simulation } from "./simulation.ts";

/** What a simulated node stands on. */
export interface TestNodeParts {
  /** The network around it. */
  readonly simulation: Simulation;
  /** What lets its time pass. */
  readonly driver: Driver;
  /** The process. */
  readonly sim: SimNode;
}

/**
 * One life of a process on a simulated network: everything that a program does with a
 * `DSNodeServer`, on simulated time.
 *
 * Time stands still until the network lets it pass: `await net.until(node.waitForPeers(2))`. After
 * a restart there is a new one, `net.node(name)`; the old one is stopped.
 *
 * @example
 * const [a, b] = net.nodes;
 * a.updateData("status", "idle");
 * await net.settled();
 * b.readData("a", "status"); // "idle"
 */
export class TestNode extends NodeFace {
  override readonly node: TestBody;
  readonly #sim: SimNode;

  /** A `TestNetwork` makes it. */
  constructor(parts: TestNodeParts, callbacks: NodeCallbacks) {
    super();
    this.#sim = parts.sim;
    this.node = new TestBody(parts);
    this.connectCallbacks(callbacks);
  }

  override nodeId(): string {
    return this.#sim.nodeId;
  }

  /**
   * For its program: resolves when so much simulated time has passed and its process can go on; not
   * while that is paused or starved, and never when it has ended. It lets no time pass by itself.
   */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.node.after(ms, resolve));
  }

  /** Whether its process runs: not before its start, nor after a crash or once it is to stop. */
  get running(): boolean {
    return !this.node.stopped;
  }
}

/** What stands behind a {@link TestNode}. */
export class TestBody implements NodeBody {
  readonly events: Emitter<DSNodeEvents>;
  readonly #parts: TestNodeParts;
  readonly #teller: Teller;
  readonly #sends = new Set<(error: DsnError) => void>();
  #stopped = false;
  #ended = false;

  /** A {@link TestNode} makes it. */
  constructor(parts: TestNodeParts) {
    this.#parts = parts;
    this.#teller = new Teller(
      () => this.#now(),
      () => undefined,
      // There is no system, and the program's turn is over soon.
      (then) => process.nextTick(then),
    );
    this.events = this.#teller.events;
  }

  get core(): NodeCore {
    return this.#parts.sim.core;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  write(changes: ReadonlyMap<string, string | undefined>): void {
    this.#checkRunning("write");
    this.#parts.sim.step({ kind: "write", changes });
  }

  send(to: string, data: Uint8Array, timeoutMs: number | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#checkRunning("send");
      const { simulation, sim, driver } = this.#parts;
      this.#sends.add(reject);
      const limitMs = timeoutMs === 0 ? Number.POSITIVE_INFINITY : timeoutMs;
      const settle = (error: DsnError | undefined) => {
        this.#sends.delete(reject);
        driver.touch();
        if (error === undefined) resolve();
        else reject(error);
      };
      simulation.send(sim.name, to, data, settle, limitMs);
    });
  }

  forgetIdentity(nodeId: string): void {
    this.#checkRunning("forget an identity");
    this.#parts.sim.step({ kind: "forget", nodeId });
  }

  peerInfo(): PeerInfo[] {
    const now = this.#now();
    return this.core.members().map((member) => toPeerInfo(member, now));
  }

  eventsFromNow(): () => boolean {
    return this.#teller.eventsFromNow();
  }

  after(ms: number, run: () => void): () => void {
    const { driver, sim } = this.#parts;
    let isCancelled = false;
    const go = () => {
      if (isCancelled || this.#ended) return;
      driver.touch();
      run();
    };
    // A process that stands still finds its timers due when it goes on.
    const cancel = driver.after(ms, () => sim.whenAwake(go));
    return () => {
      isCancelled = true;
      cancel();
    };
  }

  /** The core told something: the program hears of it in its next turn. */
  told(event: CoreEvent): void {
    this.#teller.add(event);
    this.#parts.driver.touch();
    this.#teller.tellSoon();
  }

  /** It was told to stop, and says goodbye: its program asks nothing more of it. */
  leaving(): void {
    this.#stopped = true;
  }

  /** Its process has ended: what waits for it waits no longer. */
  ended(): void {
    if (this.#ended) return;
    this.#stopped = true;
    this.#ended = true;
    for (const reject of this.#sends) reject(stoppedError("send"));
    this.#sends.clear();
    this.#parts.driver.touch();
    this.events.emit("close", undefined);
  }

  #checkRunning(what: string): void {
    if (this.#stopped) throw stoppedError(what);
    const { paused, name } = this.#parts.sim;
    if (!paused) return;
    throw new DsnError("DSN_STOPPED", `Cannot ${what}: the process of "${name}" is paused`, {
      why: "a paused or starved process does nothing, its program included",
      fix: [`net.resume("${name}"), or write before the pause`],
    });
  }

  #now(): Instant {
    const { simulation, sim } = this.#parts;
    return { monotonicMs: simulation.clock.nowMs, unixSeconds: sim.unixSeconds };
  }
}
