/**
 * The root of a state: one hash that two nodes have alike exactly when their entries are alike.
 *
 *     root      SHA-256 of 256 bucket hashes, 32 bytes each
 *     bucket    the entries whose SHA-256(key) begins with its number; sorted by key; their hash
 *               is SHA-256 over key and value of each, or 32 zeros when there are none
 *
 * Key and value are UTF-8 here, each with its length in front: uint32, little-endian. Keys are
 * sorted by their bytes, so the order in which entries were written is no part of the root.
 *
 * Buckets are what makes a write to a large state cheap: only the bucket of its key is hashed anew.
 * @module
 */
import { sha256 } from "./sha256.ts";

const BUCKETS = 256;
const HASH_BYTES = 32;
const LENGTH_BYTES = 4;

/** Of a state without entries. */
const NO_HASHES = new Uint8Array(BUCKETS * HASH_BYTES);

/** Entries whose keys share the first byte of their hash, sorted by key. */
interface Bucket {
  readonly keys: readonly string[];
  /** The value of each key: the strings that the caller holds, so they take no memory twice. */
  readonly values: readonly string[];
}

const NO_ENTRIES_ROOT = sha256(NO_HASHES);

const EMPTY_BUCKET: Bucket = { keys: [], values: [] };

/**
 * The root of a map of strings, kept up to date entry by entry.
 *
 * Writing hashes nothing but the key; {@link StateRoot.digest} hashes the buckets that were written
 * to since the last. Strings must have a UTF-8 form: half of a surrogate pair counts as U+FFFD.
 */
export class StateRoot {
  readonly #buckets: (Bucket | undefined)[] = [];
  /** Those of all buckets, from the first entry on: nodes hold many states, and most begin empty. */
  #hashes = NO_HASHES;
  readonly #dirty = new Set<number>();
  /** What was written since the last digest, by bucket. */
  readonly #writes = new Map<number, Map<string, string | undefined>>();
  #root: Uint8Array | undefined;

  static of(entries: ReadonlyMap<string, string>): StateRoot {
    const root = new StateRoot();
    for (const [key, value] of entries) root.set(key, value);
    return root;
  }

  set(key: string, value: string): void {
    this.#write(key, value);
  }

  /** Does nothing when there is no such entry. */
  delete(key: string): void {
    this.#write(key, undefined);
  }

  #write(key: string, value: string | undefined): void {
    const number = bucketOf(key);
    const writes = this.#writes.get(number);
    if (writes === undefined) this.#writes.set(number, new Map([[key, value]]));
    else writes.set(key, value);
  }

  clear(): void {
    this.#buckets.length = 0;
    this.#writes.clear();
    this.#hashes = NO_HASHES;
    this.#dirty.clear();
    this.#root = undefined;
  }

  /** Another one of the same entries. It costs as much however many there are. */
  copy(): StateRoot {
    // Hashed once, however many copies are made.
    this.digest();
    const copy = new StateRoot();
    copy.#buckets.push(...this.#buckets);
    copy.#hashes = this.#hashes === NO_HASHES ? NO_HASHES : this.#hashes.slice();
    copy.#root = this.#root;
    return copy;
  }

  /** 32 bytes; a fresh copy. */
  digest(): Uint8Array {
    for (const [number, writes] of this.#writes) this.#merge(number, writes);
    this.#writes.clear();
    if (this.#dirty.size > 0 && this.#hashes === NO_HASHES) this.#hashes = NO_HASHES.slice();
    for (const number of this.#dirty) {
      const bucket = this.#buckets[number] ?? EMPTY_BUCKET;
      this.#hashes.set(hashOf(bucket), number * HASH_BYTES);
    }
    this.#dirty.clear();
    this.#root ??= this.#hashes === NO_HASHES ? NO_ENTRIES_ROOT : sha256(this.#hashes);
    return Uint8Array.from(this.#root);
  }

  /**
   * All writes to a bucket at once: whoever chooses keys that fall into one bucket must not make
   * each of them cost a copy of all others.
   */
  #merge(number: number, writes: ReadonlyMap<string, string | undefined>): void {
    const { keys, values } = this.#buckets[number] ?? EMPTY_BUCKET;
    const newKeys: string[] = [];
    const newValues: string[] = [];
    let at = 0;
    let isOther = false;
    const keep = (end: number) => {
      for (; at < end; at++) {
        newKeys.push(keys[at] ?? "");
        newValues.push(values[at] ?? "");
      }
    };
    for (const [key, value] of [...writes].sort(([a], [b]) => compareUtf8(a, b))) {
      keep(placeOf(keys, key, at));
      const before = keys[at] === key ? values[at++] : undefined;
      if (before !== value) isOther = true;
      if (value === undefined) continue;
      newKeys.push(key);
      newValues.push(value);
    }
    if (!isOther) return;
    keep(keys.length);
    // Copies have room for what they hold. An array that grows takes room for sixteen more: most of
    // all memory where a bucket has an entry or two.
    this.#buckets[number] = { keys: newKeys.slice(), values: newValues.slice() };
    this.#dirty.add(number);
    this.#root = undefined;
  }
}

/** The root of these entries, 32 bytes. */
export function rootOf(entries: ReadonlyMap<string, string>): Uint8Array {
  return StateRoot.of(entries).digest();
}

function bucketOf(key: string): number {
  return sha256(key)[0] ?? 0;
}

function hashOf({ keys, values }: Bucket): Uint8Array {
  if (keys.length === 0) return EMPTY_HASH;
  let length = 0;
  for (const text of keys) length += LENGTH_BYTES + Buffer.byteLength(text);
  for (const text of values) length += LENGTH_BYTES + Buffer.byteLength(text);
  // In one piece: a call into the hash costs more than the copy.
  const bytes = Buffer.allocUnsafe(length);
  let offset = 0;
  for (let index = 0; index < keys.length; index++) {
    offset = writeText(bytes, offset, keys[index] ?? "");
    offset = writeText(bytes, offset, values[index] ?? "");
  }
  return sha256(bytes);
}

const EMPTY_HASH = new Uint8Array(HASH_BYTES);

function writeText(bytes: Buffer, offset: number, text: string): number {
  const length = bytes.write(text, offset + LENGTH_BYTES);
  bytes.writeUInt32LE(length, offset);
  return offset + LENGTH_BYTES + length;
}

/** Where a key is among sorted ones from an index on, or where it would go. */
function placeOf(keys: readonly string[], key: string, from: number): number {
  let low = from;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareUtf8(keys[middle] ?? "", key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Compares as the UTF-8 bytes do, without making them: by code points, not by UTF-16 units. */
function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) return rankOf(left) - rankOf(right);
  }
  return a.length - b.length;
}

/** Surrogates are below U+E000 as units, but stand for characters above all others. */
function rankOf(unit: number): number {
  const isSurrogate = unit >= 0xd800 && unit <= 0xdfff;
  return isSurrogate ? unit + 0x1_0000 : unit;
}
