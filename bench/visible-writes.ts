/**
 * The measurement behind three questions: how long until a write can be read everywhere.
 * @module
 */
import type { StateShape } from "./commands.ts";
import { type Mesh, takeSightings, warmUp, withBoth } from "./mesh.ts";
import type { Both, Options } from "./question.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** Largest pause before a write: spreads the writes over what else happens at fixed times. */
const PAUSE_MS_MAX = 10;

export interface VisibleWrites {
  /** From just before each write to the moment when the last of the receivers could read it. */
  readonly visibleMs: readonly number[];
  /** How long each write held up the writer. */
  readonly callMs: readonly number[];
}

/** Writes one value after the other, each when the one before is visible at all `receivers`. */
export async function visibleWrites(
  mesh: Mesh,
  count: number,
  receivers: readonly WorkerProcess[] = mesh.receivers,
): Promise<VisibleWrites> {
  await takeSightings(receivers);
  const writes: { sequence: number; atMs: number; callMs: number }[] = [];
  for (let write = 0; write < count; write += 1) {
    const sequence = mesh.nextSequence();
    const pauseMs = Math.random() * PAUSE_MS_MAX;
    writes.push({ sequence, ...(await mesh.writer.call("write", sequence, pauseMs)) });
    await Promise.all(receivers.map((receiver) => receiver.call("waitFor", 0, sequence)));
  }
  const seen = (await takeSightings(receivers)).map(
    (sightings) => new Map(sightings.map(({ sequence, atMs }) => [sequence, atMs])),
  );
  return {
    visibleMs: writes.map(({ sequence, atMs }) => lastOf(seen, sequence) - atMs),
    callMs: writes.map(({ callMs }) => callMs),
  };
}

/** The times of many writes in a warm mesh of each kind, in turns. */
export function visibleMsOfBoth(
  question: string,
  processes: number,
  state: StateShape,
  options: Options,
): Promise<Both<number>> {
  const { quick } = options;
  const rounds = quick ? 3 : 6;
  const perRound = quick ? 20 : 50;
  return withBoth({ question, processes, state, options }, async (dsnMesh, bareMesh) => {
    await warmUp(dsnMesh, bareMesh);
    const dsn: number[] = [];
    const bare: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      dsn.push(...(await visibleWrites(dsnMesh, perRound)).visibleMs);
      bare.push(...(await visibleWrites(bareMesh, perRound)).visibleMs);
    }
    return { dsn, bare };
  });
}

function lastOf(seen: readonly ReadonlyMap<number, number>[], sequence: number): number {
  const times = seen.map((times) => times.get(sequence) ?? Number.NaN);
  const last = Math.max(...times);
  if (Number.isNaN(last)) throw new Error(`value ${sequence} was not seen everywhere`);
  return last;
}
