/**
 * Which numbered messages came before: what is sent again, because its answer was lost, is
 * delivered once.
 * @module
 */

import { makeRoomAmong } from "./senders.ts";

/** Messages of one sender that may overtake each other; of older ones none is taken. */
const WINDOW = 8_192;
/** Processes of one sender that are told apart: one that has ended may still have words on the way. */
const INCARNATIONS_MAX = 4;

interface Seen {
  highest: number;
  readonly numbers: Set<number>;
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
    if (number <= seen.highest - WINDOW || seen.numbers.has(number)) return false;
    seen.numbers.add(number);
    if (number > seen.highest) this.#raise(seen, number);
    return true;
  }

  #raise(seen: Seen, highest: number): void {
    const from = seen.highest - WINDOW;
    const to = highest - WINDOW;
    seen.highest = highest;
    if (to - from > seen.numbers.size) {
      // A sender that skips: what fell out of the window is among those that are there.
      for (const number of seen.numbers) if (number <= to) seen.numbers.delete(number);
      return;
    }
    for (let number = from + 1; number <= to; number += 1) seen.numbers.delete(number);
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
      seen = { highest: 0, numbers: new Set() };
      incarnations.set(incarnation, seen);
      const [oldest] = incarnations.keys();
      if (incarnations.size > INCARNATIONS_MAX && oldest !== undefined) incarnations.delete(oldest);
    }
    return seen;
  }
}
