/**
 * How long an answer takes on the way to one peer, so that a lost datagram is noticed soon.
 *
 * An answer never takes less than its way, whatever the handler did and however often the request
 * was sent; so the least of the last ones says most. To be too impatient costs a repeat,
 * which the peer tells by its id.
 * @module
 */

const PATIENCE_MS = { start: 80, min: 20, max: 300 };
/** How many times the way an answer may take. */
const MARGIN = 2;
/** How much longer the way may have become with each second, and from one answer to the next. */
const GROWTH = { perSecond: 1.1, max: 2 };

export class RoundTrip {
  #leastMs: number | undefined;
  #atMs = 0;

  /** How long to wait for an answer before the request is repeated, in milliseconds. */
  get patienceMs(): number {
    if (this.#leastMs === undefined) return PATIENCE_MS.start;
    return Math.min(PATIENCE_MS.max, Math.max(PATIENCE_MS.min, this.#leastMs * MARGIN));
  }

  /**
   * @param ms From the first time that the request was sent to its answer.
   * @param nowMs On a clock that never steps back.
   */
  answered(ms: number, nowMs: number): void {
    const growth = GROWTH.perSecond ** ((nowMs - this.#atMs) / 1_000);
    this.#leastMs = Math.min(ms, (this.#leastMs ?? Infinity) * Math.min(GROWTH.max, growth));
    this.#atMs = nowMs;
  }
}
