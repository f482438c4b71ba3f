/**
 * A simulated network for tests: virtual clock, seeded chance, and every fault of a bad day.
 *
 * Not covered by semantic versioning before 1.0.
 * @module
 */
export { seededBytes, seededRandom } from "./random.ts";
export { type LinkOptions, SimNetwork } from "./sim-network.ts";
export { SIM_EPOCH_SECONDS, type SimDisk, SimNode } from "./sim-node.ts";
export { type AddOptions, Simulation, type SimulationOptions, type Tamper } from "./simulation.ts";
export { createToySignatures } from "./toy-signatures.ts";
export { VirtualClock } from "./virtual-clock.ts";
