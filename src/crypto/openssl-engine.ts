/**
 * Signatures with the OpenSSL inside Node: seven times slower than libsecp256k1, and always there.
 * @module
 */
import {
  createECDH,
  createHash,
  createPrivateKey,
  createPublicKey,
  ECDH,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";
import { checkSigningInput, isScalar, withPrefix } from "./curve.ts";
import {
  PUBLIC_KEY_BYTES,
  SIGNATURE_BYTES,
  type SignatureEngine,
  type SignatureScheme,
} from "./signature-engine.ts";

/**
 * Keys kept ready to use: reading one costs 90 to 160 µs, more than half of a verification. A peer
 * that sends ever new keys only pushes out others'.
 */
const CACHED_KEYS_MAX = 1024;

const CURVE = "secp256k1";

export function createOpensslEngine(): SignatureEngine {
  return new OpensslEngine();
}

class OpensslEngine implements SignatureEngine {
  readonly name = "openssl";
  readonly #privateKeys = new KeyCache(readPrivateKey);
  readonly #publicKeys = new KeyCache(readPublicKey);

  publicKeyOf(privateKey: Uint8Array): Uint8Array {
    if (!isScalar(privateKey)) {
      throw new RangeError("Cannot derive a public key: not a secp256k1 private key of 32 bytes");
    }
    const ecdh = createECDH(CURVE);
    ecdh.setPrivateKey(privateKey);
    return new Uint8Array(ecdh.getPublicKey().subarray(1));
  }

  isPrivateKey(bytes: Uint8Array): boolean {
    return isScalar(bytes);
  }

  isPublicKey(bytes: Uint8Array): boolean {
    const point = bytes.length === PUBLIC_KEY_BYTES ? withPrefix(bytes) : undefined;
    if (point === undefined) return false;
    try {
      // Reads the point and no more: 10 µs, where making a key of it takes 90.
      ECDH.convertKey(point, CURVE);
      return true;
    } catch {
      return false;
    }
  }

  sign(
    privateKey: Uint8Array,
    scheme: SignatureScheme,
    message: Uint8Array,
    entropy: Uint8Array,
  ): Uint8Array {
    checkSigningInput(privateKey, entropy);
    const key = this.#privateKeys.get(privateKey);
    const { hash, input } = hashing(scheme, message);
    return new Uint8Array(sign(hash, input, { key, dsaEncoding: "ieee-p1363" }));
  }

  verify(
    publicKey: Uint8Array,
    scheme: SignatureScheme,
    message: Uint8Array,
    signature: Uint8Array,
  ): boolean {
    if (signature.length !== SIGNATURE_BYTES) return false;
    const point = withPrefix(publicKey);
    if (point === undefined) return false;
    try {
      const key = this.#publicKeys.get(point);
      const { hash, input } = hashing(scheme, message);
      return verify(hash, input, { key, dsaEncoding: "ieee-p1363" }, signature);
    } catch {
      // A point off the curve.
      return false;
    }
  }
}

/** OpenSSL hashes by itself, so the outer hash is left to it. */
function hashing(scheme: SignatureScheme, message: Uint8Array) {
  if (scheme === "native") return { hash: "sha256", input: message };
  return { hash: "sha1", input: createHash("sha256").update(message).digest() };
}

/** DER of a private key without its public half. Source: RFC 5915, section 3. */
function readPrivateKey(privateKey: Uint8Array): KeyObject {
  const key = Buffer.concat([
    Buffer.from("302e0201010420", "hex"),
    privateKey,
    Buffer.from("a00706052b8104000a", "hex"),
  ]);
  return createPrivateKey({ key, format: "der", type: "sec1" });
}

/** DER of a point with its prefix, in any of its encodings. Source: RFC 5480, section 2. */
function readPublicKey(point: Uint8Array): KeyObject {
  const key = Buffer.concat([
    Buffer.from([0x30, 21 + point.length]),
    Buffer.from("301006072a8648ce3d020106052b8104000a", "hex"),
    Buffer.from([0x03, 1 + point.length, 0]),
    point,
  ]);
  return createPublicKey({ key, format: "der", type: "spki" });
}

/** Remembers the keys used last. What cannot be read is not remembered, and throws. */
class KeyCache {
  readonly #read: (bytes: Uint8Array) => KeyObject;
  readonly #keys = new Map<string, KeyObject>();

  constructor(read: (bytes: Uint8Array) => KeyObject) {
    this.#read = read;
  }

  get(bytes: Uint8Array): KeyObject {
    const name = Buffer.from(bytes).toString("latin1");
    const key = this.#keys.get(name) ?? this.#read(bytes);
    // A Map keeps the order of insertion, so its first key is the one not used for longest.
    this.#keys.delete(name);
    this.#keys.set(name, key);
    if (this.#keys.size > CACHED_KEYS_MAX) {
      const [oldest] = this.#keys.keys();
      if (oldest !== undefined) this.#keys.delete(oldest);
    }
    return key;
  }
}
