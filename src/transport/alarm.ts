/**
 * One timer for many that wait.
 *
 * Most are done long before their time: entering and leaving costs a set operation, and a timer
 * that nobody needs any more is left to fire once in vain rather than cleared.
 * @module
 */

/** Somebody that waits. */
export interface Waiting {
  /** When to call it, on the clock of the alarm. It may be called later, never earlier. */
  readonly dueMs: number;
  /** Sets a later `dueMs`, or leaves the alarm. */
  onDue(nowMs: number): void;
}

export class Alarm {
  readonly #monotonicMs: () => number;
  readonly #waiting = new Set<Waiting>();
  #timer: NodeJS.Timeout | undefined;
  #armedMs = Infinity;

  /** @param monotonicMs Milliseconds on a clock that never steps back. */
  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
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
    clearTimeout(this.#timer);
    this.#armedMs = Infinity;
  }

  #arm(atMs: number): void {
    clearTimeout(this.#timer);
    this.#armedMs = atMs;
    const delayMs = Math.max(1, Math.ceil(atMs - this.#monotonicMs()));
    // After a turn of the event loop: if this process was late itself, what has come meanwhile is
    // read before anybody is accused of silence.
    this.#timer = setTimeout(() => setImmediate(() => this.#ring()), delayMs);
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
