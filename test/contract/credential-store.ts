/**
 * What every credential store does. A store of your own passes it too:
 * `describeCredentialStore("vault", () => …)` in a test file.
 * @module
 */
import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { generateKeyPair } from "../../src/crypto/identity.ts";
import { loadSignatureEngine } from "../../src/crypto/signatures.ts";
import { DsnError } from "../../src/errors.ts";
import { type CredentialStore, PINS_MAX } from "../../src/storage/credential-store.ts";

/** Gives stores over one place that is empty at first: a second one is what a restart finds. */
export type OpenStore = () => CredentialStore;

/**
 * @param prepare Makes a place for node `node-1` that holds some pins and nothing else; called
 *   once per test or more.
 */
export function describeCredentialStore(
  name: string,
  prepare: (pins: ReadonlyMap<string, Uint8Array>) => Promise<OpenStore> | OpenStore,
): void {
  describe(`credential store: ${name}`, () => {
    it("makes an identity the first time and finds it ever after", async () => {
      const open = await prepare(new Map());
      const first = await open().load();
      expect(first.created).toBe(true);
      expect(engine.isPrivateKey(first.keyPair.privateKey)).toBe(true);
      expect(first.keyPair.publicKey).toEqual(engine.publicKeyOf(first.keyPair.privateKey));
      const second = await open().load();
      expect(second.created).toBe(false);
      expect(second.keyPair).toEqual(first.keyPair);
    });

    it("begins with no pins, no natives, no mark and nothing skipped", async () => {
      const open = await prepare(new Map());
      const { pins, natives, mark, skipped } = await open().load();
      expect([...pins]).toEqual([]);
      expect([...natives]).toEqual([]);
      expect(mark).toBeUndefined();
      expect(skipped).toEqual([]);
    });

    it("makes another identity in another place", async () => {
      const [one, other] = [(await prepare(new Map()))(), (await prepare(new Map()))()];
      const keys = [(await one.load()).keyPair, (await other.load()).keyPair];
      expect(keys[0]).not.toEqual(keys[1]);
    });

    it("keeps pins across restarts, this node's own key not among them", async () => {
      const open = await prepare(new Map());
      const store = open();
      await store.load();
      const pins = new Map([
        ["node-2", newKey()],
        ["node-3", newKey()],
        ["a.b_c-d", newKey()],
      ]);
      for (const [nodeId, key] of pins) await store.savePin(nodeId, key);
      await store.close();
      const loaded = await open().load();
      expect(new Map([...loaded.pins].sort())).toEqual(new Map([...pins].sort()));
    });

    it("pins the same key again without complaint", async () => {
      const open = await prepare(new Map());
      const store = open();
      await store.load();
      const key = newKey();
      await store.savePin("node-2", key);
      await store.savePin("node-2", Buffer.from(key));
      expect((await open().load()).pins.get("node-2")).toEqual(key);
    });

    it("refuses another key of a pinned peer and keeps the first", async () => {
      const open = await prepare(new Map());
      const store = open();
      await store.load();
      const key = newKey();
      await store.savePin("node-2", key);
      const error = await failure(store.savePin("node-2", newKey()));
      expect(error.code).toBe("DSN_PEER_IDENTITY_CHANGED");
      expect(error.nodeId).toBe("node-2");
      expect(error.fix.join()).toContain('forgetIdentity("node-2")');
      expect((await open().load()).pins.get("node-2")).toEqual(key);
    });

    it("pins a new key after the old one was deleted", async () => {
      const open = await prepare(new Map());
      const store = open();
      await store.load();
      await store.savePin("node-2", newKey());
      expect(await store.deletePin("node-2")).toBe(true);
      expect((await open().load()).pins.has("node-2")).toBe(false);
      const key = newKey();
      await store.savePin("node-2", key);
      expect((await open().load()).pins.get("node-2")).toEqual(key);
    });

    it("says whether there was a pin to delete", async () => {
      const store = (await prepare(new Map()))();
      await store.load();
      expect(await store.deletePin("node-2")).toBe(false);
      await store.savePin("node-2", newKey());
      expect(await store.deletePin("node-2")).toBe(true);
      expect(await store.deletePin("node-2")).toBe(false);
    });

    it("lets the first of two keys win when both come at once", async () => {
      const open = await prepare(new Map());
      const store = open();
      await store.load();
      const [first, second] = [newKey(), newKey()];
      const results = await Promise.allSettled([
        store.savePin("node-2", first),
        store.savePin("node-2", second),
      ]);
      expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected"]);
      expect((await open().load()).pins.get("node-2")).toEqual(first);
    });

    it("keeps no hold on the bytes it was given, nor on those it gave", async () => {
      const open = await prepare(new Map());
      const store = open();
      const first = await store.load();
      const key = newKey();
      const given = Uint8Array.from(key);
      const saving = store.savePin("node-2", given);
      given.fill(0);
      await saving;
      const identity = Uint8Array.from(first.keyPair.privateKey);
      first.keyPair.privateKey.fill(0);
      (await store.load()).pins.get("node-2")?.fill(0);
      const again = await store.load();
      expect(again.pins.get("node-2")).toEqual(key);
      expect(again.keyPair.privateKey).toEqual(identity);
    });

    it.each([
      ["nothing", ""],
      ["one dot", "."],
      ["two dots", ".."],
      ["many dots", "......"],
      ["a path up", "../../escaped"],
      ["an absolute path", "/etc/passwd"],
      ["a folder", "a/b"],
      ["a backslash", "a\\b"],
      ["a NUL", "a\0b"],
      ["a newline", "a\nb"],
      ["a delete character", "a\x7fb"],
      ["half a surrogate pair", "a\ud800"],
      ["201 bytes", "x".repeat(201)],
      ["201 bytes of two each", `${"é".repeat(100)}x`],
      ["this node's own id", "node-1"],
    ])("D01: refuses %s as the id of a peer", async (_, nodeId) => {
      const open = await prepare(new Map());
      const store = open();
      const before = await store.load();
      expect((await failure(store.savePin(nodeId, newKey()))).code).toBe("DSN_MALFORMED");
      expect((await failure(store.saveNative(nodeId))).code).toBe("DSN_MALFORMED");
      expect((await failure(store.deletePin(nodeId))).code).toBe("DSN_MALFORMED");
      expect(await open().load()).toEqual({ ...before, created: false });
    });

    it("takes an id of 200 bytes, of spaces, of other scripts", async () => {
      const open = await prepare(new Map());
      const store = open();
      await store.load();
      const nodeIds = ["x".repeat(200), " ", "узел", "node-1.pub", "node-1.key", ".hidden", "~"];
      // The names that a pin is lost for belong to nobody after a restart.
      if (process.platform !== "win32") nodeIds.push("rack:1");
      for (const nodeId of nodeIds) await store.savePin(nodeId, newKey());
      for (const nodeId of nodeIds) await store.saveNative(nodeId);
      const { pins, natives } = await open().load();
      expect([...pins.keys()].sort()).toEqual(nodeIds.sort());
      expect([...natives].sort()).toEqual(nodeIds.sort());
    });

    it("remembers across restarts which peers use sessions", async () => {
      const open = await prepare(new Map());
      const store = open();
      await store.load();
      for (const nodeId of ["node-2", "node-3", "node-4"]) await store.savePin(nodeId, newKey());
      await store.saveNative("node-2");
      await store.saveNative("node-4");
      await store.saveNative("node-4");
      await store.close();
      const { pins, natives } = await open().load();
      expect([...natives].sort()).toEqual(["node-2", "node-4"]);
      expect([...pins.keys()].sort()).toEqual(["node-2", "node-3", "node-4"]);
    });

    it("remembers it of the holder of the pinned key alone: not without a pin, not after it", async () => {
      const open = await prepare(new Map());
      const store = open();
      await store.load();
      await store.saveNative("node-2");
      await store.savePin("node-2", newKey());
      expect((await open().load()).natives).toEqual(new Set());
      await store.saveNative("node-2");
      expect((await open().load()).natives).toEqual(new Set(["node-2"]));
      expect(await store.deletePin("node-2")).toBe(true);
      expect((await open().load()).natives).toEqual(new Set());
      await store.savePin("node-2", newKey());
      expect((await open().load()).natives).toEqual(new Set());
    });

    it("gives natives that are nobody's but the caller's", async () => {
      const store = (await prepare(new Map()))();
      await store.load();
      await store.savePin("node-2", newKey());
      await store.saveNative("node-2");
      ((await store.load()).natives as Set<string>).clear();
      expect((await store.load()).natives).toEqual(new Set(["node-2"]));
    });

    it.each([
      ["no bytes", new Uint8Array(0)],
      ["one byte", Uint8Array.of(0x6b)],
      ["63 bytes", new Uint8Array(63).fill(1)],
      [
        "65 bytes",
        Uint8Array.of(4, ...generateKeyPair(loadSignatureEngine(), randomBytes).publicKey),
      ],
      ["64 bytes off the curve", new Uint8Array(64).fill(1)],
      ["zeros", new Uint8Array(64)],
    ])("refuses %s as a key", async (_, key) => {
      const open = await prepare(new Map());
      const store = open();
      await store.load();
      expect((await failure(store.savePin("node-2", key))).code).toBe("DSN_MALFORMED");
      expect((await open().load()).pins.size).toBe(0);
    });

    it.each([0, 1, 1_722_000_000.123456, 0.1, 5e-324, 4_294_967_296.000001, 1e300])(
      "gives back the mark %d to the last bit",
      async (version) => {
        const open = await prepare(new Map());
        const store = open();
        await store.load();
        await store.saveMark(version);
        expect((await open().load()).mark).toBe(version);
      },
    );

    it("never lowers the mark", async () => {
      const open = await prepare(new Map());
      const store = open();
      await store.load();
      await store.saveMark(200);
      await store.saveMark(100);
      expect((await open().load()).mark).toBe(200);
      const next = open();
      await next.load();
      await next.saveMark(150);
      expect((await open().load()).mark).toBe(200);
    });

    it("keeps the highest of many marks saved at once", async () => {
      const open = await prepare(new Map());
      const store = open();
      await store.load();
      const versions = [5, 3, 900, 14, 899.5];
      await Promise.all(versions.map((version) => store.saveMark(version)));
      expect((await open().load()).mark).toBe(900);
    });

    it.each([Number.NaN, Number.POSITIVE_INFINITY, -1])("refuses the mark %d", async (version) => {
      const open = await prepare(new Map());
      const store = open();
      await store.load();
      await expect(store.saveMark(version)).rejects.toThrow(RangeError);
      expect((await open().load()).mark).toBeUndefined();
    });

    it("close() waits for what was asked before", async () => {
      const open = await prepare(new Map());
      const store = open();
      await store.load();
      const asked: Promise<unknown>[] = [];
      for (let count = 2; count < 12; count++) asked.push(store.savePin(`node-${count}`, newKey()));
      asked.push(store.deletePin("node-2"), store.saveMark(7), store.saveMark(8));
      await store.close();
      const { pins, mark } = await open().load();
      expect(pins.size).toBe(9);
      expect(mark).toBe(8);
      await Promise.all(asked);
    });

    it("close() does not fail for what failed before, and may be called twice", async () => {
      const store = (await prepare(new Map()))();
      await store.load();
      await store.savePin("node-2", newKey());
      const refused = failure(store.savePin("node-2", newKey()));
      await store.close();
      await store.close();
      expect((await refused).code).toBe("DSN_PEER_IDENTITY_CHANGED");
    });

    it(`keeps the keys of ${PINS_MAX} peers and refuses one more`, async () => {
      const key = newKey();
      const all = Array.from({ length: PINS_MAX - 1 }, (_, index) => `peer-${index}`);
      const open = await prepare(new Map(all.map((nodeId) => [nodeId, key])));
      const store = open();
      expect((await store.load()).pins.size).toBe(PINS_MAX - 1);
      await store.savePin("the-last", key);
      expect((await failure(store.savePin("one-more", key))).code).toBe("DSN_PEER_LIMIT");
      // One that is there already is not one more.
      await store.savePin("peer-0", key);
      expect(await store.deletePin("peer-0")).toBe(true);
      await store.savePin("one-more", key);
      expect((await failure(store.savePin("peer-0", key))).code).toBe("DSN_PEER_LIMIT");
      expect((await open().load()).pins.size).toBe(PINS_MAX);
    });
  });
}

const engine = loadSignatureEngine();

function newKey(): Uint8Array {
  return generateKeyPair(engine, randomBytes).publicKey;
}

/** What a promise rejects with; fails when it does not, or with something else. */
async function failure(promise: Promise<unknown>): Promise<DsnError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DsnError);
  return error as DsnError;
}
