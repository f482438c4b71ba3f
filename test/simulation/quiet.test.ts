import { describe, expect, it } from "vitest";
import { network, sentDuring } from "./stories.ts";

const TICK_MS = 3_000;
const MINUTE_MS = 60_000;

describe("A quiet network of eight", () => {
  const names = ["a", "b", "c", "d", "e", "f", "g", "h"];

  it("sends seven PINGs and one PEERS per node and tick, a HELLO in half a minute, few UPDATEs", () => {
    const simulation = network(names);
    simulation.write("a", "k", "v");
    simulation.run(MINUTE_MS);
    const ticks = 100;
    const counts = names.map((name) => ({ HELLO: 0, PEERS: 0, UPDATE: 0, PING: 0, name }));
    for (const count of counts) {
      const sent = sentDuring(simulation, count.name, () => simulation.run(ticks * TICK_MS));
      // One per peer in 30 s, by which it proves that its answers are no recordings.
      expect(sent["HELLO"]).toBeLessThanOrEqual((7 * ticks * TICK_MS) / 30_000);
      expect(sent, count.name).toMatchObject({ PING: 7 * ticks, PEERS: ticks });
      // All hold all, so only one round in ten sends a state in case that is not so.
      expect(sent["UPDATE"]).toBeGreaterThan(0);
      expect(sent["UPDATE"]).toBeLessThan(ticks / 4);
    }
  });

  it("settles within seconds of its start: each pair greets itself a few times", () => {
    const simulation = network(names);
    simulation.run(15_000);
    let hellos = 0;
    for (const [counter, count] of simulation.carrier.sent)
      if (counter.endsWith("HELLO")) hellos += count;
    // 28 pairs; each meets from both sides, and again through the lists of others.
    expect(hellos).toBeLessThan(28 * 6);
  });

  it("one write costs one UPDATE to each of the others", () => {
    const simulation = network(names);
    simulation.run(MINUTE_MS);
    const sent = sentDuring(simulation, "c", () => {
      simulation.write("c", "a", "1");
      simulation.write("c", "b", "2");
      simulation.run(1);
      simulation.run(30);
    });
    expect(sent["UPDATE"]).toBeLessThanOrEqual(8);
    expect(sent["UPDATE"]).toBeGreaterThanOrEqual(7);
  });

  it("holds on to nothing: after an hour as little is pending as after a minute", () => {
    const simulation = network(names.slice(0, 4));
    simulation.crash("d");
    simulation.run(60 * MINUTE_MS);
    for (const node of simulation.running()) {
      const { replies, operations, timers } = node.core.pending;
      expect(replies + operations).toBeLessThan(12);
      expect(timers).toBeLessThan(20);
      expect(node.core.members().length).toBe(3);
      expect(node.unanswered).toBe(0);
    }
    // The dead node is not forgotten, but asked for ever more rarely.
    const sent = sentDuring(simulation, "a", () => simulation.run(10 * MINUTE_MS));
    // Once a minute as a member, once a minute as a bootstrap node; the two others prove themselves.
    expect(sent["HELLO"]).toBeLessThan(25 + 40);
    simulation.restart("d");
    simulation.converge(90_000);
    simulation.verify();
  });
});
