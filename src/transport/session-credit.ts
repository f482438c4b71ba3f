/**
 * How many bytes of bulk a receiver lets the other side have on the way.
 *
 * Little, or what is small and comes behind them waits: the buffers of the system take megabytes
 * before they push back. Enough, or the connection idles: somewhat more than what arrives in a round trip.
 * Both are measured on the slices themselves: a byte that could only be sent after credit was
 * granted has taken at least a round trip since then.
 * @module
 */

/** How much of the way down to a smaller window is gone with each measurement. */
const SHRINKING = 1 / 8;
/**
 * Credit is granted when a quarter of it is used, so that a measurement finds the rest of a window
 * in a round trip. The window grows as long as this much more of it brings a higher rate.
 */
const OPEN_BEFORE_GRANT = 3 / 4;
const WINDOW_PER_ROUND_TRIP = 1.8;
/** The round trip is the least of the recent ones: those longer ago count less and less. */
const ROUND_TRIP_MEMORY_MS = 60_000;
/** A shorter one is the grain of the clock. */
const ROUND_TRIP_MS_MIN = 0.05;

export interface CreditLimits {
  readonly creditBytesMin: number;
  readonly creditBytesMax: number;
}

export class CreditGranter {
  readonly #limits: CreditLimits;
  #window: number;
  /** Granted and not yet used. */
  #open: number;
  /** Bytes that came in all. */
  #came = 0;
  #roundTripMs = Infinity;
  /** The measurement under way: bytes beyond `#mark` were sent after `#sinceMs`. */
  #mark = Infinity;
  #sinceMs = 0;
  #cameBefore = 0;

  constructor(limits: CreditLimits) {
    this.#limits = limits;
    this.#window = limits.creditBytesMin;
    this.#open = limits.creditBytesMin;
  }

  /** What the other side may have on the way, in bytes. */
  get window(): number {
    return this.#window;
  }

  /**
   * Takes note of bytes that came and were taken.
   *
   * @param nowMs On a clock that never steps back.
   * @returns how much to grant now; 0 mostly, -1 when more came than was granted.
   */
  came(bytes: number, nowMs: number): number {
    this.#open -= bytes;
    if (this.#open < 0) return -1;
    this.#came += bytes;
    if (this.#came > this.#mark) this.#measured(nowMs);
    if (this.#open > this.#window * OPEN_BEFORE_GRANT) return 0;
    const grant = this.#window - this.#open;
    if (this.#mark === Infinity) {
      this.#mark = this.#came + this.#open;
      this.#sinceMs = nowMs;
      this.#cameBefore = this.#came;
    }
    this.#open = this.#window;
    return grant;
  }

  /** A message is complete: what follows may come when the other side pleases. */
  pause(): void {
    this.#mark = Infinity;
  }

  #measured(nowMs: number): void {
    const tookMs = Math.max(ROUND_TRIP_MS_MIN, nowMs - this.#sinceMs);
    this.#roundTripMs = Math.min(tookMs, this.#roundTripMs * (1 + tookMs / ROUND_TRIP_MEMORY_MS));
    const rate = (this.#came - this.#cameBefore) / tookMs;
    const { creditBytesMin, creditBytesMax } = this.#limits;
    const wanted = Math.round(WINDOW_PER_ROUND_TRIP * rate * this.#roundTripMs);
    const target = Math.min(creditBytesMax, Math.max(creditBytesMin, wanted));
    if (target > this.#window) this.#window = target;
    else this.#window -= Math.floor((this.#window - target) * SHRINKING);
    this.#mark = Infinity;
  }
}
