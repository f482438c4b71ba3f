// Random faults: many seeds in several threads, and the shortest script for those that fail.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { Worker } from "node:worker_threads";
import { loadSignatureEngine } from "../../dist/index.js";
import {
  describePlan,
  formatPlan,
  parsePlan,
  planChaos,
  runChaos,
  shrinkPlan,
} from "../../dist/testing/index.js";
import { root } from "../prepare.mjs";

const BLOCK = 20;
/** More than these say nothing new. */
const SHRUNK_MAX = 3;
const SAY_EVERY_MS = 10_000;

function failureOf(plan) {
  try {
    runChaos(plan, loadSignatureEngine);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export async function runSeeds({ seeds, from, workers }) {
  const startMs = Date.now();
  const failures = [];
  const end = from + seeds;
  let next = from;
  let done = 0;
  let saidMs = startMs;
  const work = (worker) =>
    new Promise((resolve, reject) => {
      const give = () => {
        if (next >= end) {
          void worker.terminate().then(resolve);
          return;
        }
        const count = Math.min(BLOCK, end - next);
        worker.postMessage({ first: next, count });
        next += count;
      };
      worker.on("message", (block) => {
        done += block.count;
        for (const failure of block.failures) {
          failures.push(failure);
          console.log(
            `✖ seed ${failure.seed} fails: ${failure.why.split("\n").slice(0, 2).join(" ")}`,
          );
        }
        if (Date.now() - saidMs > SAY_EVERY_MS) {
          saidMs = Date.now();
          console.log(`${done} of ${seeds} seeds, ${failures.length} failed`);
        }
        give();
      });
      worker.on("error", reject);
      give();
    });
  const file = new URL("./seed-worker.mjs", import.meta.url);
  const threads = Math.min(workers, Math.ceil(seeds / BLOCK));
  await Promise.all(Array.from({ length: threads }, () => work(new Worker(file))));
  failures.sort((a, b) => a.seed - b.seed);
  for (const { seed } of failures.slice(0, SHRUNK_MAX)) shrink(planChaos(seed));
  const seconds = Math.round((Date.now() - startMs) / 1_000);
  console.log(`${done} seeds from ${from}, ${failures.length} failed, ${seconds} s`);
  console.log(failures.length === 0 ? "✓ both promises held in each" : "✖ see above");
  return failures.length === 0 ? 0 : 1;
}

/** Prints the shortest script that fails alike, and keeps it in a file. */
function shrink(plan) {
  console.log(`\nseed ${plan.seed}: looking for a shorter script than ${plan.script.length} acts`);
  const { plan: short, failure, runs } = shrinkPlan(plan, failureOf);
  const folder = join(root, ".tmp", "simulate");
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `seed-${plan.seed}.json`);
  writeFileSync(path, formatPlan(short));
  console.log(`${short.script.length} acts fail alike, found in ${runs} runs:\n`);
  console.log(`${failure}\n\n${formatPlan(short)}`);
  console.log(`Replay: npm run simulate -- --plan ${relative(process.cwd(), path)}\n`);
}

export function runPlan(file, shrinks) {
  let plan;
  try {
    plan = parsePlan(readFileSync(file, "utf8"), file);
  } catch (error) {
    console.error(`✖ ${error.message}\n  Why   ${error.why ?? error.code}`);
    return 2;
  }
  console.log(`${describePlan(plan)}\n`);
  const failure = failureOf(plan);
  console.log(failure === undefined ? "✓ both promises held" : `✖ ${failure}`);
  if (failure !== undefined && shrinks) shrink(plan);
  return failure === undefined ? 0 : 1;
}
