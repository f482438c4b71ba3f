/** Numbered messages are delivered once. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Numbers } from "../../../src/protocol/numbers.ts";

const WINDOW = 8_192;

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

  it("may overtake 8,191 others; one that is later than that counts as seen", () => {
    const { isNew } = setUp();
    expect(isNew(WINDOW)).toBe(true);
    expect(isNew(1)).toBe(true);
    expect(isNew(0)).toBe(false);
    expect(isNew(WINDOW + 2)).toBe(true);
    expect(isNew(2)).toBe(false);
    expect(isNew(3)).toBe(true);
    expect(isNew(WINDOW + 1)).toBe(true);
  });

  it("stay seen when the sender leaps far ahead", () => {
    const { isNew } = setUp();
    for (const number of [1, 2, 5]) isNew(number);
    expect(isNew(5 + WINDOW / 2)).toBe(true);
    expect([1, 2, 5].map(isNew)).toEqual([false, false, false]);
    expect(isNew(3)).toBe(true);
    expect(isNew(Number.MAX_SAFE_INTEGER)).toBe(true);
    expect([1, 4, 5 + WINDOW / 2].map(isNew)).toEqual([false, false, false]);
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

  it("are never new twice, whatever the order; and new at once while they are in the window", () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: -20, max: 30 }) },
      fc.constantFrom(WINDOW - 1, WINDOW, WINDOW + 1, -WINDOW, 3 * WINDOW),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const { isNew } = setUp();
        const seen = new Set<number>();
        let highest = 0;
        for (const by of steps) {
          const number = Math.max(0, highest + by);
          const wanted = number > highest - WINDOW && !seen.has(number);
          expect(isNew(number), `${number} after ${highest}`).toBe(wanted);
          seen.add(number);
          highest = Math.max(highest, number);
        }
      }),
    );
  });
});
