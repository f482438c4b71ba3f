/**
 * Which numbered messages came before: what is sent again, because its answer was lost, is
 * delivered once.
 * @module
 */

import { makeRoomAmong } from "./senders.ts";

/** Messages of one sender that are waited for: overtaken by later ones, or lost. */
const MISSING_MAX = 8_192;
/** Processes of one sender that are told apart: one that has ended may still have words on the way. */
const INCARNATIONS_MAX = 4;

interface Seen {
  highest: number;
  /** Those below it that have not come, the lowest first. */
  readonly missing: Set<number>;
}

export class Numbers {
  /** By sender, then by incarnation, the newest last. */
  readonly #senders = new Map<string, Map<string, Seen>>();
  readonly #isListed: (nodeId: string) => boolean;

  /** @param isListed Of others nothing is remembered when there are too many. */
  constructor(isListed: (nodeId: string) => boolean = () => false) {
    this.#isListed = isListed;
  }

  /** Senders of whom something is remembered. */
  get size(): number {
    return this.#senders.size;
  }

  /** True for the first time that the message is seen. */
  isNew(sender: string, incarnation: string, number: number): boolean {
    const seen = this.#seenOf(sender, incarnation);
    // A large message is overtaken by any number of small ones: what counts is who has not come.
    if (number <= seen.highest) return seen.missing.delete(number);
    raise(seen, number);
    return true;
  }

  #seenOf(sender: string, incarnation: string): Seen {
    let incarnations = this.#senders.get(sender);
    if (incarnations === undefined) {
      makeRoomAmong(this.#senders, this.#isListed);
      incarnations = new Map();
      this.#senders.set(sender, incarnations);
    }
    let seen = incarnations.get(incarnation);
    if (seen === undefined) {
      seen = { highest: 0, missing: new Set() };
      incarnations.set(incarnation, seen);
      const [oldest] = incarnations.keys();
      if (incarnations.size > INCARNATIONS_MAX && oldest !== undefined) incarnations.delete(oldest);
    }
    return seen;
  }
}

/** What is skipped is missing from now on; of all that is, the newest are waited for. */
function raise(seen: Seen, number: number): void {
  const { missing, highest } = seen;
  const from = Math.max(highest + 1, number - MISSING_MAX);
  // Nothing older is waited for then: a sender may leap as far as it likes.
  if (number - from === MISSING_MAX) missing.clear();
  for (let skipped = from; skipped < number; skipped += 1) missing.add(skipped);
  seen.highest = number;
  for (const lowest of missing) {
    if (missing.size <= MISSING_MAX) return;
    missing.delete(lowest);
  }
}
