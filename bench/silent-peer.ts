/** A process hangs (SIGSTOP), its connections stay open: when do all others know that it is gone? */
import { setTimeout as sleep } from "node:timers/promises";
import { withMesh } from "./mesh.ts";
import type { Question } from "./question.ts";
import { median } from "./statistics.ts";
import { atMost } from "./target.ts";

const PROCESSES = 8;
/** After a return, before the next time: what it set off has ended. */
const SETTLE_MS = 2_000;
const KNOWN_MS_MAX = 5_000;

export const silentPeer: Question = {
  name: "silent-peer",
  async measure(options) {
    const rounds = options.quick ? 1 : 10;
    const plan = { question: "silent-peer", processes: PROCESSES, options };
    const all = await withMesh("dsn", plan, async (mesh) => {
      const samples: { readonly first: number; readonly last: number }[] = [];
      for (let round = 0; round < rounds; round += 1) {
        await sleep(SETTLE_MS);
        // Each in turn, but the first: one that is gone often is waited for longer.
        const tookMs = await mesh.hang(PROCESSES - 1 - (round % (PROCESSES - 1)));
        samples.push({ first: Math.min(...tookMs), last: Math.max(...tookMs) });
      }
      return samples;
    });
    const row = (what: string, summary: (samples: readonly number[]) => number) => ({
      what,
      unit: "ms" as const,
      measured: summary(all.map(({ last }) => last)),
      beside: summary(all.map(({ first }) => first)),
      target: atMost(KNOWN_MS_MAX),
    });
    return {
      title: `One of ${PROCESSES} processes hangs (SIGSTOP), and all others know it (${rounds} times)`,
      columns: ["the last to know", "the first"],
      rows: [row("median", median), row("longest", (samples) => Math.max(...samples))],
    };
  },
};
