/** Less than this is how timers are, and says nothing. */
const USUAL_MS = 20;
/** In so many milliseconds half of it is forgotten. */
const HALF_LIFE_MS = 3_000;
/** A machine that slept is not slow: more than this does not count. */
const MOST_MS = 1_000;

/** What is said of two moments is said of the machine: one of them alone may be a pause. */
const APART_MS = 10;

/** How late timers or signatures were at one moment. */
interface Moment {
  readonly lateMs: number;
  readonly atMs: number;
}

const NEVER: Moment = { lateMs: 0, atMs: Number.NEGATIVE_INFINITY };

/**
 * How late timers and signatures have been lately: the worst, of which time takes half again and again. The worst of
 * all does not count: a machine that was stopped once, or a program that has paused, is late once.
 */
export class Lateness {
  #worst = NEVER;
  #second = NEVER;

  /** Something came `lateMs` after its time; times in monotonic milliseconds. */
  note(lateMs: number, nowMs: number): void {
    if (lateMs <= USUAL_MS) return;
    const moment = { lateMs: Math.min(lateMs, MOST_MS), atMs: nowMs };
    // What waited through the same pause is late for it as well.
    const isSame = nowMs - lateMs < this.#worst.atMs || nowMs - this.#worst.atMs < APART_MS;
    if (isSame) {
      if (moment.lateMs > this.#worst.lateMs) this.#worst = moment;
    } else if (moment.lateMs >= left(this.#worst, nowMs)) {
      this.#second = this.#worst;
      this.#worst = moment;
    } else if (moment.lateMs >= left(this.#second, nowMs)) this.#second = moment;
  }

  /** Milliseconds; 0 on a machine that has time. */
  at(nowMs: number): number {
    const leftMs = left(this.#second, nowMs);
    return leftMs < USUAL_MS ? 0 : leftMs;
  }
}

function left({ lateMs, atMs }: Moment, nowMs: number): number {
  return lateMs * 0.5 ** ((nowMs - atMs) / HALF_LIFE_MS);
}
