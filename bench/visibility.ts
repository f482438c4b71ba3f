/** After a write, how long until every other process can read it? */
import { warmUp, withBoth } from "./mesh.ts";
import { DSN_AND_BARE, type Question, type Row } from "./question.ts";
import { percentile } from "./statistics.ts";
import { visibleWrites } from "./visible-writes.ts";

const TARGETS_MS: ReadonlyMap<number, number> = new Map([
  [2, 1.5],
  [8, 5],
  [16, 10],
]);

export const visibility: Question = {
  name: "visibility",
  async measure({ quick, profiles }) {
    const rows: Row[] = [];
    for (const processes of quick ? [2, 8] : [2, 8, 16]) {
      const { dsn, bare } = await both(processes, quick ? 60 : 300, quick ? 3 : 6, profiles);
      const what = `${processes} processes`;
      const target = TARGETS_MS.get(processes);
      rows.push(
        {
          what: `${what}, p50`,
          unit: "ms",
          measured: percentile(dsn, 0.5),
          beside: percentile(bare, 0.5),
          ...(target === undefined ? {} : { target }),
        },
        {
          what: `${what}, p99`,
          unit: "ms",
          measured: percentile(dsn, 0.99),
          beside: percentile(bare, 0.99),
        },
      );
    }
    return { title: "A write of 20 bytes is visible everywhere", columns: DSN_AND_BARE, rows };
  },
};

function both(
  processes: number,
  samples: number,
  rounds: number,
  profiles: string | undefined,
): Promise<{ dsn: number[]; bare: number[] }> {
  return withBoth({ processes, profiles }, async (dsnMesh, bareMesh) => {
    const perRound = Math.ceil(samples / rounds);
    await warmUp(dsnMesh, bareMesh);
    const dsn: number[] = [];
    const bare: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      dsn.push(...(await visibleWrites(dsnMesh, perRound)).visibleMs);
      bare.push(...(await visibleWrites(bareMesh, perRound)).visibleMs);
    }
    return { dsn, bare };
  });
}
