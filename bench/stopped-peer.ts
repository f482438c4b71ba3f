/** Does a peer that hangs (SIGSTOP) hold up the writer or the healthy peers? */
import { setTimeout as sleep } from "node:timers/promises";
import { type Mesh, warmUp, withMesh } from "./mesh.ts";
import type { Question, Row } from "./question.ts";
import { percentile } from "./statistics.ts";
import { type VisibleWrites, visibleWrites } from "./visible-writes.ts";
import type { WorkerProcess } from "./worker-process.ts";

const PROCESSES = 8;

/** Before each half of a round: a resumed peer catches up in this time, and nobody waits for it. */
const SETTLE_MS = 500;

export const stoppedPeer: Question = {
  name: "stopped-peer",
  async measure(options) {
    const { quick } = options;
    const rounds = quick ? 2 : 5;
    const perRound = quick ? 30 : 60;
    const plan = { question: "stopped-peer", processes: PROCESSES, options };
    const { stopped, running } = await withMesh("dsn", plan, (mesh) =>
      inTurn(mesh, rounds, perRound),
    );
    const row = (what: string, samples: (writes: VisibleWrites) => readonly number[]): Row[] =>
      [0.5, 0.99].map((share) => ({
        what: `${what}, p${share * 100}`,
        unit: "ms",
        measured: percentile(stopped.flatMap(samples), share),
        beside: percentile(running.flatMap(samples), share),
      }));
    return {
      title: `One of ${PROCESSES} processes is stopped (SIGSTOP)`,
      columns: ["one stopped", "none stopped"],
      rows: [
        ...row(`visible at the ${PROCESSES - 2} others`, ({ visibleMs }) => visibleMs),
        ...row("updateData() returns", ({ callMs }) => callMs),
      ],
    };
  },
};

async function inTurn(
  mesh: Mesh,
  rounds: number,
  perRound: number,
): Promise<{ stopped: VisibleWrites[]; running: VisibleWrites[] }> {
  const healthy = mesh.receivers.slice(0, -1);
  const victim = mesh.receivers.at(-1) as WorkerProcess;
  const stopped: VisibleWrites[] = [];
  const running: VisibleWrites[] = [];
  await warmUp(mesh);
  for (let round = 0; round < rounds; round += 1) {
    running.push(await visibleWrites(mesh, perRound, healthy));
    victim.signal("SIGSTOP");
    try {
      await sleep(SETTLE_MS);
      stopped.push(await visibleWrites(mesh, perRound, healthy));
    } finally {
      victim.signal("SIGCONT");
    }
    // Both halves compare only if it is a member again.
    await visibleWrites(mesh, 1);
    await sleep(SETTLE_MS);
  }
  return { stopped, running };
}
