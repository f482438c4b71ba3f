/** Time that moves only when told to: what is due happens in order, at once, always the same. */
import TinyQueue from "tinyqueue";

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly happen: () => void;
}

const byTime = (a: Due, b: Due) => a.atMs - b.atMs || a.order - b.order;

/**
 * A clock that stands still until it is advanced, and everything that is due on it.
 *
 * Large networks have millions of time-outs that wait, most of which come to nothing. So only what
 * is due within the present millisecond is kept in order; the rest lies in a heap for each.
 */
export class VirtualClock {
  /** Milliseconds since the simulation began. */
  nowMs = 0;
  #lastOrder = 0;
  /** What is due within each later millisecond, in no order. */
  readonly #later = new Map<number, Due[]>();
  /** Those milliseconds, the next one first. */
  readonly #milliseconds = new TinyQueue<number>();
  /** What is due until the present millisecond ends. */
  readonly #soon = new TinyQueue<Due>([], byTime);
  #present = 0;

  /** Lets something happen in `delayMs`; what was asked for first happens first. */
  in(delayMs: number, happen: () => void): void {
    this.#lastOrder += 1;
    const due = { atMs: this.nowMs + delayMs, order: this.#lastOrder, happen };
    const millisecond = Math.floor(due.atMs);
    if (millisecond <= this.#present) {
      this.#soon.push(due);
      return;
    }
    const others = this.#later.get(millisecond);
    if (others !== undefined) {
      others.push(due);
      return;
    }
    this.#later.set(millisecond, [due]);
    this.#milliseconds.push(millisecond);
  }

  /** Moves on to the next thing due, if it is due by `untilMs`. False when nothing is. */
  advance(untilMs: number): boolean {
    if (this.#soon.length === 0) this.#sortNext(untilMs);
    const due = this.#soon.peek();
    if (due === undefined || due.atMs > untilMs) {
      this.nowMs = Math.max(this.nowMs, untilMs);
      return false;
    }
    this.#soon.pop();
    this.nowMs = Math.max(this.nowMs, due.atMs);
    due.happen();
    return true;
  }

  #sortNext(untilMs: number): void {
    const next = this.#milliseconds.peek();
    if (next === undefined || next > untilMs) return;
    this.#milliseconds.pop();
    this.#present = next;
    for (const due of this.#later.get(next) ?? []) this.#soon.push(due);
    this.#later.delete(next);
  }
}
