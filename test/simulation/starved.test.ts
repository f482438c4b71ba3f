import { describe, expect, it } from "vitest";
import { Simulation, starve } from "../../src/testing/index.ts";

/** Who was declared down by whom, of those whose process had all that it needs. */
function wronglyGone(simulation: Simulation, sick: ReadonlySet<string>): string[] {
  return [...simulation.nodes.values()].flatMap(({ name, events }) =>
    events.flatMap((event) =>
      event.name === "peer:leave" && !sick.has(event.member.nodeId)
        ? [`${name} gives up ${event.member.nodeId}`]
        : [],
    ),
  );
}

describe("Starved processes", () => {
  it.each([1, 2])("2 of 20: no healthy node is given up, seed %i", (seed) => {
    const simulation = new Simulation({ seed, lossRate: 0.01 });
    const names = Array.from({ length: 20 }, (_, index) => `n${index}`);
    for (const name of names) {
      const join = names.slice(0, 3).filter((other) => other !== name);
      simulation.add(name, { join, sessions: true, datagrams: true });
    }
    simulation.converge(20_000);
    const sick = new Set(["n1", "n11"]);
    const ends = [...sick].map((name) => starve(simulation, name));
    simulation.run(60_000);
    expect(wronglyGone(simulation, sick)).toEqual([]);
    for (const end of ends) end();
    expect(simulation.converge(30_000)).toBeLessThan(30_000);
    simulation.verify();
  });
});
