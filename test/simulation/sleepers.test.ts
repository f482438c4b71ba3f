/** Nodes that stop for a while, and links that come and go: what others are told of them. */
import { describe, expect, it } from "vitest";
import type { SimNode } from "../../src/testing/index.ts";
import { sessionNetwork } from "./sessions.ts";
import { comings, happyEnd, partition, seenBy } from "./stories.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const OTHERS = ["a", "b", "c"];
const BAD_LINKS = { delayMs: [1, 10], lossRate: 0.01 } as const;

describe("A node that stops and goes on", () => {
  it.each([
    [30_000, false],
    [30_000, true],
    [10 * MINUTE_MS, false],
    [10 * MINUTE_MS, true],
  ])("after %i ms (its clock sleeps: %s) comes back with one leave and one join", (ms, sleeps) => {
    const simulation = sessionNetwork([...OTHERS, "d"], BAD_LINKS, { datagrams: true });
    simulation.run(5_000);
    simulation.pause("d", { sleeps });
    simulation.run(ms / 2);
    simulation.write("a", "k", "meanwhile");
    simulation.run(ms / 2);
    const d = simulation.node("d");
    const since = d.events.length;
    simulation.resume("d");
    expect(happyEnd(simulation)).toBeLessThan(5_000);
    expect(seenBy(simulation, "d", "a", "k")).toBe("meanwhile");
    for (const other of OTHERS) {
      expect(comings(simulation.node(other), "d")).toEqual(["join", "leave", "join"]);
      expect(comings(d, other, since)).toEqual([]);
    }
    expect(comings(simulation.node("a"), "b")).toEqual(["join"]);
  });

  it("after a day is back within seconds", () => {
    const simulation = sessionNetwork(["a", "d"], BAD_LINKS);
    simulation.run(5_000);
    simulation.pause("d", { sleeps: true });
    simulation.run(DAY_MS);
    simulation.resume("d");
    expect(happyEnd(simulation)).toBeLessThan(5_000);
    expect(comings(simulation.node("a"), "d")).toEqual(["join", "leave", "join"]);
    expect(comings(simulation.node("d"), "a")).toEqual(["join"]);
  });

  it("whose clock stood still calls all others at once, as one whose timers came late", () => {
    const simulation = sessionNetwork([...OTHERS, "d"]);
    simulation.run(5_000);
    simulation.pause("d", { sleeps: true });
    simulation.run(MINUTE_MS);
    simulation.resume("d");
    simulation.run(500);
    expect(simulation.unconverged()).toEqual([]);
  });
});

/** Events about one node that an application was told since then. */
function told(node: SimNode, nodeId: string, since: number) {
  const count = (name: string) =>
    node.events
      .slice(since)
      .filter((event) => event.name === name && "member" in event && event.member.nodeId === nodeId)
      .length;
  return { leaves: count("peer:leave"), statuses: count("peer:status") };
}

describe("A node whose link comes and goes", () => {
  it.each([
    [2_000, 2_000],
    [6_000, 6_000],
    [12_000, 6_000],
    [45_000, 15_000],
  ])(
    "off for %i ms and on for %i ms, makes no storm of events, and is read as it is",
    (offMs, onMs) => {
      const simulation = sessionNetwork([...OTHERS, "d"], BAD_LINKS, { datagrams: true });
      simulation.run(5_000);
      const a = simulation.node("a");
      const since = a.events.length;
      const untilMs = simulation.clock.nowMs + 10 * MINUTE_MS;
      let rounds = 0;
      let missed = 0;
      while (simulation.clock.nowMs < untilMs) {
        partition(simulation, OTHERS, ["d"]);
        simulation.run(offMs);
        simulation.network.mend();
        rounds += 1;
        simulation.write("d", "k", String(rounds));
        simulation.run(onMs);
        if (seenBy(simulation, "a", "d", "k") !== String(rounds)) missed += 1;
      }
      const { leaves, statuses } = told(a, "d", since);
      expect(leaves).toBeLessThanOrEqual(offMs < 15_000 ? 4 : 8);
      // Each leave and join is a change of status, and comes after a silence at most.
      expect(statuses).toBeLessThanOrEqual(3 * leaves + 2 * 5);
      expect(missed / rounds).toBeLessThan(0.1);
      happyEnd(simulation, 15_000);
    },
  );

  it("is called down as fast as ever when it has been there for long", () => {
    const simulation = sessionNetwork([...OTHERS, "d"], BAD_LINKS);
    for (let round = 0; round < 6; round += 1) {
      partition(simulation, OTHERS, ["d"]);
      simulation.run(20_000);
      simulation.network.mend();
      simulation.run(10_000);
    }
    simulation.run(10 * MINUTE_MS);
    partition(simulation, OTHERS, ["d"]);
    const isGone = () => !simulation.node("a").present().includes("d");
    expect(simulation.runUntil(isGone, MINUTE_MS)).toBeLessThan(13_000);
  });
});
