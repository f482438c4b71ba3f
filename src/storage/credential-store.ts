import type { KeyPair } from "../crypto/identity.ts";

/** What a node remembers from one run to the next. */
export interface Credentials {
  /** The identity of this node. */
  readonly keyPair: KeyPair;
  /** The public key first seen of each peer: node id → 64 bytes. Never holds this node's own. */
  readonly pins: ReadonlyMap<string, Uint8Array>;
  /** Of those peers, the ones that use sessions: they are not taken back without. */
  readonly natives: ReadonlySet<string>;
  /**
   * The highest version of this node's state that may have been shown to peers, Unix seconds.
   * `undefined` when none was saved, or when what was saved cannot be read.
   */
  readonly mark: number | undefined;
  /** The identity was made just now: there was none. */
  readonly created: boolean;
  /** Stored things that could not be used and were left as they are. Worth telling the operator. */
  readonly skipped: readonly SkippedCredential[];
}

/** Something stored that could not be used, and was left as it is. */
export interface SkippedCredential {
  /** Where it is: a path, for a store that keeps files. */
  readonly file: string;
  /** Why it cannot be used: part of a sentence. */
  readonly why: string;
}

/**
 * Keeps one node's identity, the keys it pinned and its mark.
 *
 * Files and memory implement it, and both pass `test/contract/credential-store.ts`. A store of your
 * own (a vault, a database) may run that suite too. Every method but {@link load} is called while
 * the node runs, without waiting for the one before.
 */
export interface CredentialStore {
  /**
   * Reads everything, and makes the identity if there is none. Called once, before anything else.
   *
   * @throws {DsnError} `DSN_IDENTITY_UNREADABLE` when the identity is there but cannot be used.
   *   Nothing has been overwritten then.
   */
  load(): Promise<Credentials>;

  /**
   * Pins a peer's key for ever. Pinning the same key again does nothing.
   *
   * @throws {DsnError} and nothing changed: `DSN_PEER_IDENTITY_CHANGED` when another key is pinned
   *   (forget it first with {@link deletePin}); `DSN_PEER_LIMIT` when 10,000 are;
   *   `DSN_MALFORMED` for an id or key that no peer may have, this node's own id among them;
   *   `DSN_IDENTITY_UNREADABLE` when it cannot be written.
   */
  savePin(nodeId: string, publicKey: Uint8Array): Promise<void>;

  /**
   * Remembers that the holder of a peer's pinned key uses sessions. Does nothing when no key of it
   * is pinned. Forgotten with the key.
   *
   * @throws {DsnError} `DSN_MALFORMED`, `DSN_IDENTITY_UNREADABLE`: as for {@link savePin}.
   */
  saveNative(nodeId: string): Promise<void>;

  /**
   * Forgets a peer's key, so that the next one seen is pinned.
   * @returns Whether there was one.
   * @throws {DsnError} `DSN_MALFORMED`, `DSN_IDENTITY_UNREADABLE`: as for {@link savePin}.
   */
  deletePin(nodeId: string): Promise<boolean>;

  /**
   * Saves the mark. It only rises: a lower version than the one saved changes nothing. However many
   * calls come while one is being written, the highest is written next, and all of them resolve.
   *
   * @param version Unix seconds, with fractions.
   * @returns Once a mark at least that high is safe.
   * @throws {RangeError} when `version` is not finite, or below 0.
   * @throws {DsnError} `DSN_IDENTITY_UNREADABLE` when it cannot be written.
   */
  saveMark(version: number): Promise<void>;

  /** Waits for what was asked before, done or failed. Safe to call twice. */
  close(): Promise<void>;
}

/** Most peers whose keys one node keeps. What a stranger can grow must end somewhere. */
export const PINS_MAX = 10_000;
