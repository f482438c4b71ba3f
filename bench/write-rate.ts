/** How many distinct writes per second does one writer make, until the last is everywhere? */
import { burstRows } from "./burst-rates.ts";
import { DSN_AND_BARE, type Question, type Row } from "./question.ts";
import { atLeast, type Target } from "./target.ts";

/** By number of processes. */
const VERSIONS_TARGETS: ReadonlyMap<number, Target> = new Map([[2, atLeast(15_000)]]);

export const writeRate: Question = {
  name: "write-rate",
  async measure(options) {
    const rows: Row[] = [];
    const count = options.quick ? 1_000 : 4_000;
    for (const processes of options.nodes) {
      const shape = { writers: [0], count, perTurn: 1 };
      const versionsTarget = VERSIONS_TARGETS.get(processes);
      const plan = { question: "write-rate", processes, ...shape, options, versionsTarget };
      rows.push(...(await burstRows(plan)));
    }
    const title = `${count} distinct writes of one writer, each in its own turn`;
    return { title, columns: DSN_AND_BARE, rows };
  },
};
