/**
 * How long an answer takes on the way to one peer, so that a lost datagram is noticed soon.
 *
 * Source: RFC 6298, with a start, a floor and a cap of our own; Karn's rule included.
 * @module
 */

const PATIENCE_MS = { start: 80, min: 20, max: 300 };

export class RoundTrip {
  #smoothedMs: number | undefined;
  #variationMs = 0;
  #patienceMs = PATIENCE_MS.start;

  /** How long to wait for an answer before the request is repeated, in milliseconds. */
  get patienceMs(): number {
    return this.#patienceMs;
  }

  /**
   * An answer came.
   *
   * @param ms Since its request was sent first.
   * @param tries How often it was sent. After a repeat nobody knows what the answer answers: it
   *   only shows that we may have been impatient.
   */
  answered(ms: number, tries: number): void {
    if (tries > 1) {
      this.#patienceMs = Math.min(PATIENCE_MS.max, Math.max(this.#patienceMs, ms));
      return;
    }
    if (this.#smoothedMs === undefined) {
      this.#smoothedMs = ms;
      this.#variationMs = ms / 2;
    } else {
      this.#variationMs += (Math.abs(this.#smoothedMs - ms) - this.#variationMs) / 4;
      this.#smoothedMs += (ms - this.#smoothedMs) / 8;
    }
    const patienceMs = this.#smoothedMs + 4 * this.#variationMs;
    this.#patienceMs = Math.min(PATIENCE_MS.max, Math.max(PATIENCE_MS.min, patienceMs));
  }
}
