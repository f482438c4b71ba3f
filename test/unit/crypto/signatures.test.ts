import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadLibsecp256k1Engine } from "../../../src/crypto/libsecp256k1-engine.ts";
import { createOpensslEngine } from "../../../src/crypto/openssl-engine.ts";
import {
  loadSignatureEngine,
  type SignatureEngine,
  type SignatureScheme,
} from "../../../src/crypto/signatures.ts";
import { fromHex, loadVectors, toHex } from "../../vectors.ts";

interface KeyVector {
  readonly name: string;
  readonly private: string;
  readonly public_raw64: string;
  readonly public_compressed33: string;
  readonly public_uncompressed65: string;
  readonly public_hybrid65: string;
}

interface SignatureVector {
  readonly name: string;
  readonly public: string;
  readonly message: string | null;
  readonly message_repeat: readonly [string, number] | null;
  readonly signature: string;
  readonly reference_verify: boolean | string;
}

const keyVectors = loadVectors<KeyVector>("keys");
const signatureVectors = loadVectors<SignatureVector>("signatures");

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const PRIME = 2n ** 256n - 2n ** 32n - 977n;
const scalar = (value: bigint) => fromHex(value.toString(16).padStart(64, "0"));

const native = loadLibsecp256k1Engine();
if (native === undefined) throw new Error("these tests need the addon of the package secp256k1");
const engines: readonly SignatureEngine[] = [native, createOpensslEngine()];
const schemes: readonly SignatureScheme[] = ["python", "native"];
const pairs = engines.flatMap((signer) => engines.map((verifier) => ({ signer, verifier })));

/** The other signature that verifies alike: (r, n − s). */
function negated(signature: Uint8Array): Uint8Array {
  const s = BigInt(`0x${toHex(signature.subarray(32))}`);
  return Uint8Array.of(...signature.subarray(0, 32), ...scalar(ORDER - s));
}

describe.each(engines)("$name, against the reference", (engine) => {
  it.each(keyVectors)("derives the public key of $name", (vector) => {
    expect(toHex(engine.publicKeyOf(fromHex(vector.private)))).toBe(vector.public_raw64);
    expect(engine.isPrivateKey(fromHex(vector.private))).toBe(true);
    expect(engine.isPublicKey(fromHex(vector.public_raw64))).toBe(true);
  });

  it.each(keyVectors)("verifies with every encoding of the key of $name", (vector) => {
    const message = Buffer.from("message");
    const signature = engine.sign(fromHex(vector.private), "python", message, randomBytes(32));
    const encodings = [
      vector.public_raw64,
      vector.public_compressed33,
      vector.public_uncompressed65,
      vector.public_hybrid65,
    ];
    for (const key of encodings) {
      expect(engine.verify(fromHex(key), "python", message, signature)).toBe(true);
    }
  });

  it.each(signatureVectors)("$name", (vector) => {
    const [byte, count] = vector.message_repeat ?? ["", 0];
    const message = fromHex(vector.message ?? byte.repeat(count));
    const signature = fromHex(vector.signature);
    // Where the reference raises MalformedPointError, there is nothing to verify with: false.
    const expected = vector.reference_verify === true;
    expect(engine.verify(fromHex(vector.public), "python", message, signature)).toBe(expected);
  });
});

describe.each(pairs)("signed by $signer.name, verified by $verifier.name", (pair) => {
  const { signer, verifier } = pair;
  const privateKey = fromHex("22".repeat(32));
  const publicKey = signer.publicKeyOf(privateKey);

  it.each(schemes)("verifies, in the scheme %s", (scheme) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (message) => {
        const signature = signer.sign(privateKey, scheme, message, randomBytes(32));
        expect(signature).toHaveLength(64);
        expect(verifier.verify(publicKey, scheme, message, signature)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it.each(schemes)("verifies with s negated, high or low, in the scheme %s", (scheme) => {
    const message = Buffer.from("state");
    for (let count = 0; count < 10; count++) {
      const signature = signer.sign(privateKey, scheme, message, randomBytes(32));
      expect(verifier.verify(publicKey, scheme, message, negated(signature))).toBe(true);
    }
  });

  it("does not verify in the other scheme", () => {
    const message = Buffer.from("state");
    for (const scheme of schemes) {
      const other = scheme === "python" ? "native" : "python";
      const signature = signer.sign(privateKey, scheme, message, randomBytes(32));
      expect(verifier.verify(publicKey, other, message, signature)).toBe(false);
    }
  });

  it("never verifies with a bit changed in message, signature or key", () => {
    const message = Buffer.from("the state of node-1");
    const signature = signer.sign(privateKey, "python", message, randomBytes(32));
    const parts = { message: Uint8Array.from(message), signature, publicKey };
    const part = fc.constantFrom("message" as const, "signature" as const, "publicKey" as const);
    fc.assert(
      fc.property(part, fc.nat(), fc.integer({ min: 0, max: 7 }), (name, position, bit) => {
        const tampered = Uint8Array.from(parts[name]);
        const index = position % tampered.length;
        tampered[index] = (tampered[index] ?? 0) ^ (1 << bit);
        const all = { ...parts, [name]: tampered };
        expect(verifier.verify(all.publicKey, "python", all.message, all.signature)).toBe(false);
      }),
      { numRuns: 200 },
    );
  });
});

describe.each(engines)("$name", (engine) => {
  const privateKey = fromHex("11".repeat(32));
  const publicKey = engine.publicKeyOf(privateKey);
  const message = Buffer.from("message");
  const signature = engine.sign(privateKey, "python", message, randomBytes(32));

  it("signs one message differently with different entropy", () => {
    for (const scheme of schemes) {
      const made = Array.from({ length: 50 }, () =>
        engine.sign(privateKey, scheme, message, randomBytes(32)),
      );
      const differentR = new Set(made.map((each) => toHex(each.subarray(0, 32))));
      expect(differentR.size).toBe(50);
    }
  });

  it("refuses signatures of every other length", () => {
    for (let length = 0; length <= 140; length++) {
      if (length === 64) continue;
      const bytes = new Uint8Array(length);
      bytes.set(signature.subarray(0, length));
      expect(engine.verify(publicKey, "python", message, bytes)).toBe(false);
    }
  });

  it("refuses public keys of every other length", () => {
    for (let length = 0; length <= 140; length++) {
      if (length === 64) continue;
      for (const prefix of [0, 2, 3, 4, 6, 7]) {
        const bytes = new Uint8Array(length);
        bytes.set(publicKey.subarray(0, length));
        if (length > 0) bytes[0] = prefix;
        expect(engine.isPublicKey(bytes)).toBe(false);
        // 33 and 65 may be points; they are not the point that signed.
        expect(engine.verify(bytes, "python", message, signature)).toBe(false);
      }
    }
  });

  it("refuses encodings of its key that are not quite right", () => {
    const [x, y] = [publicKey.subarray(0, 32), publicKey.subarray(32)];
    const odd = (y.at(-1) ?? 0) & 1;
    const good = [
      [2 + odd, ...x],
      [4, ...x, ...y],
      [6 + odd, ...x, ...y],
    ];
    const wrong = [
      [3 - odd, ...x],
      [7 - odd, ...x, ...y],
      [2 + odd, ...x, ...y],
      [4, ...x],
      [0, ...x, ...y],
      [5, ...x, ...y],
      [0, ...x],
      [...y, ...x],
    ];
    for (const bytes of good) {
      expect(engine.verify(Uint8Array.from(bytes), "python", message, signature)).toBe(true);
    }
    for (const bytes of wrong) {
      expect(engine.verify(Uint8Array.from(bytes), "python", message, signature)).toBe(false);
    }
  });

  it("takes for a public key exactly 64 bytes that are a point on the curve", () => {
    const [x, y] = [publicKey.subarray(0, 32), publicKey.subarray(32)];
    expect(engine.isPublicKey(publicKey)).toBe(true);
    expect(engine.isPublicKey(Uint8Array.of(2, ...x))).toBe(false);
    expect(engine.isPublicKey(Uint8Array.of(4, ...x, ...y))).toBe(false);
    expect(engine.isPublicKey(new Uint8Array(64))).toBe(false);
    expect(engine.isPublicKey(new Uint8Array(64).fill(0xff))).toBe(false);
    expect(engine.isPublicKey(Uint8Array.of(...y, ...x))).toBe(false);
  });

  it("refuses a coordinate above the prime, though it is a point modulo the prime", () => {
    // x = 1 is on the curve; x = 1 + p fits 32 bytes and means the same.
    const y = 0x4218f20ae6c646b363db68605822fb14264ca8d2587fdd6fbc750d587e76a7een;
    expect(engine.isPublicKey(Uint8Array.of(...scalar(1n), ...scalar(y)))).toBe(true);
    expect(engine.isPublicKey(Uint8Array.of(...scalar(PRIME + 1n), ...scalar(y)))).toBe(false);
    const compressed = Uint8Array.of(2, ...scalar(PRIME + 1n));
    expect(engine.verify(compressed, "python", message, signature)).toBe(false);
  });

  it("takes for a private key the scalars 1 to n − 1", () => {
    for (const good of [1n, 2n, ORDER - 1n]) expect(engine.isPrivateKey(scalar(good))).toBe(true);
    for (const bad of [0n, ORDER, ORDER + 1n, 2n ** 256n - 1n]) {
      expect(engine.isPrivateKey(scalar(bad))).toBe(false);
    }
    for (const length of [0, 31, 33, 64]) {
      expect(engine.isPrivateKey(new Uint8Array(length).fill(1))).toBe(false);
    }
  });

  it("refuses r and s of 0, n and more, in each place", () => {
    for (const bad of [0n, ORDER, ORDER + 1n, 2n ** 256n - 1n]) {
      const [r, s] = [signature.subarray(0, 32), signature.subarray(32)];
      for (const bytes of [
        [...scalar(bad), ...s],
        [...r, ...scalar(bad)],
        [...scalar(bad), ...scalar(bad)],
      ]) {
        expect(engine.verify(publicKey, "python", message, Uint8Array.from(bytes))).toBe(false);
      }
    }
  });

  it("never throws in verify(), whatever the bytes", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.uint8Array({ minLength: 64, maxLength: 64 }),
      fc.uint8Array({ minLength: 65, maxLength: 65 }),
    );
    fc.assert(
      fc.property(bytes, bytes, bytes, (anyKey, anyMessage, anySignature) => {
        expect(engine.verify(anyKey, "python", anyMessage, anySignature)).toBe(false);
        expect(engine.verify(publicKey, "native", anyMessage, anySignature)).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it("throws for a private key or entropy that is none, and does not show it", () => {
    const entropy = randomBytes(32);
    for (const bad of [new Uint8Array(32), new Uint8Array(31).fill(0xab), scalar(ORDER)]) {
      expect(() => engine.sign(bad, "python", message, entropy)).toThrow(RangeError);
      expect(() => engine.publicKeyOf(bad)).toThrow(RangeError);
    }
    for (const length of [0, 31, 33]) {
      const short = new Uint8Array(length);
      expect(() => engine.sign(privateKey, "python", message, short)).toThrow(RangeError);
    }
  });

  it("leaves its inputs as they are, also when they are views or Buffers", () => {
    const around = Buffer.concat([Buffer.alloc(7, 0xee), negated(signature), Buffer.alloc(7)]);
    const before = toHex(around);
    const view = around.subarray(7, 71);
    expect(engine.verify(Buffer.from(publicKey), "python", message, view)).toBe(true);
    expect(toHex(around)).toBe(before);
  });

  it("still knows each key when far more keys than it keeps were used", () => {
    const made = Array.from({ length: 1100 }, (_, index) => scalar(BigInt(index + 1)));
    const keys = made.map((each) => engine.publicKeyOf(each));
    for (const key of keys) expect(engine.verify(key, "python", message, signature)).toBe(false);
    const first = engine.sign(scalar(1n), "python", message, randomBytes(32));
    const [key] = keys;
    expect(key && engine.verify(key, "python", message, first)).toBe(true);
  });
});

describe("loadSignatureEngine()", () => {
  it("gives libsecp256k1 where its binary loads", () => {
    expect(loadSignatureEngine().name).toBe("libsecp256k1");
  });

  it("gives OpenSSL where it does not", () => {
    const fails = () =>
      loadLibsecp256k1Engine(() => {
        throw new Error("No native build was found");
      });
    expect(fails()).toBeUndefined();
    expect(loadSignatureEngine(fails).name).toBe("openssl");
  });

  it("gives OpenSSL where the binary loads but does not run", () => {
    expect(loadLibsecp256k1Engine(() => ({}))).toBeUndefined();
  });

  it("never loads the curve written in JavaScript", () => {
    loadSignatureEngine();
    const loaded = Object.keys(createRequire(import.meta.url).cache);
    expect(loaded.filter((path) => path.includes("secp256k1"))).not.toEqual([]);
    expect(loaded.filter((path) => path.includes("elliptic"))).toEqual([]);
  });
});
