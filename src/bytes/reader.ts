/**
 * Reads the primitives of the DSN wire, front to back.
 *
 *     byte     1 byte
 *     uint32   4 bytes, little-endian
 *     float64  8 bytes, IEEE double, big-endian
 *     bytes    uint32 length, then that many bytes
 *     string   bytes that hold UTF-8
 *
 * Source: `byte_helper.py`. Unlike it, a read past the end is an error, never a short value.
 * @module
 */
import { MalformedError } from "../errors.ts";

// A byte order mark is a character like any other here: dropping it would change signed bytes.
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads primitives front to back. Each read checks its bounds before it does anything else, so a
 * length that a peer made up never allocates.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  /** @param bytes Not copied: it must not change while it is read. */
  constructor(bytes: Uint8Array) {
    // A plain view even of a Buffer: whose slice() would not copy for those who mean to keep it.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  /** Bytes read so far, which is where the next read starts. */
  get offset(): number {
    return this.#offset;
  }

  /** @throws {MalformedError} at the end. */
  byte(): number {
    return this.#view.getUint8(this.#take(1, "a byte"));
  }

  /** @throws {MalformedError} when fewer than 4 bytes remain. */
  uint32(): number {
    return this.#view.getUint32(this.#take(4, "a uint32"), true);
  }

  /**
   * Big-endian, unlike every integer of the protocol.
   *
   * The payload of a NaN survives being read and written again only where the engine keeps it:
   * use {@link raw} for the 8 bytes where that matters.
   *
   * @throws {MalformedError} when fewer than 8 bytes remain.
   */
  float64(): number {
    return this.#view.getFloat64(this.#take(8, "a float64"), false);
  }

  /**
   * A uint32 length, then that many bytes.
   *
   * Returns a VIEW of the bytes being read, which keeps all of them in memory: copy what you keep.
   *
   * @throws {MalformedError} when fewer remain than the length says.
   */
  bytes(): Uint8Array {
    return this.#slice(this.uint32(), "bytes");
  }

  /** @throws {MalformedError} when fewer bytes remain than the length says, or not UTF-8. */
  string(): string {
    const start = this.#offset;
    const encoded = this.#slice(this.uint32(), "a string");
    try {
      return utf8.decode(encoded);
    } catch (cause) {
      throw new MalformedError(`Cannot read a string at byte ${start}: not UTF-8`, cause);
    }
  }

  /**
   * The next `length` bytes, as a VIEW: copy what you keep.
   *
   * @throws {MalformedError} when fewer remain.
   */
  raw(length: number): Uint8Array {
    return this.#slice(length, "bytes");
  }

  /** All that is left, maybe nothing, as a VIEW: copy what you keep. */
  rest(): Uint8Array {
    return this.raw(this.remaining);
  }

  /**
   * What has been read already, from one offset to another, as a VIEW: for signatures, which cover
   * the bytes as they came.
   *
   * @param end Up to here by default.
   */
  span(start: number, end: number = this.#offset): Uint8Array {
    return this.#bytes.subarray(start, Math.min(end, this.#offset));
  }

  #slice(length: number, what: string): Uint8Array {
    const start = this.#take(length, what);
    return this.#bytes.subarray(start, start + length);
  }

  #take(length: number, what: string): number {
    const start = this.#offset;
    if (length > this.remaining) {
      throw new MalformedError(
        `Cannot read ${what} at byte ${start}: takes ${length} bytes, ${this.remaining} remain`,
      );
    }
    this.#offset += length;
    return start;
  }
}
