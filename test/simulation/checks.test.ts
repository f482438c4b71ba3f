/** What a chaos run must not let pass: faults that are made on purpose in what it watches. */
import { describe, expect, it } from "vitest";
import { createToySignatures, planChaos, runChaos } from "../../src/testing/index.ts";

/** The first plan without liars, Python peers, clones and dead nodes. */
function quietPlan() {
  for (let seed = 0; ; seed += 1) {
    const plan = planChaos(seed);
    const { liar, pythons, rings, dead, script } = plan;
    const isQuiet = liar === undefined && pythons.length === 0 && rings === 0 && dead.length === 0;
    const isWhole = script.every(({ what }) => what.kind !== "clone");
    if (isQuiet && isWhole) return { ...plan, real: false };
  }
}

describe("A chaos run", () => {
  it("fails when a node loses another one that is there, though both would agree again", () => {
    const run = () =>
      runChaos(quietPlan(), createToySignatures, (simulation) => {
        const runOn = simulation.run.bind(simulation);
        let isDone = false;
        simulation.run = (ms) => {
          runOn(ms);
          // At the end of the time in which they are watched.
          if (ms !== 9_000 || isDone) return;
          isDone = true;
          const [one, other] = simulation.running();
          one?.step({ kind: "forget", nodeId: other?.nodeId ?? "" });
        };
      });
    expect(run).toThrow(/fell apart/);
  });
});
