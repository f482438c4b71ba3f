/** From which versions a delta can begin. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ChangeLog } from "../../../src/protocol/change-log.ts";

/** Changes that are remembered at least. */
const KEPT = 4_096;

const since = (log: ChangeLog, base: number) => {
  const keys = log.since(base);
  return keys === undefined ? undefined : [...keys];
};

describe("ChangeLog", () => {
  it("knows nothing from before it began, and no change at first", () => {
    const log = new ChangeLog(10);
    expect(since(log, 9)).toBeUndefined();
    expect(since(log, 10)).toEqual([]);
    expect(since(log, 11)).toEqual([]);
    expect(since(new ChangeLog(), 0)).toEqual([]);
  });

  it("tells each key that changed after a version once, in the order of its last changes", () => {
    const log = new ChangeLog();
    log.add(1, ["a", "b"]);
    log.add(2, ["c"]);
    log.add(3, ["b", "a"]);
    expect(since(log, 0)).toEqual(["a", "b", "c"]);
    expect(since(log, 1)).toEqual(["c", "b", "a"]);
    expect(since(log, 1.5)).toEqual(["c", "b", "a"]);
    expect(since(log, 2)).toEqual(["b", "a"]);
    expect(since(log, 3)).toEqual([]);
  });

  it("takes a version without changes", () => {
    const log = new ChangeLog();
    log.add(1, []);
    expect(since(log, 0)).toEqual([]);
  });

  it("has an end: it remembers 4,096 changes at least and 8,192 at most", () => {
    const log = new ChangeLog();
    for (let version = 1; version <= 2 * KEPT; version += 1) log.add(version, [`k${version}`]);
    expect(since(log, 0)).toHaveLength(2 * KEPT);
    log.add(2 * KEPT + 1, ["last"]);
    const horizon = KEPT + 1;
    expect(since(log, horizon - 1)).toBeUndefined();
    expect(since(log, horizon)).toHaveLength(KEPT);
    expect(since(log, horizon)?.[0]).toBe(`k${horizon + 1}`);
    expect(since(log, 2 * KEPT)).toEqual(["last"]);
  });

  it("forgets a version that has more changes than it remembers as a whole", () => {
    const log = new ChangeLog();
    const many = Array.from({ length: 3 * KEPT }, (_, index) => `k${index}`);
    log.add(1, ["old"]);
    log.add(2, many);
    expect(since(log, 0)).toBeUndefined();
    expect(since(log, 1)).toBeUndefined();
    expect(since(log, 2)).toEqual([]);
  });

  it("begins anew at a version when it is told to", () => {
    const log = new ChangeLog();
    log.add(1, ["a"]);
    log.restart(5);
    expect(since(log, 1)).toBeUndefined();
    expect(since(log, 5)).toEqual([]);
    log.add(6, ["b"]);
    expect(since(log, 5)).toEqual(["b"]);
  });

  it("that begins at no version can never be asked", () => {
    const log = new ChangeLog(Number.POSITIVE_INFINITY);
    log.add(1, ["a"]);
    expect(since(log, 0)).toBeUndefined();
    expect(since(log, Number.MAX_VALUE)).toBeUndefined();
  });

  it("tells every key that differs, from every base that it still knows", () => {
    const key = fc.constantFrom("a", "b", "c", "d");
    fc.assert(
      fc.property(fc.array(fc.array(key, { maxLength: 4 }), { maxLength: 12 }), (versions) => {
        const log = new ChangeLog();
        for (const [index, keys] of versions.entries()) log.add(index + 1, keys);
        for (let base = 0; base <= versions.length; base += 1) {
          const wanted = new Set(versions.slice(base).flat());
          expect(new Set(since(log, base))).toEqual(wanted);
        }
      }),
    );
  });
});
