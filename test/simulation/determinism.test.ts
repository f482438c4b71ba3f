import { describe, expect, it } from "vitest";
import { loadSignatureEngine } from "../../src/crypto/signatures.ts";
import { planChaos, runChaos } from "../../src/testing/index.ts";

const engine = loadSignatureEngine();

/** One with a liar, one with Python peers, one of each kind of signature. */
const seeds = [0, 3, 8, 21].filter((seed) => !planChaos(seed).real);
const realSeed = Array.from({ length: 100 }, (_, seed) => seed).find(
  (seed) => planChaos(seed).real,
);

describe("A seed", () => {
  it.each(seeds)("gives the same run twice, byte by byte: %i", (seed) => {
    const run = () => runChaos(planChaos(seed), () => engine).digest;
    expect(run()).toBe(run());
  });

  // OpenSSL signs with randomness of its own.
  it.skipIf(engine.name !== "libsecp256k1")("does so with real signatures too", () => {
    const run = () => runChaos(planChaos(realSeed ?? 0), () => engine).digest;
    expect(run()).toBe(run());
  });

  it("gives another run than the next seed", () => {
    const [a, b] = [planChaos(0), planChaos(1)];
    expect(runChaos(a, () => engine).digest).not.toBe(runChaos(b, () => engine).digest);
  });
});
