/**
 * A node's identity: its key pair, and the short form of the public half that people compare.
 * @module
 */
import { createHash } from "node:crypto";
import type { RandomBytes } from "./random-pool.ts";
import { PRIVATE_KEY_BYTES, type SignatureEngine } from "./signature-engine.ts";

/** The two halves of a node's identity. */
export interface KeyPair {
  /** 32 bytes, big-endian. Never logged, never sent. */
  readonly privateKey: Uint8Array;
  /** x then y, 64 bytes, big-endian. */
  readonly publicKey: Uint8Array;
}

/** What making and checking keys needs of a signature engine. */
export type KeyRules = Pick<SignatureEngine, "publicKeyOf" | "isPrivateKey" | "isPublicKey">;

/**
 * A new identity.
 * @param randomBytes Must be unpredictable outside tests, and not a pool.
 * @throws {RangeError} when `randomBytes` does not give a private key in 100 tries; by chance that
 *   happens never.
 */
export function generateKeyPair(
  engine: Pick<KeyRules, "publicKeyOf" | "isPrivateKey">,
  randomBytes: RandomBytes,
): KeyPair {
  for (let tries = 0; tries < 100; tries++) {
    const privateKey = Uint8Array.from(randomBytes(PRIVATE_KEY_BYTES));
    if (engine.isPrivateKey(privateKey)) {
      return { privateKey, publicKey: engine.publicKeyOf(privateKey) };
    }
  }
  throw new RangeError("Cannot make an identity: the random bytes given are no private key");
}

/**
 * The fingerprint of a public key, written as ssh writes them: `SHA256:` and 43 characters.
 * @param publicKey The 64 raw bytes; the other encodings of a key would give other fingerprints.
 */
export function fingerprint(publicKey: Uint8Array): string {
  const digest = createHash("sha256").update(publicKey).digest("base64");
  return `SHA256:${digest.replace("=", "")}`;
}

/** Whether a text has the form of a fingerprint. The last character holds 4 bits, not 6. */
export function isFingerprint(text: string): boolean {
  return /^SHA256:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]$/.test(text);
}
