import { describe, expect, it } from "vitest";
import { fingerprint } from "../../../src/crypto/identity.ts";
import { Kernel } from "../../../src/protocol/kernel.ts";
import { DEFAULT_SETTINGS } from "../../../src/protocol/settings.ts";
import { sameBytes, Trust, type WhitelistEntry } from "../../../src/protocol/trust.ts";

const alice = new Uint8Array(64).fill(1);
const bob = new Uint8Array(64).fill(2);

function setUp(whitelist: readonly WhitelistEntry[] = [], pins = new Map<string, Uint8Array>()) {
  const kernel = new Kernel({
    settings: DEFAULT_SETTINGS,
    random: () => 0,
    entropy: (length) => new Uint8Array(length),
  });
  return { kernel, trust: new Trust(kernel, "me", pins, whitelist) };
}

const only = (nodeId: string, print?: string): WhitelistEntry => ({ nodeId, fingerprint: print });

describe("Trust", () => {
  it("pins the first key and no other, until it is forgotten", () => {
    const { kernel, trust } = setUp();
    expect(trust.accepts("alice", alice)).toBe(true);
    trust.pin("alice", alice);
    trust.pin("alice", bob);
    expect(trust.keyOf("alice")).toEqual(alice);
    expect(trust.accepts("alice", bob)).toBe(false);
    expect(trust.accepts("alice", alice)).toBe(true);
    expect(kernel.takeEffects()).toEqual([{ kind: "pin", nodeId: "alice", publicKey: alice }]);
    expect(trust.forget("alice")).toBe(true);
    expect(trust.forget("alice")).toBe(false);
    expect(trust.accepts("alice", bob)).toBe(true);
    expect(kernel.takeEffects()).toEqual([{ kind: "unpin", nodeId: "alice" }]);
  });

  it("keeps a copy: the bytes that it was shown live in a buffer of the carrier", () => {
    const { trust } = setUp();
    const key = alice.slice();
    trust.pin("alice", key);
    key.fill(9);
    expect(trust.accepts("alice", alice)).toBe(true);
  });

  it("remembers the pins of earlier lives", () => {
    const { trust } = setUp([], new Map([["alice", alice]]));
    expect(trust.accepts("alice", bob)).toBe(false);
  });

  it("without a whitelist admits everybody", () => {
    expect(setUp().trust.admits("anybody", bob)).toBe(true);
  });

  it("D31: with a whitelist admits the named, with the fingerprint where one is given", () => {
    const { trust } = setUp([only("alice", fingerprint(alice)), only("carol")]);
    expect(trust.admits("alice", alice)).toBe(true);
    expect(trust.admits("alice", bob)).toBe(false);
    expect(trust.admits("carol", bob)).toBe(true);
    expect(trust.admits("mallory", alice)).toBe(false);
    expect(trust.admitsId("alice")).toBe(true);
    expect(trust.admitsId("mallory")).toBe(false);
    // Our own id needs no entry.
    expect(trust.admits("me", bob)).toBe(true);
  });

  it("names the whitelisted that anybody could still claim", () => {
    const whitelist = [only("alice", fingerprint(alice)), only("bob"), only("carol"), only("me")];
    const { trust } = setUp(whitelist, new Map([["bob", bob]]));
    expect(trust.unclaimed()).toEqual(["carol"]);
  });
});

describe("sameBytes()", () => {
  it("compares lengths and bytes", () => {
    expect(sameBytes(alice, alice.slice())).toBe(true);
    expect(sameBytes(alice, bob)).toBe(false);
    expect(sameBytes(alice, alice.subarray(1))).toBe(false);
    expect(sameBytes(new Uint8Array(), new Uint8Array())).toBe(true);
  });
});
