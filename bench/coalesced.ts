/** How many writes per second does one writer make that share their turns, and so travel together? */
import { burstRows } from "./burst-rates.ts";
import { DSN_AND_BARE, type Question, type Row } from "./question.ts";
import { atLeast, type Target } from "./target.ts";

const PER_TURN = 100;

/** By number of processes. */
const WRITES_TARGETS: ReadonlyMap<number, Target> = new Map([[8, atLeast(50_000)]]);

export const coalesced: Question = {
  name: "coalesced",
  async measure(options) {
    const rows: Row[] = [];
    const count = options.quick ? 20_000 : 100_000;
    for (const processes of options.nodes) {
      const shape = { writers: [0], count, perTurn: PER_TURN };
      const writesTarget = WRITES_TARGETS.get(processes);
      const plan = { question: "coalesced", processes, ...shape, options, writesTarget };
      rows.push(...(await burstRows(plan)));
    }
    const title = `${count} distinct writes of one writer, ${PER_TURN} in each turn`;
    return { title, columns: DSN_AND_BARE, rows };
  },
};
