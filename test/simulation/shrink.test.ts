import { describe, expect, it } from "vitest";
import { loadSignatureEngine } from "../../src/crypto/signatures.ts";
import {
  type ChaosPlan,
  failureKind,
  formatPlan,
  parsePlan,
  planChaos,
  runChaos,
  type Simulation,
  shrinkPlan,
} from "../../src/testing/index.ts";

/** A bug: the second process of n1 refuses all that it is asked, and does not reach n0. */
function plantBug(simulation: Simulation): void {
  const restart = simulation.restart.bind(simulation);
  simulation.restart = (name, options) => {
    const node = restart(name, options);
    if (name === "n1") {
      node.corrupt = () => ({ kind: "refusal", status: 500, text: "", authenticated: true });
      simulation.network.cut(node.address, simulation.addressOf("n0"));
      const { heal } = simulation.network;
      simulation.network.heal = function (this: typeof simulation.network) {
        heal.call(this);
        this.cut(node.address, simulation.addressOf("n0"));
      };
    }
    return node;
  };
}

function failureOf(plan: ChaosPlan): string | undefined {
  try {
    runChaos(plan, loadSignatureEngine, plantBug);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

describe("shrinkPlan()", () => {
  const planted = Array.from({ length: 40 }, (_, seed) => planChaos(seed)).find(
    ({ script, liar, pythons, real }) =>
      liar === undefined &&
      pythons.length === 0 &&
      !real &&
      script.some(({ what }) => what.kind === "restart" && what.node === "n1"),
  ) as ChaosPlan;

  it("finds the one act that a planted bug needs, among dozens", () => {
    expect(planted.script.length).toBeGreaterThan(30);
    const lengths: number[] = [];
    const onShorter = ({ script }: ChaosPlan) => lengths.push(script.length);
    const { plan, failure, runs } = shrinkPlan(planted, failureOf, { onShorter });
    expect(plan.script.map(({ what }) => what.kind)).toEqual(["restart"]);
    expect(plan.script[0]?.what).toMatchObject({ node: "n1", disk: "kept", skewSeconds: 0 });
    expect(plan.names.length).toBeLessThanOrEqual(3);
    expect(failureKind(failure)).toBe("not converged");
    expect(runs).toBeLessThan(300);
    expect(lengths.length).toBeGreaterThan(1);
    // What it prints is what runs.
    expect(failureOf(parsePlan(formatPlan(plan), "plan.json"))).toBe(failure);
  }, 120_000);

  it("wants a plan that fails, and stops when it has run often enough", () => {
    expect(() => shrinkPlan(planted, () => undefined)).toThrow(RangeError);
    const { runs } = shrinkPlan(planted, () => "seed 1: fell apart: a", { runsMax: 3 });
    expect(runs).toBe(3);
  });

  it("does not take another failure for the same", () => {
    const { plan } = shrinkPlan(planted, (one) =>
      one.script.length === planted.script.length
        ? "seed 1: promises broken:\n  n1 holds a state of n2"
        : "seed 1: promises broken:\n  n1 goes back from version 3",
    );
    expect(plan.script.length).toBe(planted.script.length);
    expect(failureKind("seed 1: not converged after 30000 ms:\n  n1")).toBe("not converged");
  });
});

describe("parsePlan()", () => {
  it("reads what formatPlan() wrote: every kind of act there is", () => {
    const kinds = new Set<string>();
    for (let seed = 0; seed < 150; seed += 1) {
      const plan = planChaos(seed);
      for (const { what } of plan.script) kinds.add(what.kind);
      expect(parsePlan(formatPlan(plan), "f")).toEqual(plan);
    }
    for (const kind of ["reorder", "slow", "starve", "feed", "clone", "unclone", "clock", "strip"])
      expect(kinds).toContain(kind);
  });

  it.each([
    ["no JSON", "{", /DSN_CONFIG/],
    ["a field that is missing", "{}", /names/],
    ["an unknown node", formatPlan({ ...planChaos(1), names: ["n0"] }), /is not among its names/],
    [
      "an unknown act",
      formatPlan(planChaos(1)).replace('"kind":"write"', '"kind":"explode"'),
      /kind/,
    ],
    ["a rate above 1", formatPlan(planChaos(1)).replace(/"rate":0\.\d+/, '"rate":7'), /rate/],
  ])("refuses %s", (_, text, says) => {
    const refusal = () => {
      try {
        parsePlan(text, "plan.json");
        return "";
      } catch (error) {
        const { code, message, why } = error as { code: string; message: string; why: string };
        return `${code} ${message} ${why}`;
      }
    };
    expect(refusal()).toMatch(says);
    expect(refusal()).toContain("plan.json");
  });
});
