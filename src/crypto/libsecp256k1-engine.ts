/**
 * Signatures with libsecp256k1, through the addon of the optional package `secp256k1`.
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { checkSigningInput, isScalar, withPrefix } from "./curve.ts";
import {
  PUBLIC_KEY_BYTES,
  SIGNATURE_BYTES,
  type SignatureEngine,
  type SignatureScheme,
} from "./signature-engine.ts";

/** What we use of the addon. Written down here so that our types need none of the package's. */
interface Addon {
  contextRandomize(seed: Uint8Array): void;
  publicKeyVerify(publicKey: Uint8Array): boolean;
  publicKeyCreate(privateKey: Uint8Array, compressed: boolean): Uint8Array;
  signatureNormalize(signature: Uint8Array): Uint8Array;
  ecdsaSign(
    digest: Uint8Array,
    privateKey: Uint8Array,
    options: { data: Uint8Array },
  ): { signature: Uint8Array };
  ecdsaVerify(signature: Uint8Array, digest: Uint8Array, publicKey: Uint8Array): boolean;
}

/**
 * The libsecp256k1 engine, or `undefined` where its binary does not load.
 *
 * There is no cache of parsed keys as in the OpenSSL engine: the addon takes keys as bytes only,
 * and reading a point costs it 0.5 µs.
 *
 * @param load For tests: gives the addon, or throws.
 */
export function loadLibsecp256k1Engine(
  load: () => unknown = loadBinding,
): SignatureEngine | undefined {
  let addon: Addon;
  try {
    addon = load() as Addon;
    // Blinds the secret numbers of signing. A binary that loads but does not run fails here.
    addon.contextRandomize(randomBytes(32));
  } catch {
    return undefined;
  }
  return new Libsecp256k1Engine(addon);
}

/**
 * Not the main file of the package: where the binary does not load, that one quietly gives a curve
 * written in JavaScript, a hundred times slower and not constant in time.
 */
function loadBinding(): unknown {
  return createRequire(import.meta.url)("secp256k1/bindings.js");
}

class Libsecp256k1Engine implements SignatureEngine {
  readonly name = "libsecp256k1";
  readonly #addon: Addon;

  constructor(addon: Addon) {
    this.#addon = addon;
  }

  publicKeyOf(privateKey: Uint8Array): Uint8Array {
    if (!isScalar(privateKey)) {
      throw new RangeError("Cannot derive a public key: not a secp256k1 private key of 32 bytes");
    }
    return this.#addon.publicKeyCreate(privateKey, false).slice(1);
  }

  isPrivateKey(bytes: Uint8Array): boolean {
    return isScalar(bytes);
  }

  isPublicKey(bytes: Uint8Array): boolean {
    if (bytes.length !== PUBLIC_KEY_BYTES) return false;
    const point = withPrefix(bytes);
    return point !== undefined && this.#addon.publicKeyVerify(point);
  }

  sign(
    privateKey: Uint8Array,
    scheme: SignatureScheme,
    message: Uint8Array,
    entropy: Uint8Array,
  ): Uint8Array {
    checkSigningInput(privateKey, entropy);
    const digest = digestOf(scheme, message);
    return this.#addon.ecdsaSign(digest, privateKey, { data: entropy }).signature;
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
      // libsecp256k1 verifies low s only, and half of the Python signatures have a high one.
      // It normalises in place, and the signature is the caller's: hence the copy.
      const lowS = this.#addon.signatureNormalize(Uint8Array.from(signature));
      return this.#addon.ecdsaVerify(lowS, digestOf(scheme, message), point);
    } catch {
      // It throws for a point off the curve, and for r or s of n or more.
      return false;
    }
  }
}

/** The digest that a scheme signs, left-padded with zeros to the 32 bytes of a scalar. */
function digestOf(scheme: SignatureScheme, message: Uint8Array): Uint8Array {
  const sha256 = createHash("sha256").update(message).digest();
  if (scheme === "native") return sha256;
  const digest = new Uint8Array(32);
  digest.set(createHash("sha1").update(sha256).digest(), 12);
  return digest;
}
