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
  readonly #writer: LatestWriter<number>;
  #highest = Number.NEGATIVE_INFINITY;

  constructor(write: (value: number) => Promise<void>) {
    this.#writer = new LatestWriter(write);
  }

  /** Resolves when `value`, or one above it, has been written. */
  save(value: number): Promise<void> {
    this.#highest = Math.max(this.#highest, value);
    return this.#writer.save(this.#highest);
  }

  /** Resolves when everything asked so far is done or has failed. */
  idle(): Promise<void> {
    return this.#writer.idle();
  }
}

/** Writes what it was given last, one write at a time: what comes during one follows as one more. */
export class LatestWriter<T> {
  readonly #write: (value: T) => Promise<void>;
  #current: Promise<unknown> = Promise.resolve();
  #next: { value: T; readonly written: Promise<void> } | undefined;

  constructor(write: (value: T) => Promise<void>) {
    this.#write = write;
  }

  /** Resolves when `value`, or one that came later, has been written. */
  save(value: T): Promise<void> {
    if (this.#next !== undefined) {
      this.#next.value = value;
      return this.#next.written;
    }
    const written = this.#current.then(() => {
      const latest = this.#next === undefined ? value : this.#next.value;
      this.#next = undefined;
      return this.#write(latest);
    });
    this.#next = { value, written };
    this.#current = written.catch(() => undefined);
    return written;
  }

  /** Resolves when everything asked so far is done or has failed. */
  async idle(): Promise<void> {
    await this.#current;
  }
}
