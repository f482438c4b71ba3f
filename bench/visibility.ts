/** After a write of a small state, how long until every other process can read it? */
import { SMALL_STATE } from "./peer.ts";
import { DSN_AND_BARE, type Question, type Row, rowOf } from "./question.ts";
import { percentile } from "./statistics.ts";
import { atMostTimes, type Target } from "./target.ts";
import { visibleMsOfBoth } from "./visible-writes.ts";

/** By number of processes. */
const MEDIAN_TARGETS: ReadonlyMap<number, Target> = new Map([
  [2, atMostTimes(2)],
  [8, atMostTimes(2)],
  [16, atMostTimes(2)],
]);
const P99_TARGETS: ReadonlyMap<number, Target> = new Map([[16, atMostTimes(3)]]);

export const visibility: Question = {
  name: "visibility",
  async measure(options) {
    const rows: Row[] = [];
    for (const processes of options.nodes) {
      const both = await visibleMsOfBoth("visibility", processes, SMALL_STATE, options);
      const row = (share: number, targets: ReadonlyMap<number, Target>) => {
        const summary = (samples: readonly number[]) => percentile(samples, share);
        const what = `${processes} processes, p${share * 100}`;
        return rowOf(what, "ms", both, summary, targets.get(processes));
      };
      rows.push(row(0.5, MEDIAN_TARGETS), row(0.99, P99_TARGETS));
    }
    return { title: "A write of 20 bytes is visible everywhere", columns: DSN_AND_BARE, rows };
  },
};
