/**
 * What every peer cache does. One of your own passes it too.
 * @module
 */
import { describe, expect, it } from "vitest";
import { CACHED_PEERS_MAX, type CachedPeer, type PeerCache } from "../../src/storage/peer-cache.ts";

/** Gives caches over one place that is empty at first: a second one is what a restart finds. */
export type OpenCache = () => PeerCache;

export function describePeerCache(
  name: string,
  prepare: () => Promise<OpenCache> | OpenCache,
): void {
  describe(`peer cache: ${name}`, () => {
    it("is empty at first, and then holds what was saved last, in its order", async () => {
      const open = await prepare();
      const cache = open();
      expect(await cache.load()).toEqual({ peers: [], problem: undefined });
      await cache.save([peer("a"), peer("b")]);
      await cache.save([peer("ü b", "::1"), peer("a", "host.example")]);
      await cache.close();
      const expected = [peer("ü b", "::1"), peer("a", "host.example")];
      expect(await open().load()).toEqual({ peers: expected, problem: undefined });
      await open().save([]);
      expect((await open().load()).peers).toEqual([]);
    });

    it("keeps the last of many saved at once", async () => {
      const open = await prepare();
      const cache = open();
      const saved = Array.from({ length: 20 }, (_, index) => cache.save([peer(`n${index}`)]));
      await Promise.all(saved);
      expect((await open().load()).peers).toEqual([peer("n19")]);
    });

    it("leaves out what is more than it keeps", async () => {
      const open = await prepare();
      const many = Array.from({ length: CACHED_PEERS_MAX + 5 }, (_, index) => peer(`n${index}`));
      await open().save(many);
      expect((await open().load()).peers).toEqual(many.slice(0, CACHED_PEERS_MAX));
    });

    it("close() waits for what was asked before", async () => {
      const open = await prepare();
      const cache = open();
      void cache.save([peer("a")]);
      await cache.close();
      await cache.close();
      expect((await open().load()).peers).toEqual([peer("a")]);
    });
  });
}

export function peer(nodeId: string, address = "10.0.0.2"): CachedPeer {
  return { nodeId, endpoint: { address, port: 8_000 }, seenSeconds: 1_700_000_000, native: true };
}
