import { describe, expect, it } from "vitest";
import { createRandomPool } from "../../../src/crypto/random-pool.ts";

/** A source whose bytes can be told apart: the n-th 4 bytes it ever gives are n. */
function countingSource() {
  let next = 0;
  const asked: number[] = [];
  const source = (length: number) => {
    asked.push(length);
    const bytes = Buffer.alloc(length);
    for (let offset = 0; offset + 4 <= length; offset += 4) bytes.writeUInt32LE(next++, offset);
    return bytes;
  };
  return { source, asked };
}

describe("createRandomPool()", () => {
  it("hands out no byte twice, across refills and whatever lengths are asked", () => {
    const pool = createRandomPool(countingSource().source);
    const seen: number[] = [];
    for (let round = 0; round < 50; round++) {
      for (const length of [16, 32, 4, 5000, 4096]) {
        const bytes = Buffer.from(pool(length));
        expect(bytes).toHaveLength(length);
        for (let offset = 0; offset < length; offset += 4) seen.push(bytes.readUInt32LE(offset));
      }
    }
    expect(new Set(seen).size).toBe(seen.length);
  });

  it("asks its source once for 256 IVs", () => {
    const { source, asked } = countingSource();
    const pool = createRandomPool(source);
    for (let count = 0; count < 256; count++) pool(16);
    expect(asked).toEqual([4096]);
    pool(16);
    expect(asked).toEqual([4096, 4096]);
  });

  it("gives bytes that can be written to without reaching the next ones", () => {
    const pool = createRandomPool((length) => new Uint8Array(length));
    new Uint8Array(pool(16).buffer).fill(0xff);
    expect(pool(16)).toEqual(new Uint8Array(16));
  });

  it("refuses a source that falls short", () => {
    const pool = createRandomPool(() => new Uint8Array(8));
    expect(() => pool(16)).toThrow(RangeError);
    expect(() => pool(5000)).toThrow(RangeError);
  });
});
