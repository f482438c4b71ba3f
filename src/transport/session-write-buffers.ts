/**
 * Memory for writes. Large buffers are used again when the connection has taken what is in them.
 * @module
 */

const LARGE_BYTES = 16 * 1024;
/** Large buffers that are kept for the next write: of few sessions at once, in one process. */
const KEPT_MAX = 4;

/** Where writes get memory. */
export interface BufferSource {
  /** Room for that many bytes, or for some more. */
  take(bytes: number): Uint8Array;
}

export class WriteBuffers implements BufferSource {
  readonly #bytesMax: number;
  readonly #kept: Uint8Array[] = [];

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  take(bytes: number): Uint8Array {
    if (bytes < LARGE_BYTES) return Buffer.allocUnsafe(bytes);
    return this.#kept.pop() ?? Buffer.allocUnsafeSlow(this.#bytesMax);
  }

  /** What {@link take} gave is not needed any more. */
  give(view: Uint8Array): void {
    const { buffer } = view;
    if (buffer.byteLength !== this.#bytesMax || this.#kept.length >= KEPT_MAX) return;
    this.#kept.push(Buffer.from(buffer as ArrayBuffer));
  }
}
