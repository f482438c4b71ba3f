/** And when all processes write at once, until the last value of each is everywhere? */
import { burstRows } from "./burst-rates.ts";
import { DSN_AND_BARE, type Question, type Row } from "./question.ts";

export const allWriters: Question = {
  name: "all-writers",
  async measure(options) {
    const rows: Row[] = [];
    const count = options.quick ? 200 : 1_000;
    for (const processes of options.nodes) {
      const writers = Array.from({ length: processes }, (_, index) => index);
      const plan = { question: "all-writers", processes, writers, count, perTurn: 1, options };
      rows.push(...(await burstRows(plan)));
    }
    const title = `${count} distinct writes of every process at once, each in its own turn`;
    return { title, columns: DSN_AND_BARE, rows };
  },
};
