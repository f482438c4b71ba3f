/**
 * A few whole networks among the tests that judge mutants: small ones, because each mutant that
 * lives meets them all. Loss, partitions, restarts, clocks; with Python peers; with a liar.
 */
import { describe, it } from "vitest";
import { createToySignatures, planChaos, runChaos } from "../../src/testing/index.ts";

const SEEDS = {
  "our nodes": [42, 44, 59],
  "Python peers": [43, 46, 108],
  "a liar": [50, 62],
};

describe.each(Object.entries(SEEDS))("Both promises hold with %s", (_company, seeds) => {
  it.each(seeds)("seed %i", (seed) => {
    runChaos({ ...planChaos(seed), real: false }, createToySignatures);
  });
});
