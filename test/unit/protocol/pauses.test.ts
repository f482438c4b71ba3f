import { describe, expect, it } from "vitest";
import { Kernel } from "../../../src/protocol/kernel.ts";
import { createPauses } from "../../../src/protocol/pauses.ts";
import { DEFAULT_SETTINGS } from "../../../src/protocol/settings.ts";

const HOUR_MS = 3_600_000;

function setUp(random = 0.5) {
  const kernel = new Kernel({
    settings: DEFAULT_SETTINGS,
    random: () => random,
    entropy: (length) => new Uint8Array(length),
  });
  const pass = (ms: number) => {
    kernel.now = { monotonicMs: kernel.now.monotonicMs + ms, unixSeconds: 0 };
  };
  return { pauses: createPauses(kernel), pass };
}

describe("Pauses between attempts", () => {
  it("grow by half from half a second to four", () => {
    const { pauses } = setUp();
    const first = Array.from({ length: 8 }, () => pauses.next());
    expect(first).toEqual([500, 750, 1_125, 1_687.5, 2_531.25, 3_796.875, 4_000, 4_000]);
  });

  it("are nearly a minute after an hour in vain, and for peers that had better be left alone", () => {
    const { pauses, pass } = setUp();
    expect(pauses.next(true)).toBe(48_000);
    expect(pauses.next()).toBe(750);
    pass(HOUR_MS);
    expect(pauses.next()).toBe(1_125);
    pass(1);
    expect(pauses.next()).toBe(48_000);
  });

  it("are four seconds again, for an hour, after an answer", () => {
    const { pauses, pass } = setUp();
    pass(HOUR_MS + 1);
    pauses.reset();
    expect(pauses.next()).toBe(4_000);
    pass(HOUR_MS + 1);
    expect(pauses.next()).toBe(48_000);
  });

  it("never last longer than five seconds, and a minute after an hour, chance included", () => {
    const { pauses, pass } = setUp(0.999_999);
    for (let round = 0; round < 20; round += 1) expect(pauses.next()).toBeLessThan(5_000);
    pass(HOUR_MS + 1);
    expect(pauses.next()).toBeLessThan(60_000);
  });

  it("are shorter by what the attempt took, but never shorter than the first", () => {
    const { pauses, pass } = setUp();
    for (let round = 0; round < 8; round += 1) pauses.next();
    pass(1_500);
    expect(pauses.afterAttempt(0)).toBe(2_500);
    pass(60_000);
    expect(pauses.afterAttempt(0)).toBe(500);
  });

  it("differ by up to a fifth, so that nodes do not march in step", () => {
    expect(setUp(0).pauses.next()).toBe(400);
    expect(setUp(0.999_999).pauses.next()).toBeCloseTo(600, 1);
  });
});
