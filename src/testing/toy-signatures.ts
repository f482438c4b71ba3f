/**
 * Signatures that cost a hash instead of a curve: good enough where nobody tries to break them.
 *
 * Anybody who knows a public key could forge one, so a simulated liar forges with other bytes. A
 * part of the simulations runs on real ECDSA to show that nothing depends on the difference.
 * @module
 */
import { createHash } from "node:crypto";
import {
  PRIVATE_KEY_BYTES,
  PUBLIC_KEY_BYTES,
  SIGNATURE_BYTES,
  type SignatureEngine,
} from "../crypto/signatures.ts";

function hash(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  const digest = createHash("sha256");
  for (const part of parts) digest.update(part);
  return digest.digest();
}

/** An engine that signs with hashes: fast, always the same, and safe from nobody. */
export function createToySignatures(): SignatureEngine {
  return {
    // The name says which real engine it stands in for.
    name: "libsecp256k1",
    isPrivateKey: (bytes) => bytes.length === PRIVATE_KEY_BYTES,
    isPublicKey: (bytes) => bytes.length === PUBLIC_KEY_BYTES,
    publicKeyOf: (privateKey) =>
      Buffer.concat([hash("toy x", privateKey), hash("toy y", privateKey)]),
    sign(privateKey, scheme, message, entropy) {
      const publicKey = this.publicKeyOf(privateKey);
      const r = hash(publicKey, entropy);
      return Buffer.concat([r, hash(publicKey, scheme, r, message)]);
    },
    verify(publicKey, scheme, message, signature) {
      if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES)
        return false;
      const s = hash(publicKey, scheme, signature.subarray(0, 32), message);
      return s.every((byte, index) => byte === signature[32 + index]);
    },
  };
}
