import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Deadline, Deadlines } from "../../../src/transport/session-deadlines.ts";

class Bell extends Deadline {
  rungMs: number | undefined;
  readonly #onRing: () => void;

  constructor(onRing = () => {}) {
    super();
    this.#onRing = onRing;
  }

  onDue(nowMs: number): void {
    this.rungMs = nowMs;
    this.#onRing();
  }
}

describe("Deadlines", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  const create = () => new Deadlines(() => performance.now());
  const now = () => performance.now();

  it("tell each one, never early and hardly late, in the order that they came", () => {
    const deadlines = create();
    const order: number[] = [];
    const bells = [50, 10, 10, 1000].map((ms, index) => {
      const bell = new Bell(() => order.push(index));
      deadlines.add(bell, now() + ms);
      return bell;
    });
    const startMs = now();
    vi.advanceTimersByTime(5000);
    for (const [index, ms] of [50, 10, 10, 1000].entries()) {
      const lateMs = (bells[index]?.rungMs ?? Infinity) - startMs - ms;
      expect(lateMs).toBeGreaterThanOrEqual(0);
      expect(lateMs).toBeLessThan(40);
    }
    expect(order).toEqual([1, 2, 0, 3]);
    expect(deadlines.size).toBe(0);
  });

  it("forget those that leave, wherever they stand", () => {
    const deadlines = create();
    const bells = Array.from({ length: 5 }, () => new Bell());
    for (const bell of bells) deadlines.add(bell, now() + 10);
    for (const index of [0, 2, 4]) deadlines.delete(bells[index] ?? new Bell());
    expect(deadlines.size).toBe(2);
    vi.advanceTimersByTime(100);
    expect(bells.map(({ rungMs }) => rungMs !== undefined)).toEqual([
      false,
      true,
      false,
      true,
      false,
    ]);
  });

  it("let one let another go, and add a new one", () => {
    const deadlines = create();
    const second = new Bell();
    const third = new Bell();
    const first = new Bell(() => {
      deadlines.delete(second);
      deadlines.add(third, now() + 20);
    });
    deadlines.add(first, now() + 10);
    deadlines.add(second, now() + 10);
    vi.advanceTimersByTime(200);
    expect([first, second, third].map(({ rungMs }) => rungMs !== undefined)).toEqual([
      true,
      false,
      true,
    ]);
  });

  it("need no timer while nobody is left", () => {
    const deadlines = create();
    const bell = new Bell();
    deadlines.add(bell, now() + 10);
    deadlines.delete(bell);
    vi.advanceTimersByTime(100);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("take a time that a timer cannot", () => {
    const deadlines = create();
    const far = new Bell();
    deadlines.add(far, now() + 2 ** 40);
    deadlines.add(new Bell(), Infinity);
    vi.advanceTimersByTime(1000);
    expect(far.rungMs).toBeUndefined();
    deadlines.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});
