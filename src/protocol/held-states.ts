/**
 * What is held of every owner, summed up for comparisons: what did not change since the last one is
 * not hashed again. A node that hears of a thousand others compares dozens of times meanwhile.
 * @module
 */
import type { DigestEntry } from "../wire/digest-entry.ts";
import {
  BUCKETS,
  compareOwners,
  joinedBuckets,
  summaryOfWritten,
  writtenEntry,
} from "../wire/digest-summary.ts";
import type { Proof } from "./native-replica.ts";

/** What is held of an owner, and in which bucket that is. An object that stands for just that. */
export interface HeldEntry extends DigestEntry {
  readonly bucket: number;
}

/** The same, and what proves it; `undefined` for what has no root. */
export interface ProvenEntry extends HeldEntry {
  readonly proof: Proof | undefined;
}

interface Known {
  entry: HeldEntry;
  /** As it is hashed. */
  written: Uint8Array;
}

/** Entries by their owners, and the summary of them if nothing has changed since it was made. */
interface Part {
  readonly sorted: Known[];
  summary: Uint8Array | undefined;
}

const newPart = (): Part => ({ sorted: [], summary: undefined });

export class HeldStates {
  #entries: readonly HeldEntry[] = [];
  readonly #known = new Map<string, Known>();
  readonly #all = newPart();
  readonly #buckets: readonly Part[] = Array.from({ length: BUCKETS }, newPart);

  /** As they were last told. */
  get entries(): readonly HeldEntry[] {
    return this.#entries;
  }

  /** @param entries Each owner once. An entry that is the same object has not changed. */
  update(entries: readonly HeldEntry[]): this {
    for (const [index, entry] of entries.entries()) {
      if (this.#entries[index] !== entry) this.#take(entry);
    }
    if (this.#known.size > entries.length) this.#dropAllBut(entries);
    this.#entries = entries;
    return this;
  }

  /** As `summaryOf()` has it of all entries. */
  summary(): Uint8Array {
    return summaryOfPart(this.#all);
  }

  /** As `bucketsOf()` has it. */
  buckets(): Uint8Array {
    return joinedBuckets((bucket) => {
      const part = this.#buckets[bucket];
      return part === undefined || part.sorted.length === 0 ? undefined : summaryOfPart(part);
    });
  }

  #take(entry: HeldEntry): void {
    const known = this.#known.get(entry.owner);
    if (known?.entry === entry) return;
    for (const part of this.#partsOf(entry)) part.summary = undefined;
    if (known !== undefined) {
      known.entry = entry;
      known.written = writtenEntry(entry);
      return;
    }
    const one = { entry, written: writtenEntry(entry) };
    this.#known.set(entry.owner, one);
    for (const { sorted } of this.#partsOf(entry)) {
      sorted.splice(placeOf(sorted, entry.owner), 0, one);
    }
  }

  #dropAllBut(entries: readonly HeldEntry[]): void {
    const owners = new Set(entries.map(({ owner }) => owner));
    for (const [owner, { entry }] of this.#known) {
      if (owners.has(owner)) continue;
      this.#known.delete(owner);
      for (const part of this.#partsOf(entry)) {
        part.summary = undefined;
        part.sorted.splice(placeOf(part.sorted, owner), 1);
      }
    }
  }

  /** An owner is always in the same bucket. */
  #partsOf({ bucket }: HeldEntry): Part[] {
    return [this.#all, this.#buckets[bucket] ?? this.#all];
  }
}

function summaryOfPart(part: Part): Uint8Array {
  part.summary ??= summaryOfWritten(part.sorted.map(({ written }) => written));
  return part.summary;
}

/** Where an owner is among sorted ones, or where it would go. */
function placeOf(sorted: readonly Known[], owner: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareOwners(sorted[middle]?.entry.owner ?? "", owner) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
