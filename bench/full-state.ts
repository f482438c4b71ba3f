/** After a write to one of 100 keys of 100 bytes, how long until every other process can read it? */
import { FULL_STATE } from "./peer.ts";
import { DSN_AND_BARE, type Question, type Row, rowOf } from "./question.ts";
import { percentile } from "./statistics.ts";
import { visibleMsOfBoth } from "./visible-writes.ts";

export const fullState: Question = {
  name: "full-state",
  async measure(options) {
    const rows: Row[] = [];
    for (const processes of options.nodes) {
      const both = await visibleMsOfBoth("full-state", processes, FULL_STATE, options);
      for (const share of [0.5, 0.99]) {
        const what = `${processes} processes, p${share * 100}`;
        rows.push(rowOf(what, "ms", both, (samples) => percentile(samples, share)));
      }
    }
    const title = "A write to one of 100 keys of 100 bytes is visible everywhere";
    return { title, columns: DSN_AND_BARE, rows };
  },
};
