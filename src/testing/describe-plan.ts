/** Plans of chaos for people. */
import type { ChaosPlan } from "./chaos-plan.ts";

/** The plan as lines that a person can read. */
export function describePlan(plan: ChaosPlan): string {
  const { seed, names, pythons, key, real, liar, endMs, dead, datagrams } = plan;
  const head = `seed ${seed}: ${[...names, ...pythons].join(" ")}${liar === undefined ? "" : " and a liar"}, ${
    key === undefined ? "no network key" : "a network key"
  }, ${real ? "real" : "toy"} signatures, datagrams at ${datagrams.join(" ") || "none"}, faults end at ${Math.round(endMs)} ms${
    dead.length === 0 ? "" : `, ${dead.join(" ")} stays dead`
  }`;
  const faults = plan.script.filter(({ what }) => what.kind !== "write" && what.kind !== "send");
  const lines = faults.map(({ atMs, what }) => {
    const { kind, ...details } = what;
    return `  ${Math.round(atMs)} ms ${kind} ${JSON.stringify(details)}`;
  });
  return [head, ...lines].join("\n");
}
