import { describe, expect, it } from "vitest";
import { deriveSessionKey, OPEN_IDENTITY } from "../../../src/crypto/session-key.ts";

describe("deriveSessionKey()", () => {
  it("derives 32 bytes and a name that do not tell the network key", () => {
    const networkKey = new Uint8Array(16).fill(7);
    const { psk, identity } = deriveSessionKey(networkKey);
    expect(psk).toHaveLength(32);
    expect(identity).toMatch(/^[0-9a-f]{32}$/);
    expect(Buffer.from(psk).includes(Buffer.from(networkKey))).toBe(false);
    expect(identity).not.toContain(Buffer.from(networkKey).toString("hex").slice(0, 8));
  });

  it("derives the same from the same key, and something else from another", () => {
    const [one, two] = [1, 2].map((fill) => new Uint8Array(16).fill(fill));
    expect(deriveSessionKey(one)).toEqual(deriveSessionKey(one));
    expect(deriveSessionKey(one).psk).not.toEqual(deriveSessionKey(two).psk);
    expect(deriveSessionKey(one).identity).not.toBe(deriveSessionKey(two).identity);
  });

  it("never calls a network with a key open, not even one of zeros", () => {
    expect(deriveSessionKey(undefined).identity).toBe(OPEN_IDENTITY);
    expect(deriveSessionKey(new Uint8Array(16)).identity).not.toBe(OPEN_IDENTITY);
  });
});
