import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DsnError } from "../../../src/errors.ts";
import { above, OwnState } from "../../../src/protocol/own-state.ts";
import { LIMITS } from "../../../src/protocol/settings.ts";
import { encodeEntries } from "../../../src/wire/python-json.ts";
import { codePoint } from "../../helpers/code-point.ts";

const changes = (...entries: [string, string | undefined][]) => new Map(entries);

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof DsnError) return error.code;
    throw error;
  }
  return "nothing thrown";
}

describe("above()", () => {
  it("is strictly above any finite double", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (version) => {
        expect(above(version)).toBeGreaterThan(version);
      }),
    );
  });

  it.each([0, -0, 1e-300, 1, 1.785e9, 2 ** 53, 1e300, -1e300, 2, 1.9999999999999998])(
    "is above %d and stays finite",
    (version) => {
      expect(above(version)).toBeGreaterThan(version);
      expect(Number.isFinite(above(version))).toBe(true);
    },
  );

  it("is a microsecond at the times of clocks", () => {
    expect(above(1_785_000_000) - 1_785_000_000).toBeCloseTo(1e-6, 6);
  });
});

describe("OwnState", () => {
  it("shows a write at once, and makes one version of many", () => {
    const own = new OwnState(0);
    own.commit(100);
    own.write(changes(["a", "1"]));
    own.write(changes(["b", "2"], ["a", undefined]));
    expect([...own.entries]).toEqual([["b", "2"]]);
    expect(own.version).toBe(100);
    expect(own.commit(101)).toBe(true);
    expect(own.version).toBe(101);
    expect(own.text).toBe('{"b": "2"}');
  });

  it("makes no version of what is as it was", () => {
    const own = new OwnState(0);
    own.write(changes(["a", "1"]));
    expect(own.commit(100)).toBe(true);
    own.write(changes(["a", "2"]));
    own.write(changes(["a", "1"]));
    expect(own.commit(101)).toBe(false);
    expect(own.version).toBe(100);
  });

  it("D21: versions strictly increase, whatever the clock says", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, min: -1e12, max: 1e12 })), (clocks) => {
        const own = new OwnState(0);
        own.commit(1);
        for (const [index, clock] of clocks.entries()) {
          const before = own.version;
          own.write(changes(["k", String(index)]));
          expect(own.commit(clock)).toBe(true);
          expect(own.version).toBeGreaterThan(before);
        }
      }),
    );
  });

  it("D22: begins above the versions of an earlier life", () => {
    const own = new OwnState(2_000);
    own.commit(1_000);
    expect(own.version).toBeGreaterThan(2_000);
  });

  it("leaps above a version that a peer showed, and stays above it", () => {
    const own = new OwnState(0);
    own.commit(1_000);
    own.leapAbove(5_000, 1_001);
    expect(own.version).toBeGreaterThan(5_000);
    own.write(changes(["a", "1"]));
    own.commit(1_002);
    expect(own.version).toBeGreaterThan(5_000);
  });

  it("keeps its text the canonical JSON of its entries, whatever is written", () => {
    const change = fc.tuple(
      fc.constantFrom("a", "b", "10", "9", "__proto__", "é", '"'),
      fc.option(fc.string({ unit: codePoint, maxLength: 5 }), { nil: undefined }),
    );
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 8 }), (writes) => {
        const own = new OwnState(0);
        const model = new Map<string, string>();
        for (const write of writes) {
          own.write(new Map(write));
          for (const [key, value] of new Map(write)) {
            if (value === undefined) model.delete(key);
            else model.set(key, value);
          }
          own.commit(1);
          expect(own.text).toBe(encodeEntries(model));
          expect([...own.entries]).toEqual([...model]);
        }
      }),
    );
  });

  it("tells what a write changed", () => {
    const own = new OwnState(0);
    own.write(changes(["a", "1"], ["b", "2"], ["c", "3"]));
    const change = own.write(changes(["a", "1"], ["b", "x"], ["c", undefined], ["d", "4"]));
    expect(change.added).toEqual(["d"]);
    expect(change.updated).toEqual(["b"]);
    expect(change.removed).toEqual(["c"]);
    expect([...change.previous]).toEqual([
      ["b", "2"],
      ["c", "3"],
    ]);
  });

  it("refuses a state above the limit and a key above its limit, and changes nothing", () => {
    const own = new OwnState(0);
    own.write(changes(["kept", "yes"]));
    own.commit(1);
    const tooLarge = () =>
      own.write(changes(["kept", undefined], ["big", "x".repeat(LIMITS.stateBytesMax)]));
    const longKey = () => own.write(changes(["kept", "no"], ["ü".repeat(513), "v"]));
    for (const write of [tooLarge, longKey]) {
      expect(codeOf(write)).toBe("DSN_STATE_TOO_LARGE");
      expect([...own.entries]).toEqual([["kept", "yes"]]);
      expect(own.commit(2)).toBe(false);
    }
  });

  it("counts bytes as they are sent: escapes are longer than what they stand for", () => {
    const own = new OwnState(0);
    const third = Math.floor(LIMITS.stateBytesMax / 3);
    expect(codeOf(() => own.write(changes(["k", "é".repeat(third)])))).toBe("DSN_STATE_TOO_LARGE");
    own.write(changes(["k", "e".repeat(third)]));
    own.commit(1);
    expect(own.text.length).toBeLessThan(LIMITS.stateBytesMax);
    // Overwriting gives back what it took.
    for (let round = 0; round < 3; round += 1) own.write(changes(["k", "f".repeat(third)]));
    own.write(changes(["k2", "e".repeat(third)]));
    expect(own.entries.size).toBe(2);
  });

  it("accepts a state of exactly the limit", () => {
    const own = new OwnState(0);
    const frame = '{"k": ""}'.length;
    own.write(changes(["k", "x".repeat(LIMITS.stateBytesMax - frame)]));
    own.commit(1);
    expect(own.text.length).toBe(LIMITS.stateBytesMax);
    expect(codeOf(() => own.write(changes(["k", "x".repeat(LIMITS.stateBytesMax)])))).toBe(
      "DSN_STATE_TOO_LARGE",
    );
  });

  it("counts what stands between two keys as well, to the byte", () => {
    const frame = '{"a": "", "b": "1"}'.length;
    const longest = "x".repeat(LIMITS.stateBytesMax - frame);
    const own = new OwnState(0);
    own.write(changes(["a", longest], ["b", "1"]));
    own.commit(1);
    expect(own.text.length).toBe(LIMITS.stateBytesMax);
    expect(codeOf(() => own.write(changes(["b", "12"])))).toBe("DSN_STATE_TOO_LARGE");
  });

  it("accepts a key of exactly the limit, in bytes", () => {
    const own = new OwnState(0);
    own.write(changes(["é".repeat(LIMITS.keyBytesMax / 2), "v"]));
    expect(own.entries.size).toBe(1);
    expect(codeOf(() => own.write(changes([`${"é".repeat(LIMITS.keyBytesMax / 2)}x`, "v"])))).toBe(
      "DSN_STATE_TOO_LARGE",
    );
  });
});

describe("OwnState.changesSince()", () => {
  it("tells changes since a version of this life, and nothing since one of an earlier life", () => {
    const state = new OwnState(0);
    state.commit(100);
    const first = state.version;
    state.write(new Map([["a", "1"]]));
    state.commit(101);
    const second = state.version;
    // The clock jumps over a version that an earlier life has shown.
    state.write(new Map([["b", "2"]]));
    state.commit(300);
    expect(state.changesSince(first)).toEqual([
      ["a", "1"],
      ["b", "2"],
    ]);
    expect(state.changesSince(second)).toEqual([["b", "2"]]);
    expect(state.changesSince(state.version)).toEqual([]);
    expect(state.changesSince(200)).toBeUndefined();
    expect(state.changesSince(50)).toBeUndefined();
  });
});
