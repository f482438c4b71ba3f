/** What the bench is told on the command line. */
import { parseArgs } from "node:util";
import type { Options } from "./question.ts";

const NODES = "2,8,16";
const NODES_QUICK = "2,8";
/** Of processes; both meshes are open at once. */
const NODES_MAX = 64;

export interface Arguments {
  readonly options: Options;
  /** Names of questions; empty for all. */
  readonly only: readonly string[];
  readonly json: string | undefined;
  /** Markdown whose tables are replaced. */
  readonly results: string | undefined;
}

/** @throws with a line for the person who typed it. */
export function parseArguments(args: readonly string[], names: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      nodes: { type: "string" },
      only: { type: "string", multiple: true, default: [] },
      udp: { type: "string" },
      json: { type: "string" },
      results: { type: "string" },
      profile: { type: "string" },
    },
  });
  const unknown = values.only.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new Error(`There is no question "${unknown.join(", ")}"; there are: ${names.join(", ")}`);
  }
  const nodes = parseNodes(values.nodes ?? (values.quick ? NODES_QUICK : NODES));
  const udp = parseSwitch(values.udp);
  const options = { quick: values.quick, nodes, udp, profiles: values.profile };
  return { options, only: values.only, json: values.json, results: values.results };
}

function parseNodes(text: string): number[] {
  const nodes = text.split(",").map(Number);
  if (nodes.every((count) => Number.isInteger(count) && count >= 2 && count <= NODES_MAX)) {
    return nodes;
  }
  throw new Error(
    `Cannot use --nodes ${text}: must be whole numbers, 2 to ${NODES_MAX}: 2,8,16,32`,
  );
}

function parseSwitch(text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  if (text === "on" || text === "off") return text === "on";
  throw new Error(`Cannot use --udp ${text}: must be on or off`);
}
