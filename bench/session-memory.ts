/**
 * How much memory does one more idle peer take in a process that many others have dialled?
 *
 * The others are in a second process, all of them together: it is not measured. Those that come
 * first pay for what a process needs once, and are not counted.
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Kind, Memory } from "./commands.ts";
import { type Mesh, withMesh } from "./mesh.ts";
import { DSN_AND_BARE, type Options, type Question, type Row, rowOf } from "./question.ts";
import { median } from "./statistics.ts";
import { atMostMore, type Target } from "./target.ts";

const KILOBYTE = 1_000;

export const sessionMemory: Question = {
  name: "session-memory",
  async measure(options) {
    const rounds = options.quick ? 1 : 3;
    const first = options.quick ? 16 : 32;
    const counted = options.quick ? 16 : 32;
    const dsn: Memory[] = [];
    const bare: Memory[] = [];
    for (let round = 0; round < rounds; round += 1) {
      dsn.push(await perPeer("dsn", first, counted, options));
      bare.push(await perPeer("bare", first, counted, options));
    }
    const row = (what: string, value: (memory: Memory) => number, target?: Target): Row => {
      const summary = (samples: readonly Memory[]) => median(samples.map(value)) / KILOBYTE;
      return rowOf(what, "KB", { dsn, bare }, summary, target);
    };
    return {
      title: `Memory of one more idle peer, of ${counted}, after a full collection (median)`,
      columns: DSN_AND_BARE,
      rows: [
        row("resident", ({ collectedBytes }) => collectedBytes, atMostMore(40)),
        row("heap", ({ heapBytes }) => heapBytes),
      ],
    };
  },
};

function perPeer(kind: Kind, first: number, counted: number, options: Options): Promise<Memory> {
  const plan = { question: "session-memory", processes: 1, options };
  return withMesh(kind, plan, async (mesh) => {
    await mesh.crowd(first);
    const before = await settled(mesh, options);
    await mesh.crowd(counted);
    const after = await settled(mesh, options);
    const each = (value: (memory: Memory) => number) => (value(after) - value(before)) / counted;
    return {
      residentBytes: each(({ residentBytes }) => residentBytes),
      collectedBytes: each(({ collectedBytes }) => collectedBytes),
      heapBytes: each(({ heapBytes }) => heapBytes),
    };
  });
}

/** Of the process that was dialled, when nothing happens any more. */
async function settled({ writer }: Mesh, { quick }: Options): Promise<Memory> {
  await sleep(quick ? 2_000 : 8_000);
  return writer.call("memory");
}
