/** What does a message from one process to another cost, small, many and large? */
import type { SendOrder, Sent } from "./commands.ts";
import { type Mesh, withBoth } from "./mesh.ts";
import { DSN_AND_BARE, type Question, type Row, rowOf } from "./question.ts";
import { median, percentile } from "./statistics.ts";
import { atLeast, atLeastTimes, atMostTimes, type Target } from "./target.ts";

const MEGABYTE = 1_000_000;

interface Case {
  /** For the files of profiles. */
  readonly name: string;
  readonly what: string;
  readonly unit: Row["unit"];
  readonly order: Omit<SendOrder, "to">;
  readonly value: (sent: Sent, order: Omit<SendOrder, "to">) => number;
  readonly target?: Target;
}

const perSecond: Case["value"] = ({ totalMs }, { count }) => (count / totalMs) * 1_000;
const megabytesPerSecond: Case["value"] = ({ roundTripsMs }, { bytes }) =>
  bytes / MEGABYTE / (median(roundTripsMs) / 1_000);

export const messages: Question = {
  name: "messages",
  async measure(options) {
    const rounds = options.quick ? 3 : 7;
    const rows: Row[] = [];
    for (const one of casesFor(options.quick ? 0.2 : 1)) {
      const { name, what, unit, order, value, target } = one;
      const plan = { question: `messages-${name}`, processes: 2, options };
      const both = await withBoth(plan, async (dsnMesh, bareMesh) => {
        const dsn: number[] = [];
        const bare: number[] = [];
        for (let round = 0; round <= rounds; round += 1) {
          dsn.push(value(await send(dsnMesh, order), order));
          bare.push(value(await send(bareMesh, order), order));
          // The first round is for the compiler of the runtime.
          if (round === 0) await Promise.all([dsnMesh.profile(), bareMesh.profile()]);
        }
        return { dsn: dsn.slice(1), bare: bare.slice(1) };
      });
      rows.push(rowOf(what, unit, both, median, target));
    }
    return { title: "Messages, each acknowledged by its receiver", columns: DSN_AND_BARE, rows };
  },
};

function casesFor(scale: number): Case[] {
  const times = (count: number) => Math.ceil(count * scale);
  return [
    {
      name: "small",
      what: "100 B, one in flight, p50",
      unit: "ms",
      order: { bytes: 100, count: times(500), inFlight: 1 },
      value: ({ roundTripsMs }) => percentile(roundTripsMs, 0.5),
      target: atMostTimes(2),
    },
    {
      name: "many",
      what: "100 B, 64 in flight",
      unit: "per second",
      order: { bytes: 100, count: times(5_000), inFlight: 64 },
      value: perSecond,
      target: atLeast(60_000),
    },
    {
      name: "1mb",
      what: "1 MB, one in flight",
      unit: "MB/s",
      order: { bytes: MEGABYTE, count: times(20), inFlight: 1 },
      value: megabytesPerSecond,
    },
    {
      name: "16mb",
      what: "16 MB, one in flight",
      unit: "MB/s",
      order: { bytes: 16 * MEGABYTE, count: times(5), inFlight: 1 },
      value: megabytesPerSecond,
      target: atLeastTimes(0.5),
    },
    {
      name: "64mb",
      what: "64 MB, one in flight",
      unit: "MB/s",
      order: { bytes: 64 * MEGABYTE, count: times(3), inFlight: 1 },
      value: megabytesPerSecond,
    },
  ];
}

function send(mesh: Mesh, order: Omit<SendOrder, "to">): Promise<Sent> {
  return mesh.writer.call("send", { ...order, to: 1 });
}
