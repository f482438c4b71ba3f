/** Numbered messages are delivered once. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Numbers } from "../../../src/protocol/numbers.ts";

const MISSING_MAX = 8_192;

/** Asks for one sender and process. */
function setUp() {
  const numbers = new Numbers();
  return { numbers, isNew: (number: number) => numbers.isNew("a", "1", number) };
}

describe("Numbers", () => {
  it("are new once", () => {
    const { isNew } = setUp();
    expect([1, 2, 2, 1, 3, 3].map(isNew)).toEqual([true, true, false, false, true, false]);
  });

  it("are those of one sender, and of one of its processes", () => {
    const { numbers, isNew } = setUp();
    expect(isNew(1)).toBe(true);
    expect(numbers.isNew("b", "1", 1)).toBe(true);
    expect(numbers.isNew("a", "2", 1)).toBe(true);
    expect(isNew(1)).toBe(false);
    expect(numbers.isNew("a", "2", 1)).toBe(false);
  });

  it("may be overtaken by any number of others", () => {
    const { isNew } = setUp();
    for (let number = 2; number <= 3 * MISSING_MAX; number += 1) expect(isNew(number)).toBe(true);
    expect(isNew(1)).toBe(true);
    expect(isNew(1)).toBe(false);
    expect(isNew(0)).toBe(false);
  });

  it("that are missing are waited for, the newest 8,192 of them; older ones count as seen", () => {
    const { isNew } = setUp();
    expect(isNew(MISSING_MAX + 1)).toBe(true);
    expect(isNew(MISSING_MAX + 3)).toBe(true);
    expect([1, 2, MISSING_MAX + 2].map(isNew)).toEqual([false, true, true]);
    expect(isNew(2)).toBe(false);
  });

  it("stay seen when the sender leaps far ahead, which takes no time", () => {
    const { isNew } = setUp();
    for (const number of [1, 2, 5]) isNew(number);
    expect(isNew(5 + MISSING_MAX / 2)).toBe(true);
    expect([1, 2, 5].map(isNew)).toEqual([false, false, false]);
    expect(isNew(3)).toBe(true);
    // Each leap is one that no loop over all that is skipped would ever end.
    for (let leap = 1; leap <= 100; leap += 1) expect(isNew(leap * 2 ** 40)).toBe(true);
    expect(isNew(Number.MAX_SAFE_INTEGER)).toBe(true);
    expect([1, 4, 2 ** 40, 5 + MISSING_MAX / 2].map(isNew)).toEqual([false, false, false, false]);
    expect(isNew(Number.MAX_SAFE_INTEGER)).toBe(false);
    expect(isNew(Number.MAX_SAFE_INTEGER - 1)).toBe(true);
  });

  it("of four processes of a sender are told apart; the oldest is forgotten first", () => {
    const { numbers } = setUp();
    const ask = (incarnation: string) => numbers.isNew("a", incarnation, 1);
    expect(["1", "2", "3", "4"].map(ask)).toEqual([true, true, true, true]);
    expect(["1", "2", "3", "4"].map(ask)).toEqual([false, false, false, false]);
    expect(ask("5")).toBe(true);
    expect(["2", "3", "4", "5"].map(ask)).toEqual([false, false, false, false]);
    expect(ask("1")).toBe(true);
  });

  it("are never new twice, whatever the order; and new once while they are waited for", () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: -20, max: 30 }) },
      fc.constantFrom(MISSING_MAX - 1, MISSING_MAX, MISSING_MAX + 1, -MISSING_MAX, 3 * MISSING_MAX),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const { isNew } = setUp();
        let missing: number[] = [];
        let highest = 0;
        for (const by of steps) {
          const number = Math.max(0, highest + by);
          const wanted = number > highest || missing.includes(number);
          expect(isNew(number), `${number} after ${highest}`).toBe(wanted);
          missing = missing.filter((other) => other !== number);
          for (let other = highest + 1; other < number; other += 1) missing.push(other);
          missing = missing.slice(-MISSING_MAX);
          highest = Math.max(highest, number);
        }
      }),
    );
  });
});
