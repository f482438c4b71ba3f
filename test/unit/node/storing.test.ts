/** What cannot be stored is told once, stored later, and told once more when that is over. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DsnError, type DsnErrorCode } from "../../../src/errors.ts";
import { type StoreEffect, Storing } from "../../../src/node/storing.ts";
import type { CredentialStore } from "../../../src/storage/credential-store.ts";
import type { PeerCache } from "../../../src/storage/peer-cache.ts";
import { WriteQueue } from "../../../src/storage/write-queue.ts";

const AGAIN_MS = 10_000;
const KEY = new Uint8Array(64).fill(1);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A store whose disk can be full, and all that happens to it. */
function setUp() {
  const disk: { problem: unknown } = { problem: undefined };
  /** What has been stored, in order. */
  const stored: string[] = [];
  let tries = 0;
  const keep = async (what: string) => {
    tries += 1;
    await Promise.resolve();
    if (disk.problem !== undefined) await Promise.reject(disk.problem as Error);
    stored.push(what);
  };
  const writes = new WriteQueue();
  const store: CredentialStore = {
    load: () => Promise.reject(new Error("not here")),
    savePin: (nodeId) => writes.run(() => keep(`pin ${nodeId}`)),
    // As files do: what is said of a key that is not there is nothing to keep.
    saveNative: (nodeId) =>
      writes.run(async () => {
        if (stored.includes(`pin ${nodeId}`)) await keep(`native ${nodeId}`);
      }),
    deletePin: (nodeId) => writes.run(() => keep(`unpin ${nodeId}`)).then(() => true),
    saveMark: (version) => keep(`mark ${version}`),
    close: () => Promise.resolve(),
  };
  const peers: PeerCache = {
    load: () => Promise.reject(new Error("not here")),
    save: (list) => keep(`${list.length} peers`),
    close: () => Promise.resolve(),
  };
  const told: string[] = [];
  const warn = (error: DsnError, resolved: boolean) =>
    void told.push(resolved ? `${error.code} is over` : error.code);
  const storing = new Storing({ store, peers, warn });
  const carryOut = async (...effects: StoreEffect[]) => {
    for (const effect of effects) storing.carryOut(effect);
    await vi.advanceTimersByTimeAsync(0);
  };
  return { disk, stored, told, storing, carryOut, tries: () => tries };
}

function full(code: DsnErrorCode = "DSN_IDENTITY_UNREADABLE"): DsnError {
  return new DsnError(code, "Cannot write");
}

const pin: StoreEffect = { kind: "pin", nodeId: "b", publicKey: KEY };
const native: StoreEffect = { kind: "pin-native", nodeId: "b" };
const unpin: StoreEffect = { kind: "unpin", nodeId: "b" };
const mark = (version: number): StoreEffect => ({ kind: "mark", version });
const remember: StoreEffect = { kind: "remember", peers: [] };

describe("Storing", () => {
  it("stores what it is told to, and sets no timer for it", async () => {
    const { stored, told, carryOut } = setUp();
    await carryOut(pin, native, mark(1), remember, unpin);
    expect(stored.toSorted()).toEqual(["0 peers", "mark 1", "native b", "pin b", "unpin b"]);
    expect(told).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("tells once what cannot be stored, however much it is, and once that it is over", async () => {
    const { disk, stored, told, carryOut } = setUp();
    disk.problem = full();
    await carryOut(pin, native, mark(1));
    await carryOut(mark(2));
    await vi.advanceTimersByTimeAsync(3 * AGAIN_MS);
    expect(told).toEqual(["DSN_IDENTITY_UNREADABLE"]);
    expect(stored).toEqual([]);
    disk.problem = undefined;
    // The key first: that its node uses sessions is kept beside it.
    await vi.advanceTimersByTimeAsync(AGAIN_MS);
    expect(stored.toSorted()).toEqual(["mark 2", "native b", "pin b"]);
    expect(told).toEqual(["DSN_IDENTITY_UNREADABLE", "DSN_IDENTITY_UNREADABLE is over"]);
    expect(vi.getTimerCount()).toBe(0);
    disk.problem = full();
    await carryOut(mark(3));
    expect(told).toHaveLength(3);
  });

  it("takes the list of peers for a condition of its own", async () => {
    const { disk, told, carryOut } = setUp();
    disk.problem = full("DSN_PEER_CACHE");
    await carryOut(remember);
    disk.problem = full();
    await carryOut(mark(1));
    disk.problem = undefined;
    await carryOut(remember);
    expect(told).toEqual(["DSN_PEER_CACHE", "DSN_IDENTITY_UNREADABLE", "DSN_PEER_CACHE is over"]);
  });

  it("never stores a key that has been forgotten meanwhile", async () => {
    const { disk, stored, told, carryOut } = setUp();
    disk.problem = full();
    await carryOut(pin, native);
    disk.problem = undefined;
    await carryOut(unpin);
    expect(told).toEqual(["DSN_IDENTITY_UNREADABLE", "DSN_IDENTITY_UNREADABLE is over"]);
    await vi.advanceTimersByTimeAsync(2 * AGAIN_MS);
    expect(stored).toEqual(["unpin b"]);
  });

  it("takes any error of a store that is not ours for one that may be over later", async () => {
    const { disk, stored, told, carryOut } = setUp();
    disk.problem = "the vault is sealed";
    await carryOut(pin);
    disk.problem = undefined;
    await vi.advanceTimersByTimeAsync(AGAIN_MS);
    expect(stored).toEqual(["pin b"]);
    expect(told).toEqual(["DSN_IDENTITY_UNREADABLE", "DSN_IDENTITY_UNREADABLE is over"]);
  });

  it("does not repeat what is refused for good, and tells it each time", async () => {
    const { disk, told, carryOut, tries } = setUp();
    disk.problem = full("DSN_PEER_IDENTITY_CHANGED");
    await carryOut(pin);
    await vi.advanceTimersByTimeAsync(3 * AGAIN_MS);
    expect(tries()).toBe(1);
    await carryOut(pin);
    expect(told).toEqual(["DSN_PEER_IDENTITY_CHANGED", "DSN_PEER_IDENTITY_CHANGED"]);
  });

  it("leaves no timer when it stops", async () => {
    const { disk, storing, carryOut } = setUp();
    disk.problem = full();
    await carryOut(pin);
    expect(vi.getTimerCount()).toBe(1);
    storing.stop();
    await carryOut(mark(1));
    expect(vi.getTimerCount()).toBe(0);
  });
});
