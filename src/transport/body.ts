/**
 * Collecting a body that a stranger sends, in memory that it cannot multiply.
 * @module
 */

/** How many bytes of bodies are in memory, over all connections. */
export class ByteBudget {
  readonly #bytesMax: number;
  #taken = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get taken(): number {
    return this.#taken;
  }

  /** @returns `false`, and takes nothing, when that many are not left. */
  tryTake(bytes: number): boolean {
    if (this.#taken + bytes > this.#bytesMax) return false;
    this.#taken += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#taken = Math.max(0, this.#taken - bytes);
  }
}

/** Why a chunk was not taken. */
export type BodyRefusal = "too-large" | "no-memory";

/** First buffer for a body that comes in more than one chunk, in bytes. */
const FIRST_CAPACITY_BYTES = 4 * 1024;
/** Room for all of it is made when so large a part has come: each smaller buffer is garbage. */
const EXPECTED_FROM = 1 / 4;

/**
 * One body as it comes in.
 *
 * Chunks are copied into one growing buffer, not kept in a list: a body sent in chunks of one byte
 * would cost a hundred bytes for each of its own. And the buffer grows with what has come, to
 * four times that at most, not with what was announced: announcing costs a stranger nothing.
 */
export class BodyCollector {
  readonly #bytesMax: number;
  readonly #budget: ByteBudget | undefined;
  readonly #announced: number;
  #buffer: Uint8Array = new Uint8Array(0);
  #length = 0;
  #taken = 0;

  /**
   * @param bytesMax Largest body accepted, in bytes.
   * @param budget Shared by all bodies; `undefined` for bodies too small to be counted.
   * @param announced Its length, as its sender says; NaN where that says nothing.
   */
  constructor(bytesMax: number, budget: ByteBudget | undefined, announced = Number.NaN) {
    this.#bytesMax = bytesMax;
    this.#budget = budget;
    this.#announced = announced;
  }

  /** Bytes that have come. */
  get length(): number {
    return this.#length;
  }

  /** Takes one chunk. After a refusal the collector is of no use but {@link release}. */
  add(chunk: Uint8Array): BodyRefusal | undefined {
    const length = this.#length + chunk.length;
    if (length > this.#bytesMax) return "too-large";
    if (this.#length === 0) {
      // Most bodies are one chunk: no copy.
      if (!this.#take(chunk.length)) return "no-memory";
      this.#buffer = chunk;
    } else {
      if (length > this.#buffer.length && !this.#grow(length)) return "no-memory";
      this.#buffer.set(chunk, this.#length);
    }
    this.#length = length;
    return undefined;
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Drops the bytes. Safe to call twice. */
  release(): void {
    this.#budget?.give(this.#taken);
    this.#taken = 0;
    this.#buffer = new Uint8Array(0);
    this.#length = 0;
  }

  #grow(needed: number): boolean {
    const wanted = Math.max(needed, 2 * this.#buffer.length, FIRST_CAPACITY_BYTES);
    const isExpected = needed >= this.#announced * EXPECTED_FROM && needed <= this.#announced;
    const capacity = Math.min(isExpected ? this.#announced : wanted, this.#bytesMax);
    if (!this.#take(capacity - this.#taken)) return false;
    const grown = Buffer.allocUnsafeSlow(capacity);
    grown.set(this.bytes());
    this.#buffer = grown;
    return true;
  }

  #take(bytes: number): boolean {
    if (this.#budget !== undefined && !this.#budget.tryTake(bytes)) return false;
    this.#taken += bytes;
    return true;
  }
}
