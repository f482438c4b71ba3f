/**
 * The seal of the Python wire: IV (16 random bytes), then AES-128-CBC of the message with PKCS7
 * padding, without any authentication code.
 *
 * It hides content from who lacks the key and proves nothing: anybody can flip bits, and who may
 * ask whether bytes open can read and forge messages. So an answer must not tell an envelope that
 * does not open from one whose content is wrong, and nothing in it counts before a signature does.
 *
 * Source: `util/aes.py`. Vectors: `test/vectors/aes.json`.
 * @module
 */
import {
  createCipheriv,
  createDecipheriv,
  randomBytes as systemRandomBytes,
  webcrypto,
} from "node:crypto";
import { DsnError } from "../errors.ts";
import { NETWORK_KEY_BYTES } from "./network-key.ts";
import { createRandomPool, type RandomBytes } from "./random-pool.ts";
import type { Seal } from "./seal.ts";

/**
 * Larger messages, in bytes, are sealed and opened on the thread pool: 16 MB would stop the event
 * loop for 14 ms. Below, a trip to the pool costs more than the work.
 */
export const SEAL_AT_ONCE_BYTES_MAX = 256 * 1024;

const BLOCK_BYTES = 16;
const CIPHER = "aes-128-cbc";

/**
 * The seal of a network that has a key.
 *
 * Sealing a large message returns a promise: leave the message alone until it settles.
 *
 * @param key 16 bytes; copied.
 * @param randomBytes Where the IVs come from, fetched 4 KiB at a time. Must be unpredictable
 *   outside tests: in CBC mode an IV that can be guessed gives away equal beginnings of messages.
 * @throws {DsnError} `DSN_KEY_FORMAT` for a key that is not 16 bytes.
 */
export function createAesCbcSeal(
  key: Uint8Array,
  randomBytes: RandomBytes = systemRandomBytes,
): Seal {
  if (key.length !== NETWORK_KEY_BYTES) {
    throw new DsnError("DSN_KEY_FORMAT", "Cannot use the network key", {
      why: `expected ${NETWORK_KEY_BYTES} bytes, found ${key.length}`,
      fix: ["read the key with parseNetworkKey()"],
    });
  }
  return new AesCbcSeal(Uint8Array.from(key), createRandomPool(randomBytes));
}

/** The seal of a network without a key: the bytes as they are. */
export function createPlainSeal(): Seal {
  return { secret: false, seal: (plaintext) => plaintext, open: (sealed) => sealed };
}

/** The seal of a network. @param key 16 bytes, or undefined for a network without one. */
export function createNetworkSeal(key: Uint8Array | undefined): Seal {
  return key === undefined ? createPlainSeal() : createAesCbcSeal(key);
}

class AesCbcSeal implements Seal {
  readonly secret = true;
  readonly #key: Uint8Array;
  readonly #randomBytes: RandomBytes;
  #subtleKey: Promise<webcrypto.CryptoKey> | undefined;

  constructor(key: Uint8Array, randomBytes: RandomBytes) {
    this.#key = key;
    this.#randomBytes = randomBytes;
  }

  seal(plaintext: Uint8Array): Uint8Array | Promise<Uint8Array> {
    const iv = this.#randomBytes(BLOCK_BYTES);
    if (plaintext.length > SEAL_AT_ONCE_BYTES_MAX) return this.#sealOnPool(iv, plaintext);
    const cipher = createCipheriv(CIPHER, this.#key, iv);
    return concat(iv, cipher.update(plaintext), cipher.final());
  }

  open(sealed: Uint8Array): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    // At least one block: PKCS7 pads even an empty message.
    if (sealed.length < 2 * BLOCK_BYTES || sealed.length % BLOCK_BYTES !== 0) return undefined;
    const iv = sealed.subarray(0, BLOCK_BYTES);
    const blocks = sealed.subarray(BLOCK_BYTES);
    if (blocks.length > SEAL_AT_ONCE_BYTES_MAX) return this.#openOnPool(iv, blocks);
    const decipher = createDecipheriv(CIPHER, this.#key, iv);
    try {
      return concat(decipher.update(blocks), decipher.final());
    } catch {
      return undefined;
    }
  }

  async #sealOnPool(iv: Uint8Array, plaintext: Uint8Array): Promise<Uint8Array> {
    const algorithm = { name: "AES-CBC", iv };
    const key = await this.#importKey();
    return concat(iv, new Uint8Array(await webcrypto.subtle.encrypt(algorithm, key, plaintext)));
  }

  async #openOnPool(iv: Uint8Array, blocks: Uint8Array): Promise<Uint8Array | undefined> {
    try {
      const algorithm = { name: "AES-CBC", iv };
      const key = await this.#importKey();
      return new Uint8Array(await webcrypto.subtle.decrypt(algorithm, key, blocks));
    } catch {
      return undefined;
    }
  }

  #importKey(): Promise<webcrypto.CryptoKey> {
    this.#subtleKey ??= webcrypto.subtle.importKey("raw", this.#key, "AES-CBC", false, [
      "encrypt",
      "decrypt",
    ]);
    return this.#subtleKey;
  }
}

/** Not `Buffer.concat`: its result may share memory with other buffers of the process. */
function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
