/** Programs that compute for long: with a worker that answers for them, and without. */
import { describe, expect, it } from "vitest";
import type { AddOptions, Simulation } from "../../src/testing/index.ts";
import { sessionNetwork } from "./sessions.ts";
import { comings, happyEnd, seenBy } from "./stories.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const THREAD: AddOptions = { datagrams: true, thread: true };
const NAMES = ["a", "b", "c", "d"];
const OTHERS = ["a", "c", "d"];

/** Nodes that have met, and whose datagrams pass; `ms` is how long ago. */
function network(
  all: AddOptions = THREAD,
  options: { seed?: number } = {},
  ms = 20 * SECOND_MS,
  names: readonly string[] = NAMES,
): Simulation {
  const simulation = sessionNetwork(names, { delayMs: [1, 10], ...options }, all);
  simulation.run(ms);
  for (const name of names) simulation.node(name).events.length = 0;
  return simulation;
}

/** What one node went through at another. */
function statuses(simulation: Simulation, name: string, of: string): string[] {
  const { core, events } = simulation.node(name);
  const before = events.flatMap((event) =>
    event.name === "peer:status" && event.member.nodeId === of ? [event.before] : [],
  );
  return before.length === 0 ? [] : [...before.slice(1), core.member(of)?.status ?? ""];
}

const statusOf = (simulation: Simulation, name: string, of: string) =>
  simulation.node(name).core.member(of)?.status;

describe("A program that is busy", () => {
  it.each([
    ["the one that only others reach", NAMES, "b"],
    ["the only one that reaches another", ["a", "b", "c"], "c"],
  ])("makes nobody give up anybody: %s", (_, names, busy) => {
    const simulation = network(THREAD, {}, 20 * SECOND_MS, names);
    simulation.network.cut(simulation.addressOf("a"), simulation.addressOf("b"));
    simulation.network.cut(simulation.addressOf("b"), simulation.addressOf("a"));
    const isRelayed = () => statusOf(simulation, "a", "b") === "relayed";
    expect(simulation.runUntil(isRelayed, MINUTE_MS)).toBeDefined();
    simulation.run(20 * SECOND_MS);
    simulation.stall(busy);
    simulation.run(25 * SECOND_MS);
    simulation.resume(busy);
    simulation.run(20 * SECOND_MS);
    expect(statusOf(simulation, "a", "b")).toBe("relayed");
    for (const name of names) {
      for (const of of names) expect(comings(simulation.node(name), of)).toEqual([]);
    }
  });

  it("for 10 s, whenever in the minute between two proofs: busy, then alive, and nothing else", () => {
    for (let seed = 1; seed <= 12; seed += 1) {
      const simulation = network(THREAD, { seed }, (15 + 3 * seed) * SECOND_MS);
      simulation.stall("b");
      simulation.write("a", "k", "during");
      simulation.run(10 * SECOND_MS);
      for (const name of OTHERS) expect(statusOf(simulation, name, "b")).toBe("busy");
      simulation.resume("b");
      const backMs = simulation.runUntil(
        () => OTHERS.every((name) => statusOf(simulation, name, "b") === "alive"),
        5 * SECOND_MS,
      );
      expect(backMs).toBeLessThan(SECOND_MS);
      expect(seenBy(simulation, "b", "a", "k")).toBe("during");
      happyEnd(simulation);
      for (const name of OTHERS) {
        expect(statuses(simulation, name, "b")).toEqual(["busy", "alive"]);
        expect(comings(simulation.node(name), "b")).toEqual([]);
        expect(comings(simulation.node("b"), name)).toEqual([]);
        expect(statuses(simulation, "b", name)).toEqual([]);
      }
    }
  });

  it("says since when, to a second", () => {
    const simulation = network();
    simulation.stall("b");
    const stalledMs = simulation.clock.nowMs;
    simulation.run(8 * SECOND_MS);
    for (const name of OTHERS) {
      const sinceMs = simulation.node(name).core.member("b")?.busySinceMs ?? 0;
      expect(Math.abs(sinceMs - stalledMs)).toBeLessThan(SECOND_MS);
    }
  });

  it("for less than a second is told to nobody", () => {
    const simulation = network();
    for (let round = 0; round < 20; round += 1) {
      simulation.stall("b");
      simulation.run(900);
      simulation.resume("b");
      simulation.run(1_500);
    }
    for (const name of OTHERS) expect(statuses(simulation, name, "b")).toEqual([]);
    happyEnd(simulation);
  });

  it("leaves nobody on links that lose three of ten", () => {
    // In the last two the way by datagram was lost for 3 s.
    for (const seed of [1, 2, 3, 4, 26, 47]) {
      const simulation = network(THREAD, { seed });
      simulation.network.lossRate = 0.3;
      simulation.run(20 * SECOND_MS);
      simulation.stall("b");
      simulation.run(20 * SECOND_MS);
      // Datagrams of a worker may be lost several times in a row, too.
      for (const name of OTHERS) {
        expect(["busy", "suspect"]).toContain(statusOf(simulation, name, "b"));
      }
      simulation.resume("b");
      simulation.run(20 * SECOND_MS);
      for (const name of OTHERS) expect(comings(simulation.node(name), "b")).toEqual([]);
      happyEnd(simulation, 30 * SECOND_MS);
    }
  });

  it("for ever is gone after a minute and a suspicion, and not before half of it", () => {
    for (let seed = 1; seed <= 6; seed += 1) {
      const simulation = network(THREAD, { seed }, (20 + 7 * seed) * SECOND_MS);
      simulation.stall("b");
      const isGone = (name: string) => statusOf(simulation, name, "b") === "down";
      simulation.run(30 * SECOND_MS);
      for (const name of OTHERS) expect(isGone(name)).toBe(false);
      simulation.run(40 * SECOND_MS);
      for (const name of OTHERS) {
        expect(isGone(name)).toBe(true);
        expect(comings(simulation.node(name), "b")).toEqual(["leave"]);
      }
      simulation.run(2 * MINUTE_MS);
      for (const name of OTHERS) expect(comings(simulation.node(name), "b")).toEqual(["leave"]);
      simulation.resume("b");
      happyEnd(simulation);
    }
  });

  it("without a worker is gone as ever: 3 s are borne, 10 s are not", () => {
    const simulation = network({ datagrams: true });
    simulation.stall("b");
    simulation.run(3 * SECOND_MS);
    simulation.resume("b");
    simulation.run(5 * SECOND_MS);
    for (const name of OTHERS) expect(comings(simulation.node(name), "b")).toEqual([]);
    simulation.stall("b");
    simulation.run(10 * SECOND_MS);
    for (const name of OTHERS) expect(comings(simulation.node(name), "b")).toEqual(["leave"]);
    simulation.resume("b");
    happyEnd(simulation);
  });

  it("and with a worker whose datagrams do not pass, is gone like one without", () => {
    const simulation = network({ datagrams: true, thread: true });
    for (const name of OTHERS) {
      simulation.network.dropDatagrams(simulation.addressOf(name), simulation.addressOf("b"));
    }
    simulation.stall("b");
    simulation.run(10 * SECOND_MS);
    for (const name of OTHERS) expect(statusOf(simulation, name, "b")).toBe("down");
  });

  it("all four at once: nobody leaves", () => {
    const simulation = network();
    for (const name of NAMES) simulation.stall(name);
    simulation.run(10 * SECOND_MS);
    for (const name of NAMES) simulation.resume(name);
    simulation.run(10 * SECOND_MS);
    for (const name of NAMES)
      for (const other of NAMES) expect(comings(simulation.node(name), other)).toEqual([]);
    happyEnd(simulation);
  });
});

describe("A process with a worker", () => {
  it("that is stopped as a whole, or dies, is no busy one", () => {
    const simulation = network();
    simulation.pause("b");
    simulation.run(6 * SECOND_MS);
    for (const name of OTHERS) {
      expect(statusOf(simulation, name, "b")).toBe("down");
      expect(statuses(simulation, name, "b")).not.toContain("busy");
    }
    simulation.resume("b");
    happyEnd(simulation);
    simulation.stall("c");
    simulation.run(5 * SECOND_MS);
    expect(statusOf(simulation, "a", "c")).toBe("busy");
    simulation.crash("c");
    simulation.run(SECOND_MS);
    for (const name of ["a", "b", "d"]) expect(statusOf(simulation, name, "c")).toBe("down");
  });
});
