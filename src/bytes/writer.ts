/**
 * Writes the primitives of the DSN wire; `reader.ts` lists them.
 *
 * Source: `byte_helper.py`.
 * @module
 */

const utf8 = new TextEncoder();

const CAPACITY_DEFAULT = 256;

/** Doubling stops here, so that four bytes after a large payload do not cost its size again. */
const SLACK_BYTES_MAX = 1024 * 1024;

/** Writes primitives. Calls chain: `new ByteWriter().string(id).uint32(port).finish()`. */
export class ByteWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  /** @param capacity Bytes to set aside at first. Exactly what is written means no regrowing. */
  constructor(capacity: number = CAPACITY_DEFAULT) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /**
   * 1 byte.
   *
   * @throws {RangeError} when `value` is not a whole number, 0 to 255.
   */
  byte(value: number): this {
    if ((value & 0xff) !== value) {
      throw new RangeError(`Cannot write ${value}: must be a whole number, 0 to 255`);
    }
    const start = this.#reserve(1);
    this.#bytes[start] = value;
    return this;
  }

  /**
   * 4 bytes, little-endian.
   *
   * @throws {RangeError} when `value` is not a whole number, 0 to 4294967295.
   */
  uint32(value: number): this {
    // The one comparison that is false for every number that 4 bytes cannot hold, NaN included.
    if (value >>> 0 !== value) {
      throw new RangeError(`Cannot write ${value}: must be a whole number, 0 to 4294967295`);
    }
    const start = this.#reserve(4);
    this.#view.setUint32(start, value, true);
    return this;
  }

  /** 8 bytes, big-endian. Any number will do, NaN and the infinities included. */
  float64(value: number): this {
    const start = this.#reserve(8);
    this.#view.setFloat64(start, value, false);
    return this;
  }

  /** A uint32 length, then the bytes. */
  bytes(value: Uint8Array): this {
    return this.uint32(value.length).raw(value);
  }

  /**
   * A uint32 length, then UTF-8.
   *
   * @throws {RangeError} when `value` holds half of a surrogate pair: UTF-8 has no form for it,
   *   and writing U+FFFD instead would change the text unseen.
   */
  string(value: string): this {
    if (!value.isWellFormed()) {
      const lone = value.search(LONE_SURROGATE);
      throw new RangeError(`Cannot write string: half of a surrogate pair at index ${lone}`);
    }
    const lengthAt = this.#length;
    this.uint32(0);
    this.#utf8(value);
    this.#view.setUint32(lengthAt, this.#length - lengthAt - 4, true);
    return this;
  }

  /** The bytes as they are, without a length. */
  raw(value: Uint8Array): this {
    const start = this.#reserve(value.length);
    this.#bytes.set(value, start);
    return this;
  }

  /**
   * All that was written. Returns the writer's own memory rather than a copy, so write nothing
   * more afterwards.
   */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Nearly all text is ASCII: room for one byte per character first, for three if that is short. */
  #utf8(text: string): void {
    let rest = text;
    let room = text.length;
    while (rest !== "") {
      this.#grow(room);
      const free = this.#bytes.subarray(this.#length, this.#length + room);
      const { read, written } = utf8.encodeInto(rest, free);
      this.#length += written;
      rest = rest.slice(read);
      room = rest.length * 3;
    }
  }

  /** May replace the buffer: call it in a statement of its own, before the buffer is named. */
  #reserve(length: number): number {
    this.#grow(length);
    const start = this.#length;
    this.#length += length;
    return start;
  }

  #grow(length: number): void {
    const needed = this.#length + length;
    const capacity = this.#bytes.length;
    if (needed <= capacity) return;
    const bytes = new Uint8Array(Math.max(needed, capacity + Math.min(capacity, SLACK_BYTES_MAX)));
    bytes.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

// With the u flag a whole pair is one character, so this matches halves only.
const LONE_SURROGATE = /\p{Surrogate}/u;
