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

/** One that is gone more often in ten minutes is waited for longer: it may only flap. */
const KILLS_EACH_MAX = 4;

const TARGETS: ReadonlyMap<number, Target> = new Map([
  [8, atMost(300)],
  [16, atMost(1_000)],
]);

export const killedPeer: Question = {
  name: "killed-peer",
  async measure(options) {
    const rows: Row[] = [];
    const wanted = options.quick ? 2 : 10;
    for (const processes of options.nodes) {
      const kills = Math.min(wanted, KILLS_EACH_MAX * (processes - 1));
      const both = await inTurns(processes, kills, options);
      rows.push(
        rowOf(`${processes} processes, median`, "ms", both, median, TARGETS.get(processes)),
        rowOf(`${processes} processes, longest`, "ms", both, (samples) => Math.max(...samples)),
      );
    }
    const title = `One of the processes is killed, and all others know it (${wanted} kills)`;
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
      // Each in turn, but the first, through which they come back. Bare ones are dialled by no other
      // than those that come later, so it is the last.
      const last = processes - 1;
      dsn.push(await killOnce(dsnMesh, last - (kill % last)));
      bare.push(await killOnce(bareMesh, last));
    }
    return { dsn, bare };
  });
}

async function killOnce(mesh: Mesh, victim: number): Promise<number> {
  await sleep(SETTLE_MS);
  const { killedMs, goneMs } = await mesh.kill(victim);
  await mesh.restart(victim);
  return Math.max(...goneMs) - killedMs;
}
