import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Alarm, type Waiting } from "../../../src/transport/alarm.ts";
import { RoundTrip } from "../../../src/transport/round-trip.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** Waits for each of the given times, and notes when it was called. */
class Sleeper implements Waiting {
  dueMs: number;
  readonly calledMs: number[] = [];
  readonly #alarm: Alarm;
  readonly #timesMs: number[];

  constructor(alarm: Alarm, ...timesMs: number[]) {
    this.#alarm = alarm;
    this.#timesMs = timesMs;
    this.dueMs = timesMs.shift() ?? 0;
    alarm.add(this);
  }

  onDue(nowMs: number): void {
    this.calledMs.push(nowMs);
    const nextMs = this.#timesMs.shift();
    if (nextMs === undefined) this.#alarm.delete(this);
    else this.dueMs = nextMs;
  }
}

describe("Alarm", () => {
  const create = () => {
    const startMs = performance.now();
    return new Alarm(() => performance.now() - startMs);
  };

  it("calls each when it is due, never earlier, with one timer", async () => {
    const alarm = create();
    const late = new Sleeper(alarm, 500, 520);
    const early = new Sleeper(alarm, 30.5, 60, 510);
    expect(vi.getTimerCount()).toBe(1);
    await pass(1_000);
    for (const [sleeper, timesMs] of [
      [late, [500, 520]],
      [early, [30.5, 60, 510]],
    ] as const) {
      expect(sleeper.calledMs).toHaveLength(timesMs.length);
      for (const [index, timeMs] of timesMs.entries()) {
        expect(sleeper.calledMs[index]).toBeGreaterThanOrEqual(timeMs);
        expect(sleeper.calledMs[index]).toBeLessThan(timeMs + 3);
      }
    }
    expect(alarm.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("calls nobody that has left, and lets one let another go", async () => {
    const alarm = create();
    const other = new Sleeper(alarm, 20);
    const gone = new Sleeper(alarm, 10);
    alarm.delete(gone);
    alarm.add({ dueMs: 15, onDue: () => alarm.delete(other) });
    await pass(16);
    expect(gone.calledMs).toEqual([]);
    await pass(100);
    expect(other.calledMs).toEqual([]);
    alarm.close();
  });

  it("takes others while it rings", async () => {
    const alarm = create();
    let added: Sleeper | undefined;
    const first: Waiting = {
      dueMs: 10,
      onDue: () => {
        alarm.delete(first);
        added = new Sleeper(alarm, 15);
      },
    };
    alarm.add(first);
    await pass(20);
    expect(added?.calledMs).toHaveLength(1);
  });

  it("is quiet after it was closed", async () => {
    const alarm = create();
    const sleeper = new Sleeper(alarm, 10);
    alarm.close();
    await pass(100);
    expect(sleeper.calledMs).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("RoundTrip", () => {
  it("is patient for 80 ms before it knows the way", () => {
    expect(new RoundTrip().patienceMs).toBe(80);
  });

  it("is patient for twice the way, 20 ms at least and 300 at most", () => {
    for (const [ms, patienceMs] of [
      [0.1, 20],
      [10, 20],
      [40, 80],
      [150, 300],
      [5_000, 300],
    ] as const) {
      const roundTrip = new RoundTrip();
      roundTrip.answered(ms, 0);
      expect(roundTrip.patienceMs).toBe(patienceMs);
    }
  });

  it("is not misled by slow handlers, and follows a way that has become longer", () => {
    const roundTrip = new RoundTrip();
    roundTrip.answered(20, 0);
    for (let time = 1; time <= 100; time++) roundTrip.answered(500, time);
    expect(roundTrip.patienceMs).toBeLessThan(42);
    for (let second = 1; second <= 30; second++) roundTrip.answered(100, second * 1_000);
    expect(roundTrip.patienceMs).toBe(200);
    roundTrip.answered(500, 3_600_000);
    expect(roundTrip.patienceMs).toBeLessThanOrEqual(300);
    roundTrip.answered(1, 3_600_001);
    expect(roundTrip.patienceMs).toBe(20);
  });
});
