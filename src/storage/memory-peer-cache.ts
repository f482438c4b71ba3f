import {
  CACHED_PEERS_MAX,
  type CachedPeer,
  type CachedPeers,
  type PeerCache,
} from "./peer-cache.ts";

/**
 * A cache that lives as long as the object: a node that restarts with the same one finds its peers.
 *
 * @param peers What it holds at first; copied. @default none
 */
export function createMemoryPeerCache(peers: readonly CachedPeer[] = []): PeerCache {
  return new MemoryPeerCache(peers);
}

class MemoryPeerCache implements PeerCache {
  #peers: readonly CachedPeer[];

  constructor(peers: readonly CachedPeer[]) {
    this.#peers = copyOf(peers);
  }

  async load(): Promise<CachedPeers> {
    return { peers: copyOf(this.#peers), problem: undefined };
  }

  async save(peers: readonly CachedPeer[]): Promise<void> {
    this.#peers = copyOf(peers);
  }

  async close(): Promise<void> {}
}

function copyOf(peers: readonly CachedPeer[]): readonly CachedPeer[] {
  return peers
    .slice(0, CACHED_PEERS_MAX)
    .map((peer) => ({ ...peer, endpoint: { ...peer.endpoint } }));
}
