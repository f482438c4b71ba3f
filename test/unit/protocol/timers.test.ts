import { describe, expect, it } from "vitest";
import { Timers } from "../../../src/protocol/timers.ts";

describe("Timers", () => {
  it("hold no more that were cancelled than others, and fire the others in their order", () => {
    const timers = new Timers();
    const fired: number[] = [];
    const cancels = Array.from({ length: 1_000 }, (_, index) =>
      timers.set(60_000 - index, () => fired.push(index)),
    );
    const kept = new Set([3, 500, 999]);
    for (const [index, cancel] of cancels.entries()) {
      if (kept.has(index)) continue;
      cancel();
      cancel();
      const live = 1_000 - (index + 1) + [...kept].filter((one) => one <= index).length;
      expect(timers.size).toBeLessThanOrEqual(2 * live);
    }
    expect(timers.size).toBeLessThanOrEqual(6);
    expect(timers.nextMs).toBe(60_000 - 999);
    while (timers.nextMs !== undefined) timers.fireNext();
    expect(fired).toEqual([999, 500, 3]);
    expect(timers.size).toBe(0);
  });

  it("that have fired can no longer be cancelled", () => {
    const timers = new Timers();
    const cancel = timers.set(1, () => undefined);
    timers.set(2, () => undefined);
    timers.set(3, () => undefined);
    timers.fireNext();
    cancel();
    cancel();
    expect([timers.nextMs, timers.size]).toEqual([2, 2]);
  });

  it("without any fire none", () => {
    const timers = new Timers();
    timers.fireNext();
    expect([timers.nextMs, timers.size]).toEqual([undefined, 0]);
  });
});
