/** Runs one seed of chaos; a failure says how to run it again, and what went wrong in it. */
import { loadSignatureEngine } from "../../src/crypto/signatures.ts";
import { type ChaosResult, describePlan, planChaos, runChaos } from "../../src/testing/index.ts";

export function runSeed(seed: number, file: string): ChaosResult {
  const plan = planChaos(seed);
  try {
    return runChaos(plan, loadSignatureEngine);
  } catch (error) {
    const replay = `DSN_SEED=${seed} npx vitest run test/simulation/${file}.test.ts`;
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${why}\n\nReplay: ${replay}\n\n${describePlan(plan)}`, { cause: error });
  }
}

/** The seeds to run: those of this file, or the one that `DSN_SEED` names. */
export function seedsOf(from: number, count: number): readonly number[] {
  const one = process.env["DSN_SEED"];
  return one === undefined ? Array.from({ length: count }, (_, index) => from + index) : [Number(one)];
}
