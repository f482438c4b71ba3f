/**
 * A simulated network for tests: virtual clock, seeded chance, and every fault of a bad day.
 *
 * Not covered by semantic versioning before 1.0.
 * @module distributed-state-network/testing
 */
export { type ChaosResult, CONVERGE_CLONED_MS, CONVERGE_MS, runChaos } from "./chaos.ts";
export { type Act, type ChaosPlan, type Fault, planChaos } from "./chaos-plan.ts";
export { describePlan } from "./describe-plan.ts";
export { Liar } from "./liar.ts";
export { formatPlan, parsePlan } from "./plan-file.ts";
export { Promises } from "./promises.ts";
export { seededBytes, seededRandom } from "./random.ts";
export { runScale, type ScaleOptions, type ScaleReport, type Verdict } from "./scale-run.ts";
export { failureKind, type ShrinkOptions, type ShrunkPlan, shrinkPlan } from "./shrink.ts";
export {
  type Alter,
  type Passing,
  SIM_PORT,
  SimCarrier,
  type SimHost,
  type Tamper,
} from "./sim-carrier.ts";
export { type LinkOptions, SimNetwork } from "./sim-network.ts";
export { SIM_EPOCH_SECONDS, SimNode } from "./sim-node.ts";
export type { AddOptions, RestartOptions, SimulationOptions } from "./sim-options.ts";
export { type PythonOptions, SimPython } from "./sim-python.ts";
export {
  type SessionPassing,
  type SimSessionCall,
  SimSessions,
  type SimSessionsWorld,
} from "./sim-sessions.ts";
export type { SimDisk } from "./sim-world.ts";
export { Simulation } from "./simulation.ts";
export { type StarveOptions, starve } from "./starvation.ts";
export { createTestNetwork, TestNetwork } from "./test-network.ts";
export { TestBody, TestNode, type TestNodeParts } from "./test-node.ts";
export type {
  SettleOptions,
  TestNetworkOptions,
  TestNodeOptions,
  TestRestartOptions,
} from "./test-options.ts";
export { createToySignatures } from "./toy-signatures.ts";
export { Trace } from "./trace.ts";
export { Traffic, type TrafficCount } from "./traffic.ts";
export { VirtualClock } from "./virtual-clock.ts";
