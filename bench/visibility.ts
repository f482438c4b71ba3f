/** After a write of a small state, how long until every other process can read it? */
import { SMALL_STATE } from "./peer.ts";
import { DSN_AND_BARE, type Question, type Row, rowOf } from "./question.ts";
import { percentile } from "./statistics.ts";
import { visibleMsOfBoth } from "./visible-writes.ts";

const TARGETS_MS: ReadonlyMap<number, number> = new Map([
  [2, 1.5],
  [8, 5],
  [16, 10],
]);

export const visibility: Question = {
  name: "visibility",
  async measure(options) {
    const rows: Row[] = [];
    for (const processes of options.nodes) {
      const both = await visibleMsOfBoth("visibility", processes, SMALL_STATE, options);
      const row = (share: number) =>
        rowOf(`${processes} processes, p${share * 100}`, "ms", both, (samples) =>
          percentile(samples, share),
        );
      const target = TARGETS_MS.get(processes);
      rows.push({ ...row(0.5), ...(target === undefined ? {} : { target }) }, row(0.99));
    }
    return { title: "A write of 20 bytes is visible everywhere", columns: DSN_AND_BARE, rows };
  },
};
