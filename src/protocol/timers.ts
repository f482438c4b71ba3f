/**
 * Calls at moments to come, soonest first.
 * @module
 */
import TinyQueue from "tinyqueue";

interface Timer {
  /** Monotonic ms. */
  readonly at: number;
  /** Breaks ties, so that timers of one moment fire in the order they were set. */
  readonly order: number;
  /** Undefined once it has fired or was cancelled. */
  fire: (() => void) | undefined;
}

export class Timers {
  #queue = queueOf([]);
  #lastOrder = 0;
  #cancelled = 0;

  /** How many are held, the cancelled among them: never more of these than of the others. */
  get size(): number {
    return this.#queue.length;
  }

  /** When the next one is due, monotonic ms; undefined without any. */
  get nextMs(): number | undefined {
    while (this.#queue.length > 0 && this.#queue.peek()?.fire === undefined) {
      this.#queue.pop();
      this.#cancelled -= 1;
    }
    return this.#queue.peek()?.at;
  }

  /** Calls `fire` at a moment; returns what cancels it. */
  set(at: number, fire: () => void): () => void {
    this.#lastOrder += 1;
    const timer: Timer = { at, order: this.#lastOrder, fire };
    this.#queue.push(timer);
    return () => {
      if (timer.fire !== undefined) this.#cancel(timer);
    };
  }

  /** Fires the next one, whether it is due or not. */
  fireNext(): void {
    if (this.nextMs === undefined) return;
    const timer = this.#queue.pop();
    const fire = timer?.fire;
    if (timer !== undefined) timer.fire = undefined;
    this.#compact();
    fire?.();
  }

  /** Those that were to wait for long would keep all that they hold for as long. */
  #cancel(timer: Timer): void {
    timer.fire = undefined;
    this.#cancelled += 1;
    this.#compact();
  }

  #compact(): void {
    if (2 * this.#cancelled <= this.#queue.length) return;
    this.#queue = queueOf(this.#queue.data.filter(({ fire }) => fire !== undefined));
    this.#cancelled = 0;
  }
}

function queueOf(timers: Timer[]): TinyQueue<Timer> {
  return new TinyQueue(timers, (a, b) => a.at - b.at || a.order - b.order);
}
