import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { judgeVersion, type VersionContext } from "../../../src/protocol/version-rule.ts";

const NOW = 1_785_000_000;
const DAY = 24 * 3_600;

function context(options: Partial<VersionContext> = {}): VersionContext {
  return {
    native: false,
    unixSeconds: NOW,
    versionsHeld: () => [],
    aheadMax: DAY,
    ...options,
  };
}

const native = context({ native: true });
const python = context();

describe("judgeVersion()", () => {
  it.each([native, python])("newer replaces older, equal is equal, older is stale", (rules) => {
    expect(judgeVersion(NOW, undefined, rules)).toBe("newer");
    expect(judgeVersion(NOW, NOW - 1, rules)).toBe("newer");
    expect(judgeVersion(NOW, NOW, rules)).toBe("equal");
    expect(judgeVersion(NOW - 1, NOW, rules)).toBe("stale");
    expect(judgeVersion(-1, 0, rules)).toBe("stale");
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    "D06: %d is never news",
    (version) => {
      for (const rules of [native, python])
        for (const held of [undefined, 0, NOW]) {
          expect(judgeVersion(version, held, rules)).toBe("stale");
        }
    },
  );

  it("D07: a Python version more than a day ahead of everybody is refused", () => {
    expect(judgeVersion(NOW + DAY, NOW, python)).toBe("newer");
    expect(judgeVersion(NOW + DAY + 1, NOW, python)).toBe("stale");
    expect(judgeVersion(8_589_934_592, undefined, python)).toBe("stale");
  });

  it("D06: one that is held already loses to any sound one", () => {
    expect(judgeVersion(NOW, 8_589_934_592, python)).toBe("newer");
    expect(judgeVersion(NOW, NOW + DAY, python)).toBe("stale");
    expect(judgeVersion(NOW, 8_589_934_592, native)).toBe("stale");
  });

  it("takes our own clock for wrong when most others are ahead of it", () => {
    const versionsHeld = () => [NOW + 10 * DAY, 5, NOW + 10 * DAY];
    const behind = context({ versionsHeld });
    expect(judgeVersion(NOW + 10 * DAY, undefined, behind)).toBe("newer");
    // A single one does not move it.
    const one = context({ versionsHeld: () => [NOW, NOW + 10 * DAY, NOW] });
    expect(judgeVersion(NOW + 10 * DAY, undefined, one)).toBe("stale");
  });

  it("believes a native owner, however far ahead: its versions only ever increase", () => {
    expect(judgeVersion(1e300, NOW, native)).toBe("newer");
    expect(judgeVersion(NOW, 1e300, native)).toBe("stale");
  });

  it("two versions are never both newer than the other", () => {
    const double = fc.double({ noNaN: true, min: -1e10, max: NOW + DAY });
    fc.assert(
      fc.property(double, double, fc.boolean(), (a, b, isNative) => {
        const rules = context({ native: isNative });
        const forth = judgeVersion(a, b, rules);
        const back = judgeVersion(b, a, rules);
        expect(forth === "newer" && back === "newer").toBe(false);
        expect(forth === "equal").toBe(a === b);
      }),
    );
  });
});
