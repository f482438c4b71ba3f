/** Runs seeds of chaos; a failure says how to run its seed again, and what went wrong in it. */
import { it } from "vitest";
import { loadSignatureEngine } from "../../src/crypto/signatures.ts";
import { type ChaosPlan, describePlan, planChaos, runChaos } from "../../src/testing/index.ts";

/** Seeds run in blocks: a test each would say little and print much. */
const BLOCK = 20;

/** Declares the tests for `count` seeds from `from` on; `DSN_SEED` runs that seed alone. */
export function chaosTests(file: string, from: number, count: number): void {
  const one = process.env["DSN_SEED"];
  if (one !== undefined) {
    it(`seed ${one}`, () => runSeed(Number(one), file));
    return;
  }
  for (let first = from; first < from + count; first += BLOCK) {
    const last = Math.min(from + count, first + BLOCK) - 1;
    it(`seeds ${first} to ${last}`, () => {
      for (let seed = first; seed <= last; seed += 1) runSeed(seed, file);
    });
  }
}

function runSeed(seed: number, file: string): void {
  const plan = planChaos(seed);
  try {
    runChaos(plan, loadSignatureEngine);
  } catch (error) {
    throw new Error(report(plan, file, error), { cause: error });
  }
}

function report(plan: ChaosPlan, file: string, error: unknown): string {
  const why = error instanceof Error ? error.message : String(error);
  const replay = `DSN_SEED=${plan.seed} npx vitest run test/simulation/${file}`;
  return `${why}\n\nReplay: ${replay}\n\n${describePlan(plan)}`;
}
