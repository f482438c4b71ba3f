/**
 * PING (message type 4): one space there, nothing back.
 *
 * On a network with a key a request must be exactly this, so that flipped ciphertext cannot pass
 * for a PING and tell a stranger whether its guess decrypted (D11).
 * @module
 */

/** The body of every PING that the reference sends. */
export const PING_REQUEST: Uint8Array = Uint8Array.of(0x20);

export function isPingRequest(payload: Uint8Array): boolean {
  return payload.length === 1 && payload[0] === 0x20;
}
