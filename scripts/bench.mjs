// `npm run bench`: measures the built package. Installs and builds if needed, then compiles
// `bench/` into `.tmp/bench` and runs it:
//
//     npm run bench -- --quick --only visibility
//
// Ends with 2 when it cannot do what it was asked.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { readArguments } from "./arguments.mjs";
import { ensureBuilt, ensureInstalled, root, run } from "./prepare.mjs";

/** Of processes; both meshes are open at once. */
const NODES_MAX = 64;

const text = { type: "string" };
const { values, fail } = readArguments({
  what: "measure",
  usage: `npm run bench -- [--quick] [--nodes 2,8,16,32] [--only NAME]… [--udp on|off]
                 [--json FILE] [--results FILE] [--profile FOLDER]`,
  options: {
    quick: { type: "boolean", default: false },
    nodes: text,
    only: { type: "string", multiple: true, default: [] },
    udp: text,
    json: text,
    results: text,
    profile: text,
  },
});
const { quick, only, udp, json, results, profile } = values;

const sizes = values.nodes ?? (quick ? "2,8" : "2,8,16");
const nodes = sizes.split(",").map(Number);
if (!nodes.every((count) => Number.isInteger(count) && count >= 2 && count <= NODES_MAX))
  fail(`--nodes is "${sizes}", not whole numbers from 2 to ${NODES_MAX}, such as 2,8,16,32`);
if (udp !== undefined && udp !== "on" && udp !== "off") fail(`--udp is "${udp}", not on or off`);

ensureInstalled();
ensureBuilt();

const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
if (!run(process.execPath, [tsc, "-p", "bench/tsconfig.json"])) process.exit(1);
const told = {
  options: { quick, nodes, udp: udp === undefined ? undefined : udp === "on", profiles: profile },
  only,
  json,
  results,
  typed: process.argv.slice(2),
};
const main = join(root, ".tmp", "bench", "main.js");
const args = [main, JSON.stringify(told)];
process.exitCode = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" }).status ?? 1;
