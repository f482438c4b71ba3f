/** What do connected processes cost that have nothing to say? */
import { setTimeout as sleep } from "node:timers/promises";
import type { Usage } from "./commands.ts";
import { type Mesh, withBoth } from "./mesh.ts";
import { FULL_STATE } from "./peer.ts";
import { DSN_AND_BARE, type Question, type Row } from "./question.ts";
import { atMost } from "./target.ts";

/** After the last has joined. */
const SETTLE_MS = 5_000;

interface Cost {
  readonly cpuSecondsPerMinute: number;
  readonly bytesPerSecond: number;
}

export const idle: Question = {
  name: "idle",
  async measure(options) {
    const rows: Row[] = [];
    const measuredMs = options.quick ? 6_000 : 60_000;
    for (const processes of options.nodes) {
      const plan = { question: "idle", processes, state: FULL_STATE, options };
      const { dsn, bare } = await withBoth(plan, async (dsnMesh, bareMesh) => {
        await sleep(SETTLE_MS);
        await Promise.all([dsnMesh.profile(), bareMesh.profile()]);
        const before = [await usages(dsnMesh), await usages(bareMesh)] as const;
        await sleep(measuredMs);
        return {
          dsn: perNode(before[0], await usages(dsnMesh)),
          bare: perNode(before[1], await usages(bareMesh)),
        };
      });
      const row = (
        what: string,
        unit: Row["unit"],
        value: (cost: Cost) => number,
        max: number,
      ): Row => ({
        what: `${processes} processes, ${what}`,
        unit,
        measured: value(dsn),
        beside: value(bare),
        target: atMost(max),
      });
      rows.push(
        row("processor time of each", "CPU s/min", (cost) => cost.cpuSecondsPerMinute, 0.1),
        row("sent and received by each", "B/s", (cost) => cost.bytesPerSecond, 2_048),
      );
    }
    return { title: "Nothing happens (mean of all processes)", columns: DSN_AND_BARE, rows };
  },
};

function usages(mesh: Mesh): Promise<readonly Usage[]> {
  return Promise.all(mesh.workers.map((worker) => worker.call("usage")));
}

function perNode(before: readonly Usage[], after: readonly Usage[]): Cost {
  const sum = (usages: readonly Usage[], value: (usage: Usage) => number) =>
    usages.reduce((total, usage) => total + value(usage), 0);
  const gained = (value: (usage: Usage) => number) => sum(after, value) - sum(before, value);
  const seconds = gained(({ atMs }) => atMs) / 1_000;
  return {
    cpuSecondsPerMinute: (gained(({ cpuMs }) => cpuMs) / 1_000 / seconds) * 60,
    bytesPerSecond: gained(({ bytes }) => bytes) / seconds,
  };
}
