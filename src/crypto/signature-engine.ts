/**
 * The port of a signature engine. Both engines pass the same tests.
 * @module
 */

/**
 * What of a message is signed.
 *
 * - `python`: SHA-1 of the SHA-256 of the message, 20 bytes. The reference hashes with SHA-256,
 *   then python-ecdsa hashes again with its default, SHA-1. Source: `util/ecdsa.py`.
 * - `native`: SHA-256 of the message, 32 bytes.
 */
export type SignatureScheme = "python" | "native";

/** Private key: a scalar, 32 bytes, big-endian. */
export const PRIVATE_KEY_BYTES = 32;
/** Public key: x then y, 32 bytes each, big-endian, without the usual `04` in front. */
export const PUBLIC_KEY_BYTES = 64;
/** Signature: r then s, 32 bytes each, big-endian; not DER. */
export const SIGNATURE_BYTES = 64;
/** What keeps two signatures of one message apart. */
export const ENTROPY_BYTES = 32;

/** What signs with an identity, and verifies those of others: ECDSA on secp256k1. */
export interface SignatureEngine {
  /** Which library does the work: for logs. */
  readonly name: "libsecp256k1" | "openssl";

  /**
   * The 64-byte public key of a private key.
   * @throws {RangeError} when {@link isPrivateKey} would say no.
   */
  publicKeyOf(privateKey: Uint8Array): Uint8Array;

  /** Whether the bytes are a private key: 32 bytes, above 0, below the order of the curve. */
  isPrivateKey(bytes: Uint8Array): boolean;

  /** Whether the bytes are a public key as we store it: exactly 64, and a point on the curve. */
  isPublicKey(bytes: Uint8Array): boolean;

  /**
   * Signs a message. r, s; s may be in either half: the Python wire has no rule about it.
   *
   * @param entropy 32 fresh random bytes. Without them libsecp256k1 signs one message twice alike,
   *   and a receiver that drops repeats would drop the second of two equal messages. OpenSSL has
   *   randomness of its own and ignores these, so its signatures differ for equal entropy too.
   * @throws {RangeError} for a private key or entropy that is not 32 good bytes.
   */
  sign(
    privateKey: Uint8Array,
    scheme: SignatureScheme,
    message: Uint8Array,
    entropy: Uint8Array,
  ): Uint8Array;

  /**
   * Whether the holder of `publicKey` signed `message`.
   *
   * (r, s) and (r, n − s) both verify, as they do for the reference: tell repeats apart by r.
   *
   * @param publicKey 64 raw bytes; also the 33 compressed, 65 uncompressed and 65 hybrid ones that
   *   the reference takes.
   * @returns `false` for a wrong signature, and for a key or signature that is none. Never throws.
   */
  verify(
    publicKey: Uint8Array,
    scheme: SignatureScheme,
    message: Uint8Array,
    signature: Uint8Array,
  ): boolean;
}
