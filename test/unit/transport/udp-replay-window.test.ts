import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { REPLAY_WINDOW, ReplayWindow } from "../../../src/transport/replay-window.ts";

/** What the window should do, said with a set. */
class NaiveWindow {
  readonly #seen = new Set<number>();
  #newest = -1;

  accept(counter: number): boolean {
    if (counter <= this.#newest - REPLAY_WINDOW || this.#seen.has(counter)) return false;
    this.#seen.add(counter);
    this.#newest = Math.max(this.#newest, counter);
    return true;
  }
}

/** Steps as networks make them: a little on, a little back, and to the edges of the window. */
const step = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.integer({ min: -REPLAY_WINDOW - 2, max: -REPLAY_WINDOW + 2 }),
  fc.integer({ min: REPLAY_WINDOW - 2, max: REPLAY_WINDOW + 2 }),
  fc.integer({ min: -2 * REPLAY_WINDOW, max: 2 * REPLAY_WINDOW }),
);
const starts = fc.constantFrom(0, 1, 31, 32, 1_023, 1_024, 2 ** 31, 2 ** 32 - 1, 2 ** 53 - 3_000);

describe("ReplayWindow", () => {
  it("takes each counter once, as a set would", () => {
    fc.assert(
      fc.property(starts, fc.array(step, { maxLength: 300, size: "max" }), (start, steps) => {
        const window = new ReplayWindow();
        const naive = new NaiveWindow();
        let counter = start;
        for (const by of steps) {
          counter = Math.min(2 ** 53 - 1, Math.max(0, counter + by));
          const isNew = naive.accept(counter);
          expect(window.isNew(counter)).toBe(isNew);
          expect(window.accept(counter)).toBe(isNew);
          expect(window.isNew(counter)).toBe(false);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("says what is new without taking it", () => {
    const window = new ReplayWindow();
    expect(window.isNew(5)).toBe(true);
    expect(window.isNew(5)).toBe(true);
    expect(window.accept(5)).toBe(true);
    expect(window.isNew(5)).toBe(false);
    expect(window.isNew(4)).toBe(true);
  });

  it("refuses what is 1,024 behind the newest, and takes what is 1,023 behind", () => {
    const window = new ReplayWindow();
    expect(window.accept(5_000)).toBe(true);
    expect(window.accept(5_000 - REPLAY_WINDOW)).toBe(false);
    expect(window.accept(5_000 - REPLAY_WINDOW + 1)).toBe(true);
    expect(window.accept(5_000 - REPLAY_WINDOW + 1)).toBe(false);
  });

  it("forgets nothing that it must know after a leap, and keeps no bit of the round before", () => {
    const window = new ReplayWindow();
    for (let counter = 0; counter < REPLAY_WINDOW; counter++) window.accept(counter);
    // The same places in the ring, a round later.
    expect(window.accept(3 * REPLAY_WINDOW)).toBe(true);
    for (let counter = 2 * REPLAY_WINDOW + 1; counter < 3 * REPLAY_WINDOW; counter++) {
      expect(window.accept(counter)).toBe(true);
      expect(window.accept(counter)).toBe(false);
    }
    expect(window.accept(2 * REPLAY_WINDOW)).toBe(false);
  });

  it("takes the first and the last counter that there are", () => {
    const window = new ReplayWindow();
    expect(window.accept(0)).toBe(true);
    expect(window.accept(2 ** 53 - 1)).toBe(true);
    expect(window.accept(2 ** 53 - 1)).toBe(false);
    expect(window.accept(2 ** 53 - 2)).toBe(true);
    expect(window.accept(0)).toBe(false);
  });
});
