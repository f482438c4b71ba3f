/** How many distinct writes per second does one writer make, until the last is everywhere? */
import { type Mesh, withBoth } from "./mesh.ts";
import { DSN_AND_BARE, type Question, type Row } from "./question.ts";
import { median } from "./statistics.ts";

interface Rates {
  readonly writesPerSecond: number;
  /** Versions that a receiver saw, of those written: a slow receiver is sent the newest only. */
  readonly versionsPerSecond: number;
}

export const writeRate: Question = {
  name: "write-rate",
  async measure({ quick, profiles }) {
    const rows: Row[] = [];
    const count = quick ? 1_000 : 4_000;
    const rounds = quick ? 3 : 7;
    for (const processes of [2, 8]) {
      const { dsn, bare } = await withBoth({ processes, profiles }, async (dsnMesh, bareMesh) => {
        const dsn: Rates[] = [];
        const bare: Rates[] = [];
        // The first round is for the compiler of the runtime.
        for (let round = 0; round <= rounds; round += 1) {
          dsn.push(await burst(dsnMesh, count));
          bare.push(await burst(bareMesh, count));
        }
        return { dsn: dsn.slice(1), bare: bare.slice(1) };
      });
      const row = (what: string, value: (rates: Rates) => number): Row => ({
        what: `${processes} processes, ${what}`,
        unit: "per second",
        measured: median(dsn.map(value)),
        beside: median(bare.map(value)),
      });
      rows.push(
        row("writes until the last is everywhere", ({ writesPerSecond }) => writesPerSecond),
        row("versions seen by a receiver", ({ versionsPerSecond }) => versionsPerSecond),
      );
    }
    return { title: `${count} distinct writes, each in its own turn`, columns: DSN_AND_BARE, rows };
  },
};

async function burst(mesh: Mesh, count: number): Promise<Rates> {
  const { startedMs, seen } = await mesh.burst(count);
  const endedMs = Math.max(...seen.flat().map(({ atMs }) => atMs));
  const seconds = (endedMs - startedMs) / 1_000;
  return {
    writesPerSecond: count / seconds,
    versionsPerSecond: median(seen.map((sightings) => sightings.length)) / seconds,
  };
}
