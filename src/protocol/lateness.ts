/** Less than this is how timers are, and says nothing. */
const USUAL_MS = 20;
/** In so many milliseconds half of it is forgotten. */
const HALF_LIFE_MS = 3_000;
/** A machine that slept is not slow: more than this does not count. */
const MOST_MS = 1_000;

/** How late timers have been lately: the worst, of which time takes half again and again. */
export class Lateness {
  #worstMs = 0;
  #notedMs = Number.NEGATIVE_INFINITY;

  /** A timer fired `lateMs` after its time; times in monotonic milliseconds. */
  note(lateMs: number, nowMs: number): void {
    if (lateMs <= USUAL_MS || lateMs < this.at(nowMs)) return;
    this.#worstMs = Math.min(lateMs, MOST_MS);
    this.#notedMs = nowMs;
  }

  /** Milliseconds; 0 on a machine that has time. */
  at(nowMs: number): number {
    const leftMs = this.#worstMs * 0.5 ** ((nowMs - this.#notedMs) / HALF_LIFE_MS);
    return leftMs < USUAL_MS ? 0 : leftMs;
  }
}
