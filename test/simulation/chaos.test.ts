import { describe, it } from "vitest";
import { runSeed, seedsOf } from "./chaos.ts";

describe("Whatever goes wrong", () => {
  it.each(seedsOf(0, 200))("both promises hold, seed %i", (seed) => {
    runSeed(seed, "chaos");
  });
});
