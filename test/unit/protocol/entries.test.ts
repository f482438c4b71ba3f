import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareEntries, isEmptyChange } from "../../../src/protocol/entries.ts";

const entries = fc
  .array(fc.tuple(fc.constantFrom("a", "b", "c", "1", "__proto__"), fc.constantFrom("x", "y", "")))
  .map((pairs) => new Map<string, string>(pairs));

describe("compareEntries()", () => {
  it("names what was added, updated and removed, with values for those alone", () => {
    const before = new Map([
      ["same", "1"],
      ["old", "2"],
      ["gone", "3"],
    ]);
    const after = new Map([
      ["same", "1"],
      ["old", "two"],
      ["new", ""],
    ]);
    const change = compareEntries(before, after);
    expect(change.added).toEqual(["new"]);
    expect(change.updated).toEqual(["old"]);
    expect(change.removed).toEqual(["gone"]);
    expect(Object.fromEntries(change.previous)).toEqual({ old: "2", gone: "3" });
    expect(Object.fromEntries(change.current)).toEqual({ old: "two", new: "" });
  });

  it("applied to what was before gives what is after", () => {
    fc.assert(
      fc.property(entries, entries, (before, after) => {
        const change = compareEntries(before, after);
        const replayed = new Map(before);
        for (const key of change.removed) replayed.delete(key);
        for (const [key, value] of change.current) replayed.set(key, value);
        expect([...replayed].sort()).toEqual([...after].sort());
      }),
    );
  });

  it("is empty exactly when nothing changed", () => {
    fc.assert(
      fc.property(entries, entries, (before, after) => {
        const same = JSON.stringify([...before].sort()) === JSON.stringify([...after].sort());
        expect(isEmptyChange(compareEntries(before, after))).toBe(same);
      }),
    );
  });
});
