import { describe, expect, it } from "vitest";
import { ByteBudget } from "../../../src/transport/body.ts";
import { Assembly } from "../../../src/transport/session-assembly.ts";

const MIB = 1024 * 1024;

function create(size: number, budget = new ByteBudget(1024 * MIB)) {
  const assembly = new Assembly(1, true, 17, size, budget);
  const add = (length: number) => assembly.add(new Uint8Array(length).fill(7), 0, length);
  return { assembly, add, budget };
}

describe("Assembly", () => {
  it("puts slices together", () => {
    const { assembly } = create(100_000);
    const whole = new Uint8Array(100_000).map((_, index) => (index * 31) & 0xff);
    for (let at = 0; at < whole.length; at += 777) {
      expect(assembly.complete).toBe(false);
      assembly.add(whole, at, Math.min(whole.length, at + 777));
    }
    expect(assembly.complete).toBe(true);
    expect(Buffer.compare(assembly.finish(), whole)).toBe(0);
  });

  it("sets aside little for a large announcement, and more with what comes", () => {
    const { add, budget } = create(64 * MIB);
    expect(budget.taken).toBe(0);
    add(1024);
    expect(budget.taken).toBeLessThanOrEqual(64 * 1024);
    let came = 1024;
    for (let count = 0; count < 500; count++) {
      add(16 * 1024);
      came += 16 * 1024;
      expect(budget.taken).toBeLessThanOrEqual(16 * came);
    }
  });

  it("gives its memory back when it is finished, released or skipped", () => {
    for (const end of ["finish", "release", "skip"] as const) {
      const { assembly, add, budget } = create(20_000);
      add(20_000);
      expect(budget.taken).toBe(20_000);
      assembly[end]();
      assembly.release();
      expect(budget.taken).toBe(0);
    }
  });

  it("takes nothing beyond what was announced", () => {
    const { add } = create(10);
    expect(add(10)).toBeUndefined();
    expect(add(1)).toBe("too-large");
  });

  it("says when there is no memory, and can go on without keeping", () => {
    const { assembly, add, budget } = create(20_000, new ByteBudget(10_000));
    expect(add(1000)).toBe("no-memory");
    assembly.skip();
    expect(add(1000)).toBeUndefined();
    expect(add(19_000)).toBeUndefined();
    expect(assembly.complete).toBe(true);
    expect(budget.taken).toBe(0);
  });
});
