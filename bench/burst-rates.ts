/**
 * The measurement behind three questions: how many distinct writes per second, until the last of
 * each writer is everywhere?
 * @module
 */
import { type Mesh, withBoth } from "./mesh.ts";
import { type Both, type Options, type Row, rowOf } from "./question.ts";
import { median } from "./statistics.ts";
import type { Target } from "./target.ts";

export interface BurstPlan {
  readonly question: string;
  readonly processes: number;
  readonly writers: readonly number[];
  /** Of each writer. */
  readonly count: number;
  /** Writes in one turn of the event loop. */
  readonly perTurn: number;
  readonly options: Options;
  readonly writesTarget?: Target | undefined;
  readonly versionsTarget?: Target | undefined;
}

interface Rates {
  readonly writesPerSecond: number;
  /** Versions that a reader saw, of those written: a slow one is sent the newest only. */
  readonly versionsPerSecond: number;
}

export async function burstRows(plan: BurstPlan): Promise<Row[]> {
  const { question, processes, options, writesTarget, versionsTarget } = plan;
  const both = await withBoth({ question, processes, options }, (dsn, bare) =>
    inTurns(plan, dsn, bare),
  );
  const row = (what: string, value: (rates: Rates) => number, target?: Target): Row => {
    const summary = (samples: readonly Rates[]) => median(samples.map(value));
    return rowOf(`${processes} processes, ${what}`, "per second", both, summary, target);
  };
  const writes = ({ writesPerSecond }: Rates) => writesPerSecond;
  const versions = ({ versionsPerSecond }: Rates) => versionsPerSecond;
  return [
    row("writes until the last is everywhere", writes, writesTarget),
    row("versions seen by a reader", versions, versionsTarget),
  ];
}

async function inTurns(plan: BurstPlan, dsnMesh: Mesh, bareMesh: Mesh): Promise<Both<Rates>> {
  const rounds = plan.options.quick ? 3 : 7;
  const dsn: Rates[] = [];
  const bare: Rates[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    dsn.push(await burst(dsnMesh, plan));
    bare.push(await burst(bareMesh, plan));
    // The first round is for the compiler of the runtime.
    if (round === 0) await Promise.all([dsnMesh.profile(), bareMesh.profile()]);
  }
  return { dsn: dsn.slice(1), bare: bare.slice(1) };
}

async function burst(mesh: Mesh, { writers, count, perTurn }: BurstPlan): Promise<Rates> {
  const { startedMs, endedMs } = await mesh.burst(count, { writers, perTurn });
  const readers = writers.length > 1 ? mesh.workers : mesh.receivers;
  const versions = await Promise.all(readers.map((reader) => reader.call("countSightings")));
  const seconds = (endedMs - startedMs) / 1_000;
  return {
    writesPerSecond: (writers.length * count) / seconds,
    versionsPerSecond: median(versions) / seconds,
  };
}
