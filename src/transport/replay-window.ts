/**
 * Which counters of one sender have been seen. Source: RFC 4303, appendix A2, as a ring of bits.
 * @module
 */

/** Counters this far behind the newest are refused unseen. */
export const REPLAY_WINDOW = 1_024;

export class ReplayWindow {
  readonly #bits = new Uint32Array(REPLAY_WINDOW / 32);
  #newest = -1;

  /** Whether a counter, a whole number from 0 to 2^53 - 1, has not been seen. Changes nothing. */
  isNew(counter: number): boolean {
    if (counter > this.#newest) return true;
    return counter > this.#newest - REPLAY_WINDOW && !this.#get(counter);
  }

  /** True if the counter is new; it is then marked. Call only after its datagram has opened. */
  accept(counter: number): boolean {
    if (!this.isNew(counter)) return false;
    if (counter > this.#newest) {
      // What was skipped has not been seen, whatever its bit said a round ago.
      const from = Math.max(this.#newest + 1, counter - REPLAY_WINDOW + 1);
      for (let skipped = from; skipped < counter; skipped++) this.#set(skipped, false);
      this.#newest = counter;
    }
    this.#set(counter, true);
    return true;
  }

  #get(counter: number): boolean {
    const bit = counter % REPLAY_WINDOW;
    return ((this.#bits[bit >>> 5] ?? 0) & (1 << (bit & 31))) !== 0;
  }

  #set(counter: number, on: boolean): void {
    const bit = counter % REPLAY_WINDOW;
    const word = this.#bits[bit >>> 5] ?? 0;
    const mask = 1 << (bit & 31);
    this.#bits[bit >>> 5] = on ? word | mask : word & ~mask;
  }
}
