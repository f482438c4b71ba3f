/** How many distinct writes per second does one writer make, until the last is everywhere? */
import { burstRows } from "./burst-rates.ts";
import { DSN_AND_BARE, type Question, type Row } from "./question.ts";

export const writeRate: Question = {
  name: "write-rate",
  async measure(options) {
    const rows: Row[] = [];
    const count = options.quick ? 1_000 : 4_000;
    for (const processes of options.nodes) {
      const plan = { question: "write-rate", processes, writers: [0], count, options };
      rows.push(...(await burstRows(plan)));
    }
    const title = `${count} distinct writes of one writer, each in its own turn`;
    return { title, columns: DSN_AND_BARE, rows };
  },
};
