import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { generateKeyPair } from "../../../src/crypto/identity.ts";
import { loadSignatureEngine } from "../../../src/crypto/signatures.ts";
import { createMemoryCredentialStore } from "../../../src/storage/memory-credential-store.ts";

const engine = loadSignatureEngine();
const nodeId = "node-1";
const newPair = () => generateKeyPair(engine, randomBytes);

describe("memory credential store", () => {
  it("begins with what it is given", async () => {
    const keyPair = newPair();
    const pins = new Map([["node-2", newPair().publicKey]]);
    const store = createMemoryCredentialStore({ nodeId, engine, keyPair, pins, mark: 12.5 });
    const nothing = { natives: new Set(), skipped: [] };
    expect(await store.load()).toEqual({ keyPair, pins, mark: 12.5, created: false, ...nothing });
  });

  it("makes the same identity from the same random bytes", async () => {
    const loads = [1, 2].map(() =>
      createMemoryCredentialStore({
        nodeId,
        engine,
        randomBytes: (length) => new Uint8Array(length).fill(9),
      }).load(),
    );
    const [first, second] = await Promise.all(loads);
    expect(first?.keyPair).toEqual(second?.keyPair);
    expect(first?.created).toBe(true);
  });

  it("refuses to begin with what cannot be", () => {
    const keyPair = { ...newPair(), publicKey: newPair().publicKey };
    const make = (options: object) => () =>
      createMemoryCredentialStore({ nodeId, engine, ...options });
    const withCode = (code: string) => expect.objectContaining({ code }) as Error;
    expect(make({ nodeId: ".." })).toThrow(withCode("DSN_CONFIG"));
    expect(make({ keyPair })).toThrow(withCode("DSN_IDENTITY_UNREADABLE"));
    expect(make({ pins: new Map([[nodeId, newPair().publicKey]]) })).toThrow(
      withCode("DSN_MALFORMED"),
    );
    expect(make({ mark: Number.NaN })).toThrow(RangeError);
  });
});
