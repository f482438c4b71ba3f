/** What a soak is judged by, on runs that a test makes up. */
import { describe, expect, it } from "vitest";

interface Sample {
  readonly at: number;
  readonly heap: number;
  readonly rss: number;
}
interface Member {
  readonly id: string;
  readonly disturbed: readonly { readonly from: number; readonly to: number }[];
  readonly leaves: readonly { readonly of: string; readonly at: number }[];
}
interface Verdict {
  growth(samples: readonly Sample[], name: "heap" | "rss"): number;
  growthProblems(id: string, samples: readonly Sample[]): string[];
  falseLeaves(members: readonly Member[]): string[];
  leakProblems(
    id: string,
    held: { readonly sockets: number; readonly timers: number; readonly fds: number },
    nodes: number,
  ): string[];
}

const MB = 2 ** 20;
const script = new URL("../../../scripts/soak/verdict.mjs", import.meta.url).href;
const { growth, growthProblems, falseLeaves, leakProblems } = (await import(script)) as Verdict;

/** A sample each second; `mbAt` says how much of both is used. */
function samples(mbAt: (second: number) => number): Sample[] {
  return Array.from({ length: 101 }, (_, second) => {
    const bytes = mbAt(second) * MB;
    return { at: second * 1_000, heap: bytes, rss: bytes };
  });
}

describe("A soak finds that memory grows", () => {
  it("from what is left after the first quarter, in which a program warms up", () => {
    expect(
      growth(
        samples(() => 50),
        "heap",
      ),
    ).toBe(0);
    expect(
      growth(
        samples((second) => (second < 25 ? second * 4 : 100)),
        "heap",
      ),
    ).toBeCloseTo(0);
    expect(
      growth(
        samples((second) => second / 75),
        "heap",
      ) / MB,
    ).toBeCloseTo(1);
  });

  it("not from a saw tooth, as a collector makes it", () => {
    const saw = samples((second) => 50 + (second % 5) * 2);
    expect(Math.abs(growth(saw, "heap"))).toBeLessThan(MB);
    expect(growthProblems("a", saw)).toEqual([]);
  });

  it("by 3 MB of heap or 24 MB of the process, and says whose and by how much", () => {
    const grownBy = (mb: number) => samples((second) => (second * mb) / 75);
    expect(growthProblems("a", grownBy(2.9))).toEqual([]);
    expect(growthProblems("a", grownBy(3.1))).toEqual(["a: heap grew by 3.1 MB"]);
    expect(growthProblems("b", grownBy(25))).toEqual([
      "b: heap grew by 25.0 MB",
      "b: rss grew by 25.0 MB",
    ]);
    expect(growthProblems("a", grownBy(-30))).toEqual([]);
  });

  it("not from one sample, or none that differ in time", () => {
    expect(growth([{ at: 1, heap: 5, rss: 5 }], "heap")).toBe(0);
  });
});

describe("A soak finds leaves", () => {
  const membersWith = (of: string, at: number): Member[] => [
    { id: "a", disturbed: [], leaves: [{ of, at }] },
    { id: "b", disturbed: [{ from: 10_000, to: 20_000 }], leaves: [] },
  ];

  it.each([
    ["b", 10_000, 0],
    ["b", 26_000, 0],
    ["b", 9_999, 1],
    ["b", 26_001, 1],
    ["a", 15_000, 1],
  ])("of %s at %i ms: %i that nothing accounts for", (of, at, count) => {
    expect(falseLeaves(membersWith(of, at))).toHaveLength(count);
  });

  it("and says who told it, when, and of whom", () => {
    expect(falseLeaves(membersWith("b", 0))).toEqual([
      "a told at 1970-01-01T00:00:00.000Z that b had left",
    ]);
  });
});

describe("A soak finds what is left behind", () => {
  it("above three sockets for each node and some of its own", () => {
    const most = { sockets: 3 * 16 + 16, timers: 24, fds: 3 * 16 + 64 };
    expect(leakProblems("a", most, 16)).toEqual([]);
    const more = { sockets: most.sockets + 1, timers: most.timers + 1, fds: most.fds + 1 };
    expect(leakProblems("a", more, 16)).toEqual([
      "a: 65 sockets at rest, more than 64",
      "a: 25 timers at rest, more than 24",
      "a: 113 fds at rest, more than 112",
    ]);
  });
});
