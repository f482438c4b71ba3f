/**
 * The frames of the bare mesh.
 *
 *     uint32  length of what follows, little-endian
 *     uint8   kind
 *     uint32  number: which process, or which request
 *     …       payload
 * @module
 */

export const FrameKind = { GREETING: 0, VALUE: 1, REQUEST: 2, REPLY: 3 } as const;

export interface Frame {
  readonly kind: number;
  readonly number: number;
  readonly payload: Buffer;
}

const LENGTH_BYTES = 4;
const HEADER_BYTES = LENGTH_BYTES + 1 + 4;

export function frameHeader(kind: number, number: number, payloadBytes: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header.writeUInt32LE(HEADER_BYTES - LENGTH_BYTES + payloadBytes, 0);
  header.writeUInt8(kind, 4);
  header.writeUInt32LE(number, 5);
  return header;
}

/** Cuts a stream into frames. */
export class FrameReader {
  readonly #onFrame: (frame: Frame) => void;
  #chunks: Buffer[] = [];
  #length = 0;
  /** Less than this is not worth a look. */
  #needed = HEADER_BYTES;

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame;
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#length < this.#needed) return;
    // A large frame is joined once, when its last chunk has come.
    let rest = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    this.#needed = HEADER_BYTES;
    while (rest.length >= HEADER_BYTES) {
      const bytes = LENGTH_BYTES + rest.readUInt32LE(0);
      if (rest.length < bytes) {
        this.#needed = bytes;
        break;
      }
      this.#onFrame({
        kind: rest.readUInt8(4),
        number: rest.readUInt32LE(5),
        payload: rest.subarray(HEADER_BYTES, bytes),
      });
      rest = rest.subarray(bytes);
    }
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#length = rest.length;
  }
}
