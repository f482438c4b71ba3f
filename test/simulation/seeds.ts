/**
 * Whatever goes wrong, both promises hold: nobody holds a state that its owner did not sign, and
 * once the faults end all live nodes agree within 30 s (with Python peers, as their gossip allows).
 *
 * A failure says how to run its seed again, and what went wrong in it.
 * @module
 */
import { describe, it } from "vitest";
import { loadSignatureEngine } from "../../src/crypto/signatures.ts";
import { type ChaosPlan, describePlan, planChaos, runChaos } from "../../src/testing/index.ts";

/** Seeds run in blocks: a test each would say little and print much. */
const BLOCK = 5;

/** Declares the tests for `count` seeds from `from` on; `DSN_SEED` runs that seed alone. */
export function chaosTests(from: number, count: number): void {
  describe("Whatever goes wrong, both promises hold", () => {
    const one = process.env["DSN_SEED"];
    if (one !== undefined) {
      it(`seed ${one}`, () => runSeed(Number(one)));
      return;
    }
    for (let first = from; first < from + count; first += BLOCK) {
      const last = Math.min(from + count, first + BLOCK) - 1;
      it(`seeds ${first} to ${last}`, () => {
        for (let seed = first; seed <= last; seed += 1) runSeed(seed);
      });
    }
  });
}

function runSeed(seed: number): void {
  const plan = planChaos(seed);
  try {
    runChaos(plan, loadSignatureEngine);
  } catch (error) {
    throw new Error(report(plan, error), { cause: error });
  }
}

function report(plan: ChaosPlan, error: unknown): string {
  const why = error instanceof Error ? error.message : String(error);
  const replay = `DSN_SEED=${plan.seed} npx vitest run test/simulation/chaos-1.test.ts`;
  return `${why}\n\nReplay: ${replay}\n\n${describePlan(plan)}`;
}
