/**
 * What one thread can see of another without asking it: when its event loop last turned, and how
 * many messages it has taken. Both read the same memory.
 * @module
 */

/** Between two beats, in milliseconds. */
const BEAT_MS = 250;
const NS_PER_MS = 1e6;
const BEAT = 0;
const TAKEN = 1;
const FIELDS = 2;

export class LoopBeat {
  /** To be given to the other thread. */
  readonly memory: SharedArrayBuffer;
  readonly #fields: BigInt64Array<SharedArrayBuffer>;

  /** @param memory Of the beat of another thread; without it, a new one. */
  constructor(memory = new SharedArrayBuffer(FIELDS * BigInt64Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#fields = new BigInt64Array(memory);
  }

  /** Beats from now on, in the thread that calls it; keeps no process running. @returns its end. */
  start(): () => void {
    this.#beat();
    const timer = setInterval(() => this.#beat(), BEAT_MS);
    timer.unref();
    return () => clearInterval(timer);
  }

  /** A message was taken, which is a beat as well. */
  take(): void {
    Atomics.add(this.#fields, TAKEN, 1n);
    this.#beat();
  }

  /** Messages taken since the beginning. */
  get taken(): number {
    return Number(Atomics.load(this.#fields, TAKEN));
  }

  /** Milliseconds since the last beat. */
  get ageMs(): number {
    // Unlike performance.now(), this clock is the same in all threads of a process.
    return Number(process.hrtime.bigint() - Atomics.load(this.#fields, BEAT)) / NS_PER_MS;
  }

  #beat(): void {
    Atomics.store(this.#fields, BEAT, process.hrtime.bigint());
  }
}
