/** How much memory does a process take that holds the states of all others? */
import { setTimeout as sleep } from "node:timers/promises";
import type { Memory } from "./commands.ts";
import { type Mesh, withBoth } from "./mesh.ts";
import { FULL_STATE } from "./peer.ts";
import { DSN_AND_BARE, type Question, type Row } from "./question.ts";

const MEGABYTE = 1_000_000;

export const memory: Question = {
  name: "memory",
  async measure(options) {
    const rows: Row[] = [];
    const settleMs = options.quick ? 2_000 : 15_000;
    for (const processes of options.nodes) {
      const plan = { question: "memory", processes, state: FULL_STATE, options };
      const { dsn, bare } = await withBoth(plan, async (dsnMesh, bareMesh) => {
        await sleep(settleMs);
        return { dsn: await memories(dsnMesh), bare: await memories(bareMesh) };
      });
      const row = (what: string, value: (memory: Memory) => number): Row => ({
        what: `${processes} processes, ${what}`,
        unit: "MB",
        measured: mean(dsn.map(value)) / MEGABYTE,
        beside: mean(bare.map(value)) / MEGABYTE,
      });
      rows.push(
        row("resident", ({ residentBytes }) => residentBytes),
        row("heap after a full collection", ({ heapBytes }) => heapBytes),
      );
    }
    const title = "Memory of a process with 100 keys of 100 bytes of each (mean of all)";
    return { title, columns: DSN_AND_BARE, rows };
  },
};

function memories(mesh: Mesh): Promise<readonly Memory[]> {
  return Promise.all(mesh.workers.map((worker) => worker.call("memory")));
}

function mean(samples: readonly number[]): number {
  return samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
}
