/** Nodes that start again find those whom they knew, with or without bootstrap nodes. */
import { describe, expect, it } from "vitest";
import { loadSignatureEngine } from "../../src/crypto/signatures.ts";
import { planChaos, runChaos, Simulation } from "../../src/testing/index.ts";
import { sessionNetwork } from "./sessions.ts";
import { happyEnd } from "./stories.ts";

const MINUTE_MS = 60_000;

function alone(simulation: Simulation, name: string): string[] {
  return simulation
    .node(name)
    .events.flatMap(({ name }) => (name === "isolated" || name === "connected" ? [name] : []));
}

/** All stop; two of them start again and know of no bootstrap node. */
function restarted(disk: "kept" | "lost"): Simulation {
  const simulation = sessionNetwork(["a", "b", "c"]);
  simulation.run(5_000);
  for (const name of ["a", "b", "c"]) simulation.crash(name);
  simulation.run(5_000);
  for (const name of ["a", "b"]) simulation.restart(name, { join: [], disk });
  return simulation;
}

describe("Nodes that all stopped", () => {
  it("find each other again when the bootstrap node is gone", () => {
    const simulation = restarted("kept");
    expect(happyEnd(simulation)).toBeLessThan(5_000);
    // One that comes much later is found as well, whoever begins.
    simulation.run(10 * MINUTE_MS);
    simulation.restart("c", { join: [] });
    expect(happyEnd(simulation)).toBeLessThan(5_000);
  });

  it("do not without a disk: nobody told them of anybody", () => {
    const simulation = restarted("lost");
    simulation.run(MINUTE_MS);
    expect(simulation.node("a").present()).toEqual([]);
    // Whoever knows of nobody misses nobody.
    expect(alone(simulation, "a")).toEqual([]);
  });

  it("say that they are alone when none of those whom they knew is there", () => {
    const simulation = restarted("kept");
    simulation.crash("b");
    simulation.run(MINUTE_MS);
    expect(alone(simulation, "a")).toEqual(["isolated"]);
    simulation.restart("b", { join: [] });
    simulation.converge(10_000);
    expect(alone(simulation, "a")).toEqual(["isolated", "connected"]);
  });

  it("find Python peers that never call them, though all were down at once", () => {
    const simulation = new Simulation({ seed: 2 });
    simulation.add("a");
    simulation.addPython("p", { join: ["a"] });
    simulation.converge(MINUTE_MS);
    simulation.run(5_000);
    simulation.crash("a");
    // By then the Python peer has dropped it.
    simulation.run(MINUTE_MS);
    expect(simulation.pythons.get("p")?.present()).toEqual([]);
    simulation.restart("a");
    expect(happyEnd(simulation, MINUTE_MS)).toBeLessThan(10_000);
  });

  it.each([95_643, 10_649])("agree at the end of chaos %i", (seed) => {
    expect(runChaos(planChaos(seed), loadSignatureEngine).convergedMs).toBeLessThan(MINUTE_MS);
  });
});
