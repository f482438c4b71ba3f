/**
 * Deadlines of very many requests under one timer.
 *
 * They stand in a linked list, so that entering and leaving costs the same however many there
 * are, and nothing of a request is kept when it has left. The timer rings a few dozen times in a
 * second at most, and looks through those that are left.
 * @module
 */
import { type After, patientAfter } from "./timers.ts";

/** A deadline is told up to so many milliseconds late. */
const GRAIN_MS = 16;
/** setTimeout() takes longer times for 1 ms. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Something with a deadline: be it. */
export abstract class Deadline {
  /** On the clock of the list. */
  dueMs = 0;
  /** In the list. For the list alone, as are the next two. */
  listed = false;
  previous: Deadline | undefined;
  next: Deadline | undefined;

  /** The time is over; it has left the list by then. */
  abstract onDue(nowMs: number): void;
}

export class Deadlines {
  readonly #monotonicMs: () => number;
  readonly #after: After;
  #first: Deadline | undefined;
  #last: Deadline | undefined;
  #size = 0;
  #cancel: () => void = () => undefined;
  #armedMs = Infinity;

  constructor(monotonicMs: () => number, after: After = patientAfter) {
    this.#monotonicMs = monotonicMs;
    this.#after = after;
  }

  get size(): number {
    return this.#size;
  }

  /** @param dueMs On the clock of the list. It is called then or a little later, never earlier. */
  add(deadline: Deadline, dueMs: number): void {
    deadline.dueMs = dueMs;
    deadline.listed = true;
    deadline.previous = this.#last;
    if (this.#last === undefined) this.#first = deadline;
    else this.#last.next = deadline;
    this.#last = deadline;
    this.#size++;
    if (dueMs < this.#armedMs) this.#arm(dueMs);
  }

  /** Nothing happens when it is not in the list. */
  delete(deadline: Deadline): void {
    if (!deadline.listed) return;
    const { previous, next } = deadline;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    deadline.listed = false;
    deadline.previous = undefined;
    deadline.next = undefined;
    this.#size--;
  }

  close(): void {
    this.#cancel();
    this.#armedMs = Infinity;
  }

  /** Rounded up to the grain: many that are due about the same time are one ring. */
  #arm(dueMs: number): void {
    this.#cancel();
    this.#armedMs = Math.ceil(dueMs / GRAIN_MS) * GRAIN_MS;
    const delayMs = Math.ceil(this.#armedMs - this.#monotonicMs());
    this.#cancel = this.#after(Math.min(TIMER_MS_MAX, Math.max(1, delayMs)), () => this.#ring());
  }

  #ring(): void {
    this.#armedMs = Infinity;
    const nowMs = this.#monotonicMs();
    const due: Deadline[] = [];
    let nextMs = Infinity;
    for (let one = this.#first; one !== undefined; one = one.next) {
      if (one.dueMs <= nowMs) due.push(one);
      else nextMs = Math.min(nextMs, one.dueMs);
    }
    for (const one of due) {
      // One may have let another go.
      if (!one.listed) continue;
      this.delete(one);
      one.onDue(nowMs);
    }
    if (nextMs < this.#armedMs) this.#arm(nextMs);
  }
}
