import { describe, expect, it } from "vitest";
import { BodyCollector, ByteBudget } from "../../../src/transport/body.ts";

describe("ByteBudget", () => {
  it("gives what is left and no more, and never counts negative", () => {
    const budget = new ByteBudget(100);
    expect(budget.tryTake(60)).toBe(true);
    expect(budget.tryTake(41)).toBe(false);
    expect(budget.taken).toBe(60);
    expect(budget.tryTake(40)).toBe(true);
    budget.give(1000);
    expect(budget.taken).toBe(0);
  });
});

describe("BodyCollector", () => {
  it("puts chunks together, however they are cut", () => {
    const whole = Uint8Array.from({ length: 50_000 }, (_, index) => index & 0xff);
    for (const size of [1, 7, 1000, 4096, 49_999, 50_000]) {
      const body = new BodyCollector(whole.length, undefined);
      for (let at = 0; at < whole.length; at += size) {
        expect(body.add(whole.subarray(at, at + size))).toBeUndefined();
      }
      expect(Buffer.compare(body.bytes(), whole)).toBe(0);
    }
  });

  it("leaves the chunks alone", () => {
    const body = new BodyCollector(100, undefined);
    const slab = Buffer.from("abcdef");
    body.add(slab.subarray(0, 2));
    body.add(Buffer.from("xyz"));
    expect(slab.toString()).toBe("abcdef");
    expect(Buffer.from(body.bytes()).toString()).toBe("abxyz");
  });

  it("takes a body of the limit, and not one byte more", () => {
    const body = new BodyCollector(10, undefined);
    expect(body.add(new Uint8Array(10))).toBeUndefined();
    expect(body.add(new Uint8Array(1))).toBe("too-large");
    expect(new BodyCollector(10, undefined).add(new Uint8Array(11))).toBe("too-large");
  });

  it("takes from the budget what it holds, at most twice what has come", () => {
    const budget = new ByteBudget(1_000_000);
    const body = new BodyCollector(1_000_000, budget);
    for (let sent = 0; sent < 300_000; sent += 100) {
      body.add(new Uint8Array(100));
      expect(budget.taken).toBeGreaterThanOrEqual(body.length);
      expect(budget.taken).toBeLessThanOrEqual(Math.max(4096, 2 * body.length));
    }
  });

  it("takes four times what has come at most, and all of what was announced only then", () => {
    const budget = new ByteBudget(2_000_000);
    const body = new BodyCollector(1_000_000, budget, 300_000);
    const steps = new Set<number>();
    for (let sent = 0; sent < 300_000; sent += 100) {
      expect(body.add(new Uint8Array(100).fill(1))).toBeUndefined();
      expect(budget.taken).toBeLessThanOrEqual(Math.max(4096, 4 * body.length));
      steps.add(budget.taken);
    }
    expect(Buffer.compare(body.bytes(), new Uint8Array(300_000).fill(1))).toBe(0);
    // Each smaller buffer is garbage.
    expect([...steps].slice(-2)).toEqual([131_072, 300_000]);
    // Whoever announced too little.
    expect(body.add(new Uint8Array(100))).toBeUndefined();
    expect(budget.taken).toBe(600_000);
  });

  it("gives everything back once, after a refusal too", () => {
    const budget = new ByteBudget(10_000);
    const other = new BodyCollector(10_000, budget);
    other.add(new Uint8Array(3000));
    const body = new BodyCollector(20_000, budget);
    expect(body.add(new Uint8Array(1000))).toBeUndefined();
    expect(body.add(new Uint8Array(9000))).toBe("no-memory");
    body.release();
    body.release();
    expect(budget.taken).toBe(3000);
    expect(body.bytes()).toHaveLength(0);
  });
});
