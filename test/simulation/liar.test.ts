import { describe, expect, it } from "vitest";
import { Liar } from "../../src/testing/index.ts";
import { comings, happyEnd, network, partition, seenBy } from "./stories.ts";

const LIES_FROM_MS = 1_000;

describe("A member that lies", () => {
  it.each([1, 2, 3, 4, 5, 6])("harms nobody, seed %i", (seed) => {
    const simulation = network(["a", "b", "c", "d", "liar"], { seed });
    new Liar(simulation, "liar").begin(LIES_FROM_MS);
    for (let round = 0; round < 60; round += 1) {
      for (const name of ["a", "b", "c", "d"]) simulation.write(name, "round", String(round));
      simulation.run(1_000);
    }
    expect(simulation.converge(15_000)).toBeLessThan(15_000);
    simulation.verify();
    for (const reader of ["a", "b", "c", "d"])
      for (const owner of ["a", "b", "c", "d"])
        expect(seenBy(simulation, reader, owner, "round")).toBe("59");
    // None of its thousands of invented names is a member.
    for (const node of simulation.running())
      expect(node.core.members().length).toBeLessThanOrEqual(5);
  });

  it("cannot keep two nodes apart after a partition of five minutes", () => {
    for (const seed of [1, 2, 3]) {
      const simulation = network(["a", "b", "liar"], { seed });
      new Liar(simulation, "liar").begin(LIES_FROM_MS);
      partition(simulation, ["a"], ["b"]);
      simulation.run(5 * 60_000);
      expect(simulation.node("a").present()).not.toContain("b");
      simulation.network.mend();
      expect(simulation.converge(20_000)).toBeLessThan(20_000);
      simulation.verify();
    }
  });

  it("cannot raise the dead", () => {
    const simulation = network(["a", "b", "victim", "liar"], { seed: 4 });
    simulation.write("victim", "k", "v");
    new Liar(simulation, "liar").begin(LIES_FROM_MS);
    simulation.run(20_000);
    simulation.crash("victim");
    simulation.run(25_000);
    const since = simulation.node("a").events.length;
    simulation.run(120_000);
    expect(comings(simulation.node("a"), "victim", since)).toEqual([]);
    expect(simulation.node("a").read("victim")).toBeUndefined();
    simulation.verify();
  });

  it("cannot keep a new node out by naming thousands that do not exist", () => {
    const simulation = network(["a", "b", "liar"], { seed: 5 });
    new Liar(simulation, "liar").begin(LIES_FROM_MS);
    simulation.run(30_000);
    simulation.add("new", { join: ["b"] });
    expect(simulation.converge(10_000)).toBeLessThan(10_000);
    simulation.verify();
  });
});

describe("When the liar falls silent", () => {
  it("everything is as if it had never been", () => {
    const simulation = network(["a", "b", "c", "liar"], { seed: 6 });
    new Liar(simulation, "liar").begin(LIES_FROM_MS);
    simulation.run(60_000);
    simulation.carrier.tamper = undefined;
    simulation.crash("liar");
    simulation.run(30_000);
    happyEnd(simulation);
    for (const node of simulation.running())
      expect(node.present().sort(), node.name).not.toContain("liar");
  });
});
