/** Partitions merge, whatever they lasted; nobody is told more than what happened. */
import { describe, expect, it } from "vitest";
import type { Simulation } from "../../src/testing/index.ts";
import { sessionNetwork } from "./sessions.ts";
import { comings, partition, seenBy } from "./stories.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const BAD_LINKS = { delayMs: [1, 10], lossRate: 0.01 } as const;

function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `n${index}`);
}

/** Cuts the network in two for so long. @returns ms from the heal until all agree. */
function cutFor(simulation: Simulation, left: string[], right: string[], ms: number): number {
  partition(simulation, left, right);
  simulation.run(ms / 2);
  for (const name of [...left, ...right]) simulation.write(name, "k", `during ${ms}`);
  simulation.run(ms / 2);
  simulation.network.mend();
  const tookMs = simulation.converge(2 * MINUTE_MS);
  simulation.run(20_000);
  expect(simulation.unconverged()).toEqual([]);
  for (const one of left) {
    for (const other of right) {
      expect(seenBy(simulation, one, other, "k")).toBe(`during ${ms}`);
      expect(seenBy(simulation, other, one, "k")).toBe(`during ${ms}`);
    }
  }
  return tookMs;
}

describe("Two halves", () => {
  it.each([
    [12, 6, 10_000, 5_000],
    [12, 1, 10_000, 5_000],
    [10, 5, 10 * MINUTE_MS, 5_000],
    [4, 1, 2 * HOUR_MS, 60_000],
  ])(
    "of %i nodes, %i on the left, cut off for %i ms, are one within %i ms of the heal",
    (count, size, ms, withinMs) => {
      const all = names(count);
      const [left, right] = [all.slice(0, size), all.slice(size)];
      const simulation = sessionNetwork(
        all,
        { ...BAD_LINKS, seed: count + ms },
        { datagrams: true },
      );
      simulation.run(5_000);
      expect(cutFor(simulation, left, right, ms)).toBeLessThan(withinMs);
      for (const one of all) {
        for (const other of all.filter((name) => name !== one)) {
          const isSame = left.includes(one) === left.includes(other);
          const told = comings(simulation.node(one), other).slice(1);
          expect([one, other, ...told]).toEqual([one, other, ...(isSame ? [] : ["leave", "join"])]);
        }
      }
      simulation.verify();
    },
  );

  it("of two nodes that were apart for a week are one a minute later", () => {
    const simulation = sessionNetwork(["a", "b"], BAD_LINKS);
    simulation.run(5_000);
    const before = simulation.clock.nowMs;
    expect(cutFor(simulation, ["a"], ["b"], 7 * 24 * HOUR_MS)).toBeLessThan(MINUTE_MS);
    expect(simulation.clock.nowMs - before).toBeGreaterThan(7 * 24 * HOUR_MS);
    expect(comings(simulation.node("a"), "b")).toEqual(["join", "leave", "join"]);
    const alone = simulation
      .node("b")
      .events.flatMap(({ name }) => (name === "isolated" || name === "connected" ? [name] : []));
    expect(alone).toEqual(["isolated", "connected"]);
    simulation.verify();
  });
});
