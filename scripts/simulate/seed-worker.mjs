// Runs the seeds that it is given, in a thread of its own.
import { parentPort } from "node:worker_threads";
import { loadSignatureEngine } from "../../dist/index.js";
import { planChaos, runChaos } from "../../dist/testing/index.js";

parentPort.on("message", ({ first, count }) => {
  const failures = [];
  for (let seed = first; seed < first + count; seed += 1) {
    try {
      runChaos(planChaos(seed), loadSignatureEngine);
    } catch (error) {
      failures.push({ seed, why: error instanceof Error ? error.message : String(error) });
    }
  }
  parentPort.postMessage({ count, failures });
});
