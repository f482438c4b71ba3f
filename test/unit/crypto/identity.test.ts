import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { fingerprint, generateKeyPair, isFingerprint } from "../../../src/crypto/identity.ts";
import { loadSignatureEngine } from "../../../src/crypto/signatures.ts";

const engine = loadSignatureEngine();

describe("generateKeyPair()", () => {
  it("makes a private key and the public key of it", () => {
    const { privateKey, publicKey } = generateKeyPair(engine, randomBytes);
    expect(engine.isPrivateKey(privateKey)).toBe(true);
    expect(engine.isPublicKey(publicKey)).toBe(true);
    expect(engine.publicKeyOf(privateKey)).toEqual(publicKey);
  });

  it("tries again when the random bytes are no private key", () => {
    const tries = [new Uint8Array(32), new Uint8Array(32).fill(0xff), new Uint8Array(32).fill(1)];
    const { privateKey } = generateKeyPair(engine, () => tries.shift() ?? new Uint8Array(0));
    expect(privateKey).toEqual(new Uint8Array(32).fill(1));
  });

  it("gives up on a source that gives no private key", () => {
    expect(() => generateKeyPair(engine, (length) => new Uint8Array(length))).toThrow(RangeError);
  });
});

describe("fingerprint()", () => {
  it("is SHA256: and the unpadded base64 of the SHA-256 of the key", () => {
    // printf of 64 zero bytes | openssl dgst -sha256 -binary | base64
    expect(fingerprint(new Uint8Array(64))).toBe(
      "SHA256:9aX9QtFqIDAnmO9u0wmXm0MAPSMg2fDo6pgxqSdZ+0s",
    );
  });

  it("is always one that isFingerprint() takes", () => {
    for (let count = 0; count < 200; count++) {
      expect(isFingerprint(fingerprint(randomBytes(64)))).toBe(true);
    }
  });
});

describe("isFingerprint()", () => {
  const good = fingerprint(new Uint8Array(64));

  it.each([
    ["nothing", ""],
    ["lower-case sha256", good.toLowerCase()],
    ["padding", `${good}=`],
    ["a newline after it", `${good}\n`],
    ["a character too few", good.slice(0, -1)],
    ["a character too many", `${good}A`],
    ["url-safe base64", good.replace("+", "-")],
    ["a last character that no SHA-256 has", `${good.slice(0, -1)}B`],
    ["MD5 in hex", "MD5:00:11:22"],
  ])("refuses %s", (_, text) => {
    expect(isFingerprint(text)).toBe(false);
  });
});
