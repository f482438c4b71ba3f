/**
 * PING (message type 4): one space there, nothing back.
 *
 * On a network with a key a request must be exactly this, so that flipped ciphertext cannot pass
 * for a PING and tell a stranger whether its guess decrypted (D11).
 *
 * A node whose program is busy may answer by datagram, in its stead:
 *
 *     int    milliseconds since its program last did anything else
 *
 * Whoever does not know this takes any answer for a sign of life, which it is.
 * @module
 */
import { ByteReader } from "../bytes/reader.ts";
import { ByteWriter } from "../bytes/writer.ts";

/** The body of every PING that the reference sends. */
export const PING_REQUEST: Uint8Array = Uint8Array.of(0x20);

/** What a node lists among its features whose PINGs are answered while its program is busy. */
export const BUSY_FEATURE = "busy";

const BUSY_BYTES = 4;
const BUSY_MS_MAX = 0xffff_ffff;

export function isPingRequest(payload: Uint8Array): boolean {
  return payload.length === 1 && payload[0] === 0x20;
}

/** @param ms Since the program last did anything else; 0 to 2^32 - 1, fractions are cut off. */
export function encodeBusy(ms: number): Uint8Array {
  const whole = Math.floor(Math.min(BUSY_MS_MAX, Math.max(0, ms)));
  return new ByteWriter().uint32(whole).finish();
}

/**
 * The milliseconds that a program has been busy, from the answer to a PING; `undefined` when it
 * answered itself: fewer than four bytes. What trails is ignored. Never throws.
 */
export function decodeBusy(answer: Uint8Array): number | undefined {
  return answer.length < BUSY_BYTES ? undefined : new ByteReader(answer).uint32();
}
