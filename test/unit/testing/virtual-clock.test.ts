/** The clock of simulations: what is due happens in order, to the last fraction. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../../src/testing/index.ts";

describe("VirtualClock", () => {
  it("lets things happen in the order of their times, and of asking where these are alike", () => {
    const delay = fc.oneof(
      fc.constantFrom(0, 0.25, 1, 2.5),
      fc.double({ min: 0, max: 4, noNaN: true }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(delay, fc.array(delay, { maxLength: 3 }))), (asked) => {
        const clock = new VirtualClock();
        const happened: { atMs: number; order: number }[] = [];
        let order = 0;
        const ask = (delayMs: number, then: readonly number[]) => {
          order += 1;
          const one = { atMs: clock.nowMs + delayMs, order };
          clock.in(delayMs, () => {
            expect(clock.nowMs).toBe(one.atMs);
            happened.push(one);
            for (const next of then) ask(next, []);
          });
        };
        for (const [delayMs, then] of asked) ask(delayMs, then);
        while (clock.advance(100)) {
          // One thing at a time.
        }
        expect(happened.length).toBe(order);
        const sorted = happened.toSorted((a, b) => a.atMs - b.atMs || a.order - b.order);
        expect(happened).toEqual(sorted);
        expect(clock.nowMs).toBe(100);
      }),
    );
  });

  it("stops where it is told to, within a millisecond too", () => {
    const clock = new VirtualClock();
    const happened: number[] = [];
    for (const ms of [0.7, 0.2, 5]) clock.in(ms, () => happened.push(ms));
    expect(clock.advance(0.5)).toBe(true);
    expect(clock.advance(0.5)).toBe(false);
    expect([clock.nowMs, happened]).toEqual([0.5, [0.2]]);
    clock.in(0.1, () => happened.push(0.6));
    while (clock.advance(5)) {
      // The rest.
    }
    expect(happened).toEqual([0.2, 0.6, 0.7, 5]);
  });
});
