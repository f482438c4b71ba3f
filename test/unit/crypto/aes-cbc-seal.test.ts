import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createAesCbcSeal,
  createPlainSeal,
  SEAL_AT_ONCE_BYTES_MAX,
} from "../../../src/crypto/aes-cbc-seal.ts";
import { DsnError } from "../../../src/errors.ts";
import { fromHex, toHex } from "../../vectors.ts";

interface AesVectors {
  readonly key: string;
  readonly iv: string;
  readonly encrypt: readonly { readonly plaintext: string; readonly envelope: string }[];
  readonly decrypt_error: readonly { readonly name: string; readonly envelope: string }[];
}

const vectors = JSON.parse(
  readFileSync(new URL("../../vectors/aes.json", import.meta.url), "utf8"),
) as AesVectors;

const key = fromHex(vectors.key);
/** Random bytes that are the IV of the vectors, over and over. */
const vectorIv = (length: number) => {
  const iv = fromHex(vectors.iv);
  return Uint8Array.from({ length }, (_, index) => iv[index % iv.length] ?? 0);
};

describe("AES-CBC seal, bytes of the reference", () => {
  const seal = createAesCbcSeal(key, vectorIv);

  it.each(vectors.encrypt)("seals $plaintext as the reference does", async (vector) => {
    expect(toHex(await seal.seal(fromHex(vector.plaintext)))).toBe(vector.envelope);
  });

  it.each(vectors.encrypt)("opens what the reference sealed: $plaintext", async (vector) => {
    const opened = await seal.open(fromHex(vector.envelope));
    expect(opened && toHex(opened)).toBe(vector.plaintext);
  });

  it.each(vectors.decrypt_error)("does not open, like the reference: $name", async (vector) => {
    expect(await seal.open(fromHex(vector.envelope))).toBeUndefined();
  });
});

describe("AES-CBC seal", () => {
  const seal = createAesCbcSeal(key);

  it("is secret", () => {
    expect(seal.secret).toBe(true);
  });

  it("refuses a key that is not 16 bytes", () => {
    for (const length of [0, 15, 17, 24, 32]) {
      expect(() => createAesCbcSeal(new Uint8Array(length))).toThrow(DsnError);
    }
  });

  it("keeps its own copy of the key", async () => {
    const given = Uint8Array.from(key);
    const copying = createAesCbcSeal(given, vectorIv);
    given.fill(0);
    const [vector] = vectors.encrypt;
    expect(toHex(await copying.seal(fromHex(vector?.plaintext ?? "")))).toBe(vector?.envelope);
  });

  it("works at once up to 256 KiB and on the thread pool above", async () => {
    const small = new Uint8Array(SEAL_AT_ONCE_BYTES_MAX);
    const large = new Uint8Array(SEAL_AT_ONCE_BYTES_MAX + 1);
    expect(seal.seal(small)).toBeInstanceOf(Uint8Array);
    const sealing = seal.seal(large);
    expect(sealing).toBeInstanceOf(Promise);
    const opening = seal.open(await sealing);
    expect(opening).toBeInstanceOf(Promise);
    expect(await opening).toHaveLength(large.length);
  });

  it("makes the same bytes at once and on the thread pool", async () => {
    const fixed = createAesCbcSeal(key, vectorIv);
    const large = new Uint8Array(SEAL_AT_ONCE_BYTES_MAX + 16).fill(7);
    const small = large.subarray(0, SEAL_AT_ONCE_BYTES_MAX);
    const [fromPool, atOnce] = [await fixed.seal(large), await fixed.seal(small)];
    // CBC: equal beginnings under an equal IV, up to the padding, which is the last block.
    expect(Buffer.compare(fromPool.subarray(0, 16 + small.length), atOnce.subarray(0, -16))).toBe(
      0,
    );
  });

  it.each([0, 1, 15, 16, 17, 1000, SEAL_AT_ONCE_BYTES_MAX - 1, SEAL_AT_ONCE_BYTES_MAX])(
    "opens what it sealed: %i bytes and one more",
    async (length) => {
      for (const size of [length, length + 1]) {
        const plaintext = Uint8Array.from({ length: size }, (_, index) => index % 251);
        const opened = await seal.open(await seal.seal(plaintext));
        expect(opened && Buffer.compare(opened, plaintext)).toBe(0);
      }
    },
  );

  it("opens any message it sealed", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 500 }), async (plaintext) => {
        expect(await seal.open(await seal.seal(plaintext))).toEqual(plaintext);
      }),
    );
  });

  it("never throws on arbitrary bytes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        const opened = await seal.open(bytes);
        expect(opened === undefined || opened.length < bytes.length).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it("does not open large bytes that are cut, of another key, or nonsense", async () => {
    const large = await seal.seal(new Uint8Array(SEAL_AT_ONCE_BYTES_MAX + 100));
    const other = createAesCbcSeal(fromHex("ff".repeat(16)));
    const damaged = Uint8Array.from(large);
    damaged.set([(damaged.at(-17) ?? 0) ^ 0xff], damaged.length - 17);
    expect(await seal.open(large.subarray(0, -1))).toBeUndefined();
    expect(await seal.open(damaged)).toBeUndefined();
    // A wrong key gives good padding once in 256 times. Three times in a row it does not.
    const opened: unknown[] = [];
    for (let count = 0; count < 3; count++) {
      const sealed = await seal.seal(new Uint8Array(SEAL_AT_ONCE_BYTES_MAX + 100));
      opened.push(await other.open(sealed));
    }
    expect(opened).toContain(undefined);
  });

  it("uses each IV once", async () => {
    const ivs = new Set<string>();
    for (let count = 0; count < 2000; count++) {
      ivs.add(toHex((await seal.seal(new Uint8Array(1))).subarray(0, 16)));
    }
    expect(ivs.size).toBe(2000);
  });

  it("gives bytes that share no memory with anything else", async () => {
    const sealed = await seal.seal(new Uint8Array(5));
    const opened = await seal.open(sealed);
    expect(sealed.buffer.byteLength).toBe(sealed.length);
    expect(opened?.buffer.byteLength).toBe(5);
  });
});

describe("plain seal", () => {
  it("changes nothing and hides nothing", async () => {
    const seal = createPlainSeal();
    const bytes = Uint8Array.of(1, 2, 3);
    expect(seal.secret).toBe(false);
    expect(await seal.seal(bytes)).toEqual(bytes);
    expect(await seal.open(bytes)).toEqual(bytes);
    expect(await seal.open(new Uint8Array(0))).toEqual(new Uint8Array(0));
  });
});
