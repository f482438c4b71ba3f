/**
 * One timer for many that wait.
 *
 * Most are done long before their time: entering and leaving costs a set operation, and a timer
 * that nobody needs any more is left to fire once in vain rather than cleared.
 * @module
 */
import { type After, patientAfter } from "./timers.ts";

/** Somebody that waits. */
export interface Waiting {
  /** When to call it, on the clock of the alarm. It may be called later, never earlier. */
  readonly dueMs: number;
  /** Sets a later `dueMs`, or leaves the alarm. */
  onDue(nowMs: number): void;
}

export class Alarm {
  readonly #monotonicMs: () => number;
  readonly #after: After;
  readonly #waiting = new Set<Waiting>();
  #cancel: () => void = () => undefined;
  #armedMs = Infinity;

  /** @param monotonicMs Milliseconds on a clock that never steps back. */
  constructor(monotonicMs: () => number, after: After = patientAfter) {
    this.#monotonicMs = monotonicMs;
    this.#after = after;
  }

  get size(): number {
    return this.#waiting.size;
  }

  add(waiting: Waiting): void {
    this.#waiting.add(waiting);
    if (waiting.dueMs < this.#armedMs) this.#arm(waiting.dueMs);
  }

  delete(waiting: Waiting): void {
    this.#waiting.delete(waiting);
  }

  close(): void {
    this.#waiting.clear();
    this.#cancel();
    this.#armedMs = Infinity;
  }

  #arm(atMs: number): void {
    this.#cancel();
    this.#armedMs = atMs;
    const delayMs = Math.max(1, Math.ceil(atMs - this.#monotonicMs()));
    this.#cancel = this.#after(delayMs, () => this.#ring());
  }

  #ring(): void {
    this.#armedMs = Infinity;
    const nowMs = this.#monotonicMs();
    let nextMs = Infinity;
    for (const waiting of [...this.#waiting]) {
      // One may have let another go.
      if (!this.#waiting.has(waiting)) continue;
      if (waiting.dueMs <= nowMs) waiting.onDue(nowMs);
      if (this.#waiting.has(waiting)) nextMs = Math.min(nextMs, waiting.dueMs);
    }
    if (nextMs < this.#armedMs) this.#arm(nextMs);
  }
}
