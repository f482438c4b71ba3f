/**
 * BYTES (message type 17): bytes from one application to another.
 *
 *     uint32   number, high part     number = high × 2^32 + low, at most 2^53 − 1
 *     uint32   number, low part
 *     rest     payload
 *
 * The number is the sender's, so that a message that comes twice is delivered once.
 * @module
 */
import { ByteReader } from "../bytes/reader.ts";
import { ByteWriter } from "../bytes/writer.ts";
import { MalformedError } from "../errors.ts";

export interface BytesMessage {
  /** A whole number, 0 to 2^53 − 1. */
  readonly number: number;
  /** Of a message that was decoded, a view: copy what you keep. */
  readonly payload: Uint8Array;
}

const HALF = 2 ** 32;
const HEAD_BYTES = 8;

/**
 * What goes before the payload, which may be large and is left where it is.
 *
 * @throws {RangeError} when the number is not a whole one, or too large to count on.
 */
export function encodeBytesHead(number: number): Uint8Array {
  if (!Number.isSafeInteger(number)) {
    throw new RangeError(`Cannot write BYTES: a number of ${number}`);
  }
  // A negative number has a high part that is no uint32, which the writer refuses.
  return new ByteWriter(HEAD_BYTES)
    .uint32(Math.floor(number / HALF))
    .uint32(number % HALF)
    .finish();
}

/**
 * Reads a BYTES message. The payload is a VIEW.
 *
 * @throws {MalformedError} when the bytes end within the number, or it is 2^53 or more.
 */
export function decodeBytes(bytes: Uint8Array): BytesMessage {
  const reader = new ByteReader(bytes);
  const number = reader.uint32() * HALF + reader.uint32();
  if (!Number.isSafeInteger(number))
    throw new MalformedError("Cannot read BYTES: number too large");
  return { number, payload: reader.rest() };
}
