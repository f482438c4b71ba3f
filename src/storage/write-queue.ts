/** Runs jobs one after the other, in the order of asking. A job that fails holds up nobody. */
export class WriteQueue {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(job: () => Promise<T>): Promise<T> {
    const result = this.#last.then(job);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Resolves when everything asked so far is done or has failed. */
  async idle(): Promise<void> {
    await this.#last;
  }
}

/**
 * Writes the highest of the numbers that it is given, one write at a time.
 *
 * Numbers that come during a write are not queued: one more write follows, of the highest.
 */
export class HighestWriter {
  readonly #write: (value: number) => Promise<void>;
  #highest = Number.NEGATIVE_INFINITY;
  #current: Promise<unknown> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(write: (value: number) => Promise<void>) {
    this.#write = write;
  }

  /** Resolves when `value`, or one above it, has been written. */
  save(value: number): Promise<void> {
    this.#highest = Math.max(this.#highest, value);
    if (this.#next === undefined) {
      this.#next = this.#current.then(() => {
        this.#next = undefined;
        return this.#write(this.#highest);
      });
      this.#current = this.#next.catch(() => undefined);
    }
    return this.#next;
  }

  /** Resolves when everything asked so far is done or has failed. */
  async idle(): Promise<void> {
    await this.#current;
  }
}
