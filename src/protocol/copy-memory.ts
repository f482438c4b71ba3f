/**
 * How much memory copies of states take: many small entries take ten times their text.
 * @module
 */
import type { Change } from "../wire/native-states.ts";
import type { Replica } from "./member.ts";
import type { NativeReplica } from "./native-replica.ts";

/** What an entry takes besides its text, in bytes: places in two maps and in an index. Measured. */
export const ENTRY_MEMORY_BYTES = 160;

/** Bytes of memory that a copy takes, about. */
export function memoryOf(replica: Replica | undefined): number {
  if (replica === undefined) return 0;
  // The packet of a Python owner is kept beside its text.
  const packet = replica.kind === "python" ? replica.packet.length : 0;
  return packet + replica.bytes + ENTRY_MEMORY_BYTES * replica.entries.size;
}

/** Bytes of memory that these changes would take in addition; below zero when they free some. */
export function memoryGrowthBy(replica: NativeReplica, changes: readonly Change[]): number {
  const count = changes.reduce(
    (sum, [key, value]) => sum + Number(value !== undefined) - Number(replica.entries.has(key)),
    0,
  );
  return replica.growthBy(changes) + ENTRY_MEMORY_BYTES * count;
}
