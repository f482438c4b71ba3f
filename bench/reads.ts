/** How many reads per second of a key of another process, beside a Map in a Map? */
import { withMesh } from "./mesh.ts";
import { FULL_STATE } from "./peer.ts";
import type { Question } from "./question.ts";
import { median } from "./statistics.ts";
import { atLeast } from "./target.ts";

export const reads: Question = {
  name: "reads",
  async measure(options) {
    const rounds = options.quick ? 3 : 7;
    const count = options.quick ? 500_000 : 2_000_000;
    const plan = { question: "reads", processes: 2, state: FULL_STATE, options };
    const rates = await withMesh("dsn", plan, async (mesh) => {
      const rates = [];
      for (let round = 0; round <= rounds; round += 1) {
        rates.push(await mesh.writer.call("reads", 1, count));
        // The first round is for the compiler of the runtime.
        if (round === 0) await mesh.profile();
      }
      return rates.slice(1);
    });
    const measured = median(rates.map(({ perSecond }) => perSecond));
    const beside = median(rates.map(({ mapsPerSecond }) => mapsPerSecond));
    const target = atLeast(2_000_000);
    return {
      title: "readData() of a key of another process, 100 keys of 100 bytes in each",
      columns: ["DSN", "Map in a Map"],
      rows: [{ what: "reads in a loop", unit: "per second", measured, beside, target }],
    };
  },
};
