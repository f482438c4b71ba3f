/**
 * A process that gets too little of its processor: it stands still for seconds, runs for a moment,
 * and stands still again. What comes meanwhile waits, timers fire late, and its system goes on
 * acknowledging what it is sent.
 * @module
 */
import type { SimNode } from "./sim-node.ts";
import type { Simulation } from "./simulation.ts";

/** How badly a process is starved. */
export interface StarveOptions {
  /** Shortest and longest stall, in milliseconds. @default [1000, 5000] */
  readonly stallMs?: readonly [number, number] | undefined;
  /** Shortest and longest time that it runs between two stalls. @default [10, 200] */
  readonly runMs?: readonly [number, number] | undefined;
}

/**
 * Starves the process of that name, and whichever is started in its place.
 *
 * @returns Ends it: the process goes on at once.
 */
export function starve(
  simulation: Simulation,
  name: string,
  { stallMs = [1_000, 5_000], runMs = [10, 200] }: StarveOptions = {},
): () => void {
  const { clock, random, nodes } = simulation;
  let over = false;
  let stalled: SimNode | undefined;
  const between = ([min, max]: readonly [number, number]) => min + random() * (max - min);
  const run = () => {
    if (stalled?.running === true) stalled.resume();
    stalled = undefined;
    if (!over) clock.in(between(runMs), stall);
  };
  const stall = () => {
    if (over) return;
    const node = nodes.get(name);
    if (node?.running === true && !node.paused) {
      node.paused = true;
      stalled = node;
    }
    clock.in(between(stallMs), run);
  };
  stall();
  return () => {
    over = true;
    if (stalled?.running === true) stalled.resume();
    stalled = undefined;
  };
}
