/**
 * Bytes as hex digits and back.
 * @module
 */

const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Two lower-case hex digits per byte. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += DIGITS[byte];
  return text;
}

/**
 * The bytes that hex digits stand for. Strict: upper or lower case, an even number, and nothing
 * else, no spaces and no `0x`.
 *
 * @throws {RangeError} otherwise. Its message never quotes `text`, which may be a secret key.
 */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0) throw new RangeError("Cannot read hex: an odd number of digits");
  const stray = text.search(/[^0-9a-f]/i);
  if (stray !== -1) throw new RangeError(`Cannot read hex: no hex digit at index ${stray}`);
  const bytes = new Uint8Array(text.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = Number.parseInt(text.slice(index * 2, index * 2 + 2), 16);
  }
  return bytes;
}
