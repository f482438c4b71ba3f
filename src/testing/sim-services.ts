/**
 * What a simulation does for each node in it: carries what it sends, wakes it, brings it the results
 * of its work later, tells its program, and looks on.
 * @module
 */
import type { DsnError } from "../errors.ts";
import type { CoreEvent, Effect, Input, Settings } from "../protocol/index.ts";
import type { SimNode } from "./sim-node.ts";
import type { SimulationOptions } from "./sim-options.ts";
import type { SimWire } from "./sim-wire.ts";
import type { SimWorld } from "./sim-world.ts";
import type { Simulation } from "./simulation.ts";

/** A little chance in the order of background work shows races. */
const LATER_MS_MAX = 0.2;

export class SimServices implements SimWorld {
  readonly settings: Partial<Settings>;
  readonly keepsRecords: boolean;
  readonly engine: SimWorld["engine"];
  readonly random: SimWorld["random"];
  readonly entropy: SimWorld["entropy"];
  readonly #simulation: Simulation;
  readonly #wire: SimWire;
  readonly #wakes = new Map<SimNode, number>();
  /** Sends that no program has been told the end of. */
  readonly #sends = new Map<number, (error: DsnError | undefined) => void>();
  #lastOperation = 0;

  constructor(
    simulation: Simulation,
    wire: SimWire,
    { settings = {}, keepsRecords = true }: SimulationOptions,
  ) {
    this.#simulation = simulation;
    this.#wire = wire;
    this.settings = settings;
    this.keepsRecords = keepsRecords;
    this.engine = simulation.engine;
    this.random = simulation.random;
    this.entropy = simulation.entropy;
  }

  // ---- time -----------------------------------------------------------------------------------

  nowMs(): number {
    return this.#simulation.clock.nowMs;
  }

  later(node: SimNode, input: Input): void {
    this.#simulation.clock.in(this.random() * LATER_MS_MAX, () => node.step(input));
  }

  wakeAt(node: SimNode, atMs: number | undefined): void {
    if (atMs === undefined) {
      this.#wakes.delete(node);
      return;
    }
    if (this.#wakes.get(node) === atMs) return;
    this.#wakes.set(node, atMs);
    this.#simulation.clock.in(Math.max(0, atMs - this.nowMs()), () => {
      if (this.#wakes.get(node) !== atMs) return;
      this.#wakes.delete(node);
      if (!node.paused) node.step({ kind: "wake" });
    });
  }

  // ---- the wire -------------------------------------------------------------------------------

  transmit(node: SimNode, effect: Extract<Effect, { kind: "request" }>): void {
    this.#wire.transmit(node, effect);
  }

  endSession(node: SimNode, nodeId: string): void {
    this.#simulation.sessions.end(node, nodeId);
  }

  // ---- looking on -----------------------------------------------------------------------------

  signing(node: SimNode, message: Uint8Array): void {
    this.#simulation.promises.signed(node.nodeId, message);
  }

  stepped(node: SimNode, input: Input): void {
    const { trace, promises } = this.#simulation;
    if (trace.isKept) trace.note(this.nowMs(), `${node.name} ${input.kind}`);
    promises.stepped(node);
  }

  left(node: SimNode): void {
    if (node.running) this.#simulation.crash(node.name);
  }

  // ---- programs -------------------------------------------------------------------------------

  told(node: SimNode, event: CoreEvent): void {
    this.#simulation.promises.told(node, event);
    this.#simulation.onTold?.(node, event);
  }

  /** A program sends something. @returns The number under which {@link settled} hears of it. */
  expect(onSettled: (error: DsnError | undefined) => void): number {
    this.#lastOperation += 1;
    this.#sends.set(this.#lastOperation, onSettled);
    return this.#lastOperation;
  }

  settled(_node: SimNode, operation: number, error: DsnError | undefined): void {
    const onSettled = this.#sends.get(operation);
    this.#sends.delete(operation);
    onSettled?.(error);
  }
}
