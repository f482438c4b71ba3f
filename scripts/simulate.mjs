// `npm run simulate`: networks on a virtual clock. Three things to do:
//
//     npm run simulate -- --seeds 10000 [--from N] [--workers 2]   random faults, both promises
//     npm run simulate -- --plan file.json [--shrink]              one plan again
//     npm run simulate -- --nodes 64 [--minutes 1] [--loss 0.01]   a report, with plots
//                         [--bootstrap-dies]
//
// Ends with 1 when a promise was broken, with 2 when it cannot do what it was asked.
import { readArguments } from "./arguments.mjs";
import { ensureBuilt, ensureInstalled } from "./prepare.mjs";

const USAGE = `npm run simulate -- --seeds COUNT [--from SEED] [--workers COUNT]
npm run simulate -- --plan FILE [--shrink]
npm run simulate -- --nodes COUNT [--seed SEED] [--minutes MINUTES] [--loss SHARE]
                    [--bootstrap-dies] [--out FOLDER]`;

/** A node knows 4,095 others at most. */
const NODES_MAX = 4_096;

const text = { type: "string" };
const flag = { type: "boolean" };
const { values, number, fail } = readArguments({
  what: "simulate",
  usage: USAGE,
  options: {
    seeds: text,
    from: text,
    workers: text,
    plan: text,
    shrink: flag,
    nodes: text,
    seed: text,
    minutes: text,
    loss: text,
    out: text,
    "bootstrap-dies": flag,
  },
});

const tasks = ["seeds", "plan", "nodes"].filter((name) => values[name] !== undefined);
if (tasks.length !== 1)
  fail(`it needs one of --seeds, --plan and --nodes, and has ${tasks.length}`);
const seeds = number("seeds", 0, 1, 1e9);
const from = number("from", 0, 0, 2 ** 31);
const workers = number("workers", 2, 1, 64);
const nodes = number("nodes", 0, 1, NODES_MAX);
const seed = number("seed", 1, 0, 2 ** 31);
const minutes = number("minutes", 1, 0.05, 1_440, false);
const lossRate = number("loss", 0.01, 0, 0.9, false);

ensureInstalled();
ensureBuilt();

if (values.seeds !== undefined) {
  const { runSeeds } = await import("./simulate/seeds.mjs");
  process.exitCode = await runSeeds({ seeds, from, workers });
} else if (values.plan !== undefined) {
  const { runPlan } = await import("./simulate/seeds.mjs");
  process.exitCode = runPlan(values.plan, values.shrink === true);
} else {
  const { runReport } = await import("./simulate/report.mjs");
  const bootstrapDies = values["bootstrap-dies"] === true;
  process.exitCode = runReport({ nodes, seed, minutes, lossRate, bootstrapDies }, values.out);
}
