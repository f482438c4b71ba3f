/** Time that moves only when told to: what is due happens in order, at once, always the same. */
import TinyQueue from "tinyqueue";

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly happen: () => void;
}

/** A clock that stands still until it is advanced, and everything that is due on it. */
export class VirtualClock {
  /** Milliseconds since the simulation began. */
  nowMs = 0;
  #lastOrder = 0;
  readonly #queue = new TinyQueue<Due>([], (a, b) => a.atMs - b.atMs || a.order - b.order);

  /** Lets something happen in `delayMs`; what was asked for first happens first. */
  in(delayMs: number, happen: () => void): void {
    this.#lastOrder += 1;
    this.#queue.push({ atMs: this.nowMs + delayMs, order: this.#lastOrder, happen });
  }

  /** Moves on to the next thing due, if it is due by `untilMs`. False when nothing is. */
  advance(untilMs: number): boolean {
    const due = this.#queue.peek();
    if (due === undefined || due.atMs > untilMs) {
      this.nowMs = Math.max(this.nowMs, untilMs);
      return false;
    }
    this.#queue.pop();
    this.nowMs = Math.max(this.nowMs, due.atMs);
    due.happen();
    return true;
  }
}
