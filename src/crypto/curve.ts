/**
 * What both signature engines ask of bytes before they touch the curve.
 * @module
 */
import { ENTROPY_BYTES, PRIVATE_KEY_BYTES, PUBLIC_KEY_BYTES } from "./signature-engine.ts";

/** The order n of the curve secp256k1. Source: SEC 2, section 2.4.1. */
const ORDER = Buffer.from(
  "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
  "hex",
);
const ZERO = Buffer.alloc(PRIVATE_KEY_BYTES);

/** Whether the bytes are a scalar that can be a private key: 1 to n − 1. */
export function isScalar(bytes: Uint8Array): boolean {
  return (
    bytes.length === PRIVATE_KEY_BYTES &&
    Buffer.compare(bytes, ZERO) > 0 &&
    Buffer.compare(bytes, ORDER) < 0
  );
}

/** @throws {RangeError} naming what is wrong, never showing it. */
export function checkSigningInput(privateKey: Uint8Array, entropy: Uint8Array): void {
  if (!isScalar(privateKey)) {
    throw new RangeError("Cannot sign: the private key is not a secp256k1 scalar of 32 bytes");
  }
  if (entropy.length !== ENTROPY_BYTES) {
    throw new RangeError(
      `Cannot sign: entropy must be ${ENTROPY_BYTES} bytes, got ${entropy.length}`,
    );
  }
}

/**
 * A public key with the prefix that says how it is encoded (SEC 1, section 2.3.3).
 *
 * Of other lengths nothing reaches the engines: OpenSSL takes one zero byte for the point at
 * infinity, and Node 20 aborts the whole process when such a key is exported.
 *
 * @returns `undefined` for bytes whose length or prefix fits no encoding. Whether the point is on
 *   the curve is left to the engine.
 */
export function withPrefix(publicKey: Uint8Array): Uint8Array | undefined {
  const prefix = publicKey[0];
  if (publicKey.length === PUBLIC_KEY_BYTES) return uncompressed(publicKey);
  if (publicKey.length === 33 && (prefix === 2 || prefix === 3)) return publicKey;
  if (publicKey.length === 65 && (prefix === 4 || prefix === 6 || prefix === 7)) return publicKey;
  return undefined;
}

function uncompressed(raw: Uint8Array): Uint8Array {
  const point = new Uint8Array(1 + PUBLIC_KEY_BYTES);
  point[0] = 4;
  point.set(raw, 1);
  return point;
}
