/**
 * Two nodes that have exchanged salts: a key and a counter for each direction.
 *
 * AES-128-GCM: the head of a datagram is authenticated with its content, the counter is the nonce,
 * and a counter is accepted once. Keys depend on both salts, each chosen at random by one side, so
 * no two associations share a key and no nonce is used twice.
 *
 * Source: `docs/protocol.md`, UDP.
 * @module
 */
import { createCipheriv, createDecipheriv, createHash, hkdfSync } from "node:crypto";
import { ReplayWindow } from "./replay-window.ts";
import {
  ASSOCIATION_BYTES,
  encodeFirstHead,
  encodeSealedHead,
  nameOfBytes,
  type Sealed,
  TAG_BYTES,
} from "./udp-datagram.ts";

const CIPHER = "aes-128-gcm";
const KEY_BYTES = 16;
const NONCE_BYTES = 12;

/** A network without a key uses this one: it hides nothing, and keeps out noise. */
const OPEN_KEY = new Uint8Array(KEY_BYTES);

export type Role = "asker" | "answerer";

export class UdpAssociation {
  /** Names the association in maps. */
  readonly name: string;
  readonly #id: Uint8Array;
  readonly #role: Role;
  readonly #saltA: Uint8Array;
  readonly #saltB: Uint8Array;
  readonly #sealKey: Uint8Array;
  readonly #openKey: Uint8Array;
  readonly #window = new ReplayWindow();
  #sent = 0;

  /**
   * @param networkKey 16 bytes, or undefined for a network without one.
   * @param saltA Of the asker, 16 bytes; copied.
   * @param saltB Of the answerer, 16 bytes; copied.
   */
  constructor(
    networkKey: Uint8Array | undefined,
    saltA: Uint8Array,
    saltB: Uint8Array,
    role: Role,
  ) {
    this.#role = role;
    this.#saltA = saltA.slice();
    this.#saltB = saltB.slice();
    const key = networkKey ?? OPEN_KEY;
    const there = deriveKey(key, saltA, saltB, "asker to answerer");
    const back = deriveKey(key, saltA, saltB, "answerer to asker");
    this.#sealKey = role === "asker" ? there : back;
    this.#openKey = role === "asker" ? back : there;
    this.#id = associationId(saltA, saltB);
    this.name = nameOfBytes(this.#id);
  }

  /** A REQUEST of the asker, an ANSWER of the answerer. Each call takes the next counter. */
  seal(content: Uint8Array): Uint8Array {
    const kind = this.#role === "asker" ? "request" : "answer";
    const counter = this.#sent++;
    return this.#seal(encodeSealedHead(kind, this.#id, counter), counter, content);
  }

  /** A FIRST, which carries the salts, because the answerer knows nothing yet. */
  sealFirst(content: Uint8Array): Uint8Array {
    const counter = this.#sent++;
    return this.#seal(encodeFirstHead(this.#saltA, this.#saltB, counter), counter, content);
  }

  /** The content; `undefined` for a forgery or a repeat. Never throws. */
  open({ head, counter, sealed }: Sealed): Uint8Array | undefined {
    // Before any cryptography: a flood of recorded datagrams costs nothing.
    if (!this.#window.isNew(counter)) return undefined;
    const end = sealed.length - TAG_BYTES;
    // A shorter tag is easier to guess, and the cipher would take it.
    if (end < 0) return undefined;
    try {
      const decipher = createDecipheriv(CIPHER, this.#openKey, nonceOf(counter));
      decipher.setAAD(head);
      decipher.setAuthTag(sealed.subarray(end));
      const content = decipher.update(sealed.subarray(0, end));
      // Throws unless every byte of head and content is authentic.
      decipher.final();
      this.#window.accept(counter);
      return content;
    } catch {
      return undefined;
    }
  }

  #seal(head: Uint8Array, counter: number, content: Uint8Array): Uint8Array {
    const cipher = createCipheriv(CIPHER, this.#sealKey, nonceOf(counter));
    cipher.setAAD(head);
    const sealed = cipher.update(content);
    cipher.final();
    return Buffer.concat([head, sealed, cipher.getAuthTag()]);
  }
}

/** What names an association on the wire. */
export function associationId(saltA: Uint8Array, saltB: Uint8Array): Uint8Array {
  const digest = createHash("sha256").update("dsn udp id 1").update(saltA).update(saltB).digest();
  return digest.subarray(0, ASSOCIATION_BYTES);
}

function deriveKey(
  networkKey: Uint8Array,
  saltA: Uint8Array,
  saltB: Uint8Array,
  direction: string,
): Uint8Array {
  const salt = Buffer.concat([saltA, saltB]);
  const key = hkdfSync("sha256", networkKey, salt, `dsn udp 1 ${direction}`, KEY_BYTES);
  return new Uint8Array(key);
}

function nonceOf(counter: number): Uint8Array {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUInt32BE(Math.floor(counter / 2 ** 32), NONCE_BYTES - 8);
  nonce.writeUInt32BE(counter % 2 ** 32, NONCE_BYTES - 4);
  return nonce;
}
