/** A process is killed (SIGKILL): when do all others know that it is gone? */
import { setTimeout as sleep } from "node:timers/promises";
import { type Mesh, withBoth } from "./mesh.ts";
import {
  type Both,
  DSN_AND_BARE,
  type Options,
  type Question,
  type Row,
  rowOf,
} from "./question.ts";
import { median } from "./statistics.ts";
import { atMost, type Target } from "./target.ts";

/** After a restart, before the next kill: what the return set off has ended. */
const SETTLE_MS = 1_000;

const TARGETS: ReadonlyMap<number, Target> = new Map([
  [8, atMost(300)],
  [16, atMost(1_000)],
]);

export const killedPeer: Question = {
  name: "killed-peer",
  async measure(options) {
    const rows: Row[] = [];
    const kills = options.quick ? 2 : 10;
    for (const processes of options.nodes) {
      const both = await inTurns(processes, kills, options);
      rows.push(
        rowOf(`${processes} processes, median`, "ms", both, median, TARGETS.get(processes)),
        rowOf(`${processes} processes, longest`, "ms", both, (samples) => Math.max(...samples)),
      );
    }
    const title = `One of the processes is killed, and all others know it (${kills} kills)`;
    return { title, columns: DSN_AND_BARE, rows };
  },
};

function inTurns(processes: number, kills: number, options: Options): Promise<Both<number>> {
  const plan = { question: "killed-peer", processes, options };
  return withBoth(plan, async (dsnMesh, bareMesh) => {
    const dsn: number[] = [];
    const bare: number[] = [];
    await Promise.all([dsnMesh.profile(), bareMesh.profile()]);
    for (let kill = 0; kill < kills; kill += 1) {
      dsn.push(await killOnce(dsnMesh));
      bare.push(await killOnce(bareMesh));
    }
    return { dsn, bare };
  });
}

async function killOnce(mesh: Mesh): Promise<number> {
  const victim = mesh.workers.length - 1;
  await sleep(SETTLE_MS);
  const { killedMs, goneMs } = await mesh.kill(victim);
  await mesh.restart(victim);
  return Math.max(...goneMs) - killedMs;
}
