/**
 * Summaries of what is held: 8 bytes of all, and 8 of each of 64 buckets, so that two sides that
 * hold almost the same find out with few bytes where they differ.
 * @module
 */
import { createHash } from "node:crypto";
import { ByteWriter } from "../bytes/writer.ts";
import { type DigestEntry, writeEntry } from "./digest-entry.ts";

export const SUMMARY_BYTES = 8;
/** Into which owners fall. */
export const BUCKETS = 64;
/** The summaries of all buckets. */
export const BUCKETS_BYTES = BUCKETS * SUMMARY_BYTES;
/** A bit for each bucket, that of bucket 0 the highest of the first byte. */
export const MASK_BYTES = BUCKETS / 8;

/**
 * 8 bytes that differ when anything differs: the first of SHA-256 over the entries as the message
 * has them, without a count, sorted by the UTF-8 bytes of their owners.
 *
 * @param entries In any order, each owner once.
 * @throws {RangeError} when an entry could not be sent.
 */
export function summaryOf(entries: readonly DigestEntry[]): Uint8Array {
  // Comparing units is right, and fast, wherever no surrogates are: these come before U+E000.
  const hasSurrogates = entries.some(({ owner }) => SURROGATE_UNIT.test(owner));
  const writer = new ByteWriter(entries.length * 48);
  for (const entry of [...entries].sort(hasSurrogates ? byBytes : byUnits)) {
    writeEntry(writer, entry);
  }
  return summaryOfBytes(writer.finish());
}

/** An entry as the message has it, for {@link summaryOfWritten}. @throws {RangeError} as {@link summaryOf}. */
export function writtenEntry(entry: DigestEntry): Uint8Array {
  const writer = new ByteWriter();
  writeEntry(writer, entry);
  return writer.finish().slice();
}

/** {@link summaryOf} entries that are written already. @param sorted By {@link compareOwners}. */
export function summaryOfWritten(sorted: readonly Uint8Array[]): Uint8Array {
  return summaryOfBytes(Buffer.concat(sorted));
}

function summaryOfBytes(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash("sha256").update(bytes).digest().subarray(0, SUMMARY_BYTES));
}

/** Compares two owners as their UTF-8 bytes do. */
export function compareOwners(a: string, b: string): number {
  if (SURROGATE_UNIT.test(a) || SURROGATE_UNIT.test(b)) {
    return Buffer.compare(Buffer.from(a), Buffer.from(b));
  }
  return a < b ? -1 : Number(a > b);
}

function byUnits(a: DigestEntry, b: DigestEntry): number {
  return a.owner < b.owner ? -1 : Number(a.owner > b.owner);
}

function byBytes(a: DigestEntry, b: DigestEntry): number {
  return Buffer.compare(Buffer.from(a.owner), Buffer.from(b.owner));
}

// Without the u flag a unit is a character.
const SURROGATE_UNIT = /[\ud800-\udfff]/;

/**
 * Which of the 64 buckets an owner is in, from 0.
 *
 * @param hash SHA-256 over the UTF-8 bytes of its id.
 */
export function bucketOf(hash: Uint8Array): number {
  return (hash[0] ?? 0) % BUCKETS;
}

/** The entries whose buckets are in the mask. */
export function inBuckets<One>(
  entries: readonly One[],
  mask: Uint8Array,
  bucket: (entry: One) => number,
): One[] {
  return entries.filter((entry) => {
    const index = bucket(entry);
    return ((mask[index >> 3] ?? 0) & (0x80 >> (index & 7))) !== 0;
  });
}

/**
 * 64 times the 8 bytes of {@link summaryOf}, of the entries in each bucket.
 *
 * @param bucket Which bucket an entry is in: {@link bucketOf} its owner.
 */
export function bucketsOf<One extends DigestEntry>(
  entries: readonly One[],
  bucket: (entry: One) => number,
): Uint8Array {
  const filled: One[][] = Array.from({ length: BUCKETS }, () => []);
  for (const entry of entries) filled[bucket(entry)]?.push(entry);
  return joinedBuckets((index) => {
    const some = filled[index] ?? [];
    return some.length === 0 ? undefined : summaryOf(some);
  });
}

/** The summaries of all buckets, one behind the other. @param summary Of one; undefined if it is empty. */
export function joinedBuckets(summary: (bucket: number) => Uint8Array | undefined): Uint8Array {
  const buckets = new Uint8Array(BUCKETS_BYTES);
  for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
    const some = summary(bucket);
    if (some !== undefined) buckets.set(some, bucket * SUMMARY_BYTES);
  }
  return buckets;
}

/** A mask of the buckets that are not the same in both. */
export function differingBuckets(ours: Uint8Array, theirs: Uint8Array): Uint8Array {
  const mask = new Uint8Array(MASK_BYTES);
  for (let index = 0; index < BUCKETS; index += 1) {
    const from = index * SUMMARY_BYTES;
    const to = from + SUMMARY_BYTES;
    if (Buffer.compare(ours.subarray(from, to), theirs.subarray(from, to)) === 0) continue;
    mask[index >> 3] = (mask[index >> 3] ?? 0) | (0x80 >> (index & 7));
  }
  return mask;
}

/** Whether the mask of {@link differingBuckets} names no bucket. */
export function isNone(mask: Uint8Array): boolean {
  return mask.every((bits) => bits === 0);
}
