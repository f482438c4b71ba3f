/**
 * A message that comes in slices, on its way together.
 *
 * Memory grows with what has come, not with what was announced: to sixteen times as much, so that
 * little is copied.
 * @module
 */
import type { ByteBudget } from "./body.ts";

const FIRST_BYTES = 64 * 1024;
const GROWTH = 16;

/** Why a message cannot be taken. */
export type AssemblyRefusal = "too-large" | "no-memory";

export class Assembly {
  readonly id: number;
  readonly isRequest: boolean;
  readonly type: number;
  readonly #size: number;
  readonly #budget: ByteBudget;
  #bytes: Uint8Array = new Uint8Array(0);
  #taken = 0;
  #length = 0;
  /** What comes is dropped: the asker has been told, or nobody waits. */
  #skipping = false;

  constructor(id: number, isRequest: boolean, type: number, size: number, budget: ByteBudget) {
    this.id = id;
    this.isRequest = isRequest;
    this.type = type;
    this.#size = size;
    this.#budget = budget;
  }

  get skipping(): boolean {
    return this.#skipping;
  }

  /** All has come. */
  get complete(): boolean {
    return this.#length === this.#size;
  }

  /** Takes what comes from now on, and drops it. */
  skip(): void {
    this.#skipping = true;
    this.release();
  }

  /**
   * Takes the next bytes.
   *
   * @returns `too-large` when more came than was announced; after `no-memory`, {@link skip} and
   *   add again.
   */
  add(chunk: Uint8Array, start: number, end: number): AssemblyRefusal | undefined {
    const length = this.#length + end - start;
    if (length > this.#size) return "too-large";
    if (!this.#skipping) {
      if (length > this.#bytes.length && !this.#grow(length)) return "no-memory";
      this.#bytes.set(chunk.subarray(start, end), this.#length);
    }
    this.#length = length;
    return undefined;
  }

  /** The whole message; whoever gets it owns it. */
  finish(): Uint8Array {
    const bytes = this.#bytes;
    this.release();
    return bytes;
  }

  /** Gives the memory back. Safe to call twice. */
  release(): void {
    this.#budget.give(this.#taken);
    this.#taken = 0;
    this.#bytes = new Uint8Array(0);
  }

  #grow(length: number): boolean {
    const capacity = Math.min(this.#size, Math.max(FIRST_BYTES, length * GROWTH));
    if (!this.#budget.tryTake(capacity - this.#taken)) return false;
    this.#taken = capacity;
    // Its own memory, not a pool's. A plain view: its slice() copies, which a Buffer's does not.
    const { buffer } = Buffer.allocUnsafeSlow(capacity);
    const grown = new Uint8Array(buffer, 0, capacity);
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    return true;
  }
}
