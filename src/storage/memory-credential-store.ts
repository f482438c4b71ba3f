import { randomBytes as systemRandomBytes } from "node:crypto";
import { generateKeyPair, type KeyPair, type KeyRules } from "../crypto/identity.ts";
import type { RandomBytes } from "../crypto/random-pool.ts";
import { DsnError } from "../errors.ts";
import { type CredentialStore, type Credentials, PINS_MAX } from "./credential-store.ts";
import {
  checkMark,
  checkOwnId,
  checkPeerId,
  checkPeerKey,
  pinConflict,
  pinLimit,
} from "./pin-rules.ts";

/** What a store in memory begins with. */
export interface MemoryCredentialStoreOptions {
  /** This node's id: no peer may be pinned under it. */
  readonly nodeId: string;
  /** What makes and checks keys: `loadSignatureEngine()`. */
  readonly engine: KeyRules;
  /** The identity to use. @default undefined (one is made at the first `load()`) */
  readonly keyPair?: KeyPair | undefined;
  /** Peers' keys to begin with; copied. @default none */
  readonly pins?: ReadonlyMap<string, Uint8Array> | undefined;
  /** The mark to begin with, Unix seconds. @default undefined */
  readonly mark?: number | undefined;
  /** Where a new identity comes from. @default `randomBytes` of `node:crypto` */
  readonly randomBytes?: RandomBytes | undefined;
}

/**
 * Credentials that live as long as the object: for tests, simulation, and programs that keep the
 * identity elsewhere. A node that restarts with the same store is the same node.
 *
 * @throws {DsnError} `DSN_CONFIG`, `DSN_IDENTITY_UNREADABLE`, `DSN_MALFORMED` for an id, a key pair
 *   or pins that cannot be.
 */
export function createMemoryCredentialStore(
  options: MemoryCredentialStoreOptions,
): CredentialStore {
  return new MemoryCredentialStore(options);
}

class MemoryCredentialStore implements CredentialStore {
  readonly #nodeId: string;
  readonly #engine: KeyRules;
  readonly #randomBytes: RandomBytes;
  readonly #pins = new Map<string, Uint8Array>();
  readonly #natives = new Set<string>();
  #keyPair: KeyPair | undefined;
  #mark: number | undefined;

  constructor(options: MemoryCredentialStoreOptions) {
    checkOwnId(options.nodeId);
    this.#nodeId = options.nodeId;
    this.#engine = options.engine;
    this.#randomBytes = options.randomBytes ?? systemRandomBytes;
    if (options.keyPair !== undefined) {
      checkKeyPair(options.engine, options.keyPair);
      this.#keyPair = copyOf(options.keyPair);
    }
    for (const [nodeId, publicKey] of options.pins ?? []) this.#pin(nodeId, publicKey);
    if (options.mark !== undefined) this.#raiseMark(options.mark);
  }

  async load(): Promise<Credentials> {
    const created = this.#keyPair === undefined;
    this.#keyPair ??= generateKeyPair(this.#engine, this.#randomBytes);
    return {
      keyPair: copyOf(this.#keyPair),
      pins: new Map([...this.#pins].map(([nodeId, key]) => [nodeId, Uint8Array.from(key)])),
      natives: new Set(this.#natives),
      mark: this.#mark,
      created,
      skipped: [],
    };
  }

  async savePin(nodeId: string, publicKey: Uint8Array): Promise<void> {
    this.#pin(nodeId, publicKey);
  }

  async saveNative(nodeId: string): Promise<void> {
    checkPeerId(nodeId, this.#nodeId);
    if (this.#pins.has(nodeId)) this.#natives.add(nodeId);
  }

  async deletePin(nodeId: string): Promise<boolean> {
    checkPeerId(nodeId, this.#nodeId);
    this.#natives.delete(nodeId);
    return this.#pins.delete(nodeId);
  }

  async saveMark(version: number): Promise<void> {
    this.#raiseMark(version);
  }

  async close(): Promise<void> {}

  #pin(nodeId: string, publicKey: Uint8Array): void {
    checkPeerId(nodeId, this.#nodeId);
    checkPeerKey(this.#engine, nodeId, publicKey);
    const held = this.#pins.get(nodeId);
    if (held === undefined) {
      if (this.#pins.size >= PINS_MAX) throw pinLimit(nodeId);
      this.#pins.set(nodeId, Uint8Array.from(publicKey));
    } else if (Buffer.compare(held, publicKey) !== 0) {
      throw pinConflict(this.#engine, nodeId, held, publicKey);
    }
  }

  #raiseMark(version: number): void {
    checkMark(version);
    this.#mark = Math.max(this.#mark ?? 0, version);
  }
}

function checkKeyPair(engine: KeyRules, { privateKey, publicKey }: KeyPair): void {
  const isPair =
    engine.isPrivateKey(privateKey) &&
    Buffer.compare(engine.publicKeyOf(privateKey), publicKey) === 0;
  if (isPair) return;
  throw new DsnError("DSN_IDENTITY_UNREADABLE", "Cannot use the key pair given", {
    why: "it is not a secp256k1 private key of 32 bytes and the 64-byte public key of it",
  });
}

function copyOf(keyPair: KeyPair): KeyPair {
  return {
    privateKey: Uint8Array.from(keyPair.privateKey),
    publicKey: Uint8Array.from(keyPair.publicKey),
  };
}
