import type { DsnError } from "../errors.ts";

/** A peer that a node had, as it is kept from one run to the next. */
export interface CachedPeer {
  /** Its id. */
  readonly nodeId: string;
  /** Where it answered last. */
  readonly endpoint: {
    /** An IP address or host name. */
    readonly address: string;
    /** 1 to 65535. */
    readonly port: number;
  };
  /** When it was last known to be there, Unix seconds. */
  readonly seenSeconds: number;
  /** It was a node of this project, and not of the Python implementation. */
  readonly native: boolean;
}

/** What a cache holds. */
export interface CachedPeers {
  /** As they were saved. */
  readonly peers: readonly CachedPeer[];
  /** `DSN_PEER_CACHE`: what is stored cannot be used, and `peers` is empty. */
  readonly problem: DsnError | undefined;
}

/**
 * Keeps whom one node knew, so that it finds them when it starts again, with or without bootstrap
 * nodes. Nobody is let in because of it: identities are checked as ever.
 *
 * Files and memory implement it, and both pass `test/contract/peer-cache.ts`.
 */
export interface PeerCache {
  /** Reads it. Called once, before {@link save}. Never rejects: a damaged cache is an empty one. */
  load(): Promise<CachedPeers>;

  /**
   * Replaces what is stored. However many calls come while one is being written, the last is
   * written next, and all of them resolve.
   *
   * @param peers At most 1,000, what matters most first; the rest is left out.
   * @throws {DsnError} `DSN_PEER_CACHE` when it cannot be written; what was stored is as it was.
   */
  save(peers: readonly CachedPeer[]): Promise<void>;

  /** Waits for what was asked before, done or failed. Safe to call twice. */
  close(): Promise<void>;
}

/** Most peers that a cache keeps. */
export const CACHED_PEERS_MAX = 1_000;
