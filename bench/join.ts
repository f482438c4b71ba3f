/**
 * A process that has loaded its program joins: when does it hold the states of all others, 100 keys
 * of 100 bytes each, and when do all others hold its own?
 *
 * A node of the library knows the address of one other, and writes a new identity to disk first. A
 * bare process is told all addresses.
 * @module
 */
import type { Kind } from "./commands.ts";
import { withMesh } from "./mesh.ts";
import { FULL_STATE } from "./peer.ts";
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

/** By number of processes; of both directions. */
const TARGETS: ReadonlyMap<number, Target> = new Map([[16, atMost(60)]]);

interface Times {
  /** From just before the process starts its node, its program loaded. */
  readonly seesAllMs: number;
  readonly seenByAllMs: number;
}

export const join: Question = {
  name: "join",
  async measure(options) {
    const rows: Row[] = [];
    for (const processes of options.nodes) {
      const both = await inTurns(processes, options);
      const row = (what: string, value: (times: Times) => number) =>
        rowOf(
          `${processes} processes, ${what}`,
          "ms",
          both,
          (samples) => median(samples.map(value)),
          TARGETS.get(processes),
        );
      rows.push(
        row("it sees all", ({ seesAllMs }) => seesAllMs),
        row("all see it", ({ seenByAllMs }) => seenByAllMs),
      );
    }
    const title = "The last process joins, with 100 keys of 100 bytes in each (median)";
    return { title, columns: DSN_AND_BARE, rows };
  },
};

async function inTurns(processes: number, options: Options): Promise<Both<Times>> {
  const rounds = options.quick ? 2 : 7;
  const dsn: Times[] = [];
  const bare: Times[] = [];
  for (let round = 0; round < rounds; round += 1) {
    dsn.push(await joinOnce("dsn", processes, options));
    bare.push(await joinOnce("bare", processes, options));
  }
  return { dsn, bare };
}

/** In a new mesh each time: one that a process has left behaves otherwise for a while. */
function joinOnce(kind: Kind, processes: number, options: Options): Promise<Times> {
  const plan = { question: "join", processes: processes - 1, state: FULL_STATE, options };
  return withMesh(kind, plan, async (mesh) => {
    const others = mesh.workers.slice();
    const { index, startedMs, completeMs } = await mesh.join();
    const seenMs = await Promise.all(others.map((worker) => worker.call("waitFor", index, 0)));
    return {
      seesAllMs: completeMs - startedMs,
      seenByAllMs: Math.max(...seenMs) - startedMs,
    };
  });
}
