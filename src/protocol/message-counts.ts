/**
 * The numbers of messages that we send on sessions: those to each receiver are counted by
 * themselves, so that one that goes elsewhere is not missed by anybody.
 * @module
 */
import { LIMITS } from "./settings.ts";

export class MessageCounts {
  /** By receiver, the one that was sent to last at the end. */
  readonly #last = new Map<string, number>();
  /** Whoever has no count here was sent none above it. */
  #floor = 0;

  /** Receivers with a count of their own. */
  get size(): number {
    return this.#last.size;
  }

  /** The number of the next message: one that this receiver was never sent. */
  next(receiver: string): number {
    const number = (this.#last.get(receiver) ?? this.#floor) + 1;
    this.#last.delete(receiver);
    this.#last.set(receiver, number);
    if (this.#last.size > LIMITS.membersMax) this.#dropOldest();
    return number;
  }

  /** It may remember what it was sent: if it is sent to again, its count goes on above that. */
  #dropOldest(): void {
    const [oldest] = this.#last;
    if (oldest === undefined) return;
    const [receiver, count] = oldest;
    this.#last.delete(receiver);
    this.#floor = Math.max(this.#floor, count);
  }
}
