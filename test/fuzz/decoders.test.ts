/** Changed bytes at every decoder; `settings.ts` says how many. */
import { describe, expect, it } from "vitest";
import { explain, runDecoder } from "./campaign.ts";
import { DECODERS } from "./decoders.ts";
import { NATIVE_DECODERS } from "./native-decoders.ts";
import { SEALED_DECODERS } from "./sealed-decoders.ts";
import { SESSION_DECODERS } from "./session-decoders.ts";
import { INPUTS, inputsOf, ONLY, SEED, TARGETS } from "./settings.ts";

const HOUR_MS = 3_600_000;

describe(`Hostile bytes, seed ${SEED}`, () => {
  it("all targets together get all the inputs, and none is without", () => {
    const inputs = TARGETS.map((target) => inputsOf(target));
    const total = inputs.reduce((sum, count) => sum + count, 0);
    expect(total).toBeGreaterThanOrEqual(INPUTS);
    if (ONLY === undefined) expect(Math.min(...inputs)).toBeGreaterThan(0);
  });

  for (const target of [...DECODERS, ...NATIVE_DECODERS, ...SEALED_DECODERS, ...SESSION_DECODERS]) {
    it.skipIf(inputsOf(target.name) === 0)(
      `${target.name} refuses them or reads what they say, in bounded time and memory`,
      () => {
        const row = runDecoder(target);
        expect(row.findings, explain(row, "decoders.test.ts")).toEqual([]);
        expect(row.accepted).toBe(0);
      },
      HOUR_MS,
    );
  }
});
