import { describe, expect, it } from "vitest";
import { Repeats } from "../../../src/protocol/repeats.ts";
import { LIMITS } from "../../../src/protocol/settings.ts";

function signature(number: number, s = 0): Uint8Array {
  const bytes = new Uint8Array(64).fill(s, 32);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

describe("Repeats", () => {
  it("knows a signature again, for its sender alone", () => {
    const repeats = new Repeats();
    expect(repeats.isNew("a", signature(1))).toBe(true);
    expect(repeats.isNew("a", signature(1))).toBe(false);
    expect(repeats.isNew("b", signature(1))).toBe(true);
    expect(repeats.isNew("a", signature(2))).toBe(true);
  });

  it("D08: tells by r alone: the other s verifies too, and anybody can compute it", () => {
    const repeats = new Repeats();
    expect(repeats.isNew("a", signature(1, 7))).toBe(true);
    expect(repeats.isNew("a", signature(1, 8))).toBe(false);
  });

  it("remembers the last half of its limit at least, and does not grow for ever", () => {
    const repeats = new Repeats();
    const count = LIMITS.repeatsPerSenderMax * 1.5 + 1;
    for (let number = 0; number < count; number += 1) repeats.isNew("a", signature(number));
    for (const back of [1, 1_000, LIMITS.repeatsPerSenderMax / 2])
      expect(repeats.isNew("a", signature(count - back)), `${back} back`).toBe(false);
    expect(repeats.isNew("a", signature(0))).toBe(true);
  });
});
