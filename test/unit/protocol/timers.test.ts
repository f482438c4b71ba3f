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

  it("hold no more that were cancelled than others when those have fired", () => {
    const timers = new Timers();
    for (let at = 1; at <= 100; at += 1) timers.set(at, () => undefined);
    timers.set(1_000, () => undefined);
    const cancels = Array.from({ length: 100 }, () => timers.set(60_000, () => undefined));
    for (const cancel of cancels) cancel();
    for (let count = 1; count <= 100; count += 1) timers.fireNext();
    expect(timers.nextMs).toBe(1_000);
    expect(timers.size).toBeLessThanOrEqual(2);
  });

  it("that have fired can no longer be cancelled", () => {
    const timers = new Timers();
    const cancel = timers.set(1, () => undefined);
    timers.set(2, () => undefined);
    const cancelOther = timers.set(3, () => undefined);
    timers.fireNext();
    cancel();
    cancel();
    expect([timers.nextMs, timers.size]).toEqual([2, 2]);
    // Only this one counts as cancelled.
    cancelOther();
    expect([timers.nextMs, timers.size]).toEqual([2, 2]);
  });

  it("without any fire none", () => {
    const timers = new Timers();
    timers.fireNext();
    expect([timers.nextMs, timers.size]).toEqual([undefined, 0]);
  });
});
