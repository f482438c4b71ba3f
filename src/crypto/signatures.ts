/**
 * ECDSA on secp256k1: what a node signs with its identity, and what it checks of others.
 *
 * Two engines do the same work. libsecp256k1 verifies in 40 µs, OpenSSL in 270 µs; which one loads
 * depends on whether the optional dependency `secp256k1` has a binary for this machine.
 * @module
 */
import { loadLibsecp256k1Engine } from "./libsecp256k1-engine.ts";
import { createOpensslEngine } from "./openssl-engine.ts";
import type { SignatureEngine } from "./signature-engine.ts";

export {
  ENTROPY_BYTES,
  PRIVATE_KEY_BYTES,
  PUBLIC_KEY_BYTES,
  SIGNATURE_BYTES,
  type SignatureEngine,
  type SignatureScheme,
} from "./signature-engine.ts";

/**
 * The fastest engine that this machine has: libsecp256k1, else OpenSSL. Never a curve written in
 * JavaScript: that takes milliseconds and leaks the key through its timing. Look at `name` to tell
 * the operator which one it is.
 *
 * @param loadNative For tests: what to try first.
 */
export function loadSignatureEngine(
  loadNative: () => SignatureEngine | undefined = loadLibsecp256k1Engine,
): SignatureEngine {
  return loadNative() ?? createOpensslEngine();
}
