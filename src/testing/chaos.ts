/** Carries out a plan of faults and holds the network to its promises. */
import type { SignatureEngine } from "../crypto/signatures.ts";
import { checkNames, checkPythons, checkRest } from "./at-rest.ts";
import type { ChaosPlan } from "./chaos-plan.ts";
import { Simulation } from "./simulation.ts";
import { Stage } from "./stage.ts";

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
/** A Python peer may be in the middle of three failing calls when the faults end. */
const PYTHON_SETTLED_MS = 15_000;
/** Then they are watched this long: what they agree on must stay. */
const WATCH_MS = 9_000;

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
  const untilMs = simulation.clock.nowMs + maxMs;
  const convergedMs = simulation.converge(maxMs);
  if (cloned) {
    simulation.run(CLONE_SETTLED_MS);
    simulation.converge(maxMs);
  }
  simulation.run(mixed ? PYTHON_SETTLED_MS + WATCH_MS : WATCH_MS);
  // A Python peer that dropped another in the last of its failing calls waits for gossip again.
  if (mixed) simulation.converge(maxMs);
  else convergeForGood(simulation, plan.dead, untilMs);
  simulation.verify();
  checkPythons(simulation, settledMs, plan.dead);
  checkRest(simulation);
  if (plan.liar !== undefined) checkNames(simulation, simulation.running(), unmarkedBy(plan));
  return { convergedMs, digest: simulation.trace.digest() };
}

/**
 * All may agree for a moment before the last of them has heard of a node that is dead; within the
 * time that they have, they agree and go on to.
 */
function convergeForGood(simulation: Simulation, dead: readonly string[], untilMs: number): void {
  for (;;) {
    const later = simulation.unconverged();
    if (later.length === 0) return;
    const leftMs = untilMs - simulation.clock.nowMs;
    const isOnlyListed = simulation.isConverged(dead);
    if (leftMs <= 0 || !isOnlyListed)
      throw new Error(`seed ${simulation.seed}: fell apart: ${later.join("; ")}`);
    simulation.converge(leftMs);
    simulation.run(WATCH_MS);
  }
}

/** Those that start again without the file beside their key. */
function unmarkedBy({ script }: ChaosPlan): Set<string> {
  return new Set(
    script.flatMap(({ what }) =>
      what.kind === "restart" && what.disk === "unmarked" ? [what.node] : [],
    ),
  );
}
