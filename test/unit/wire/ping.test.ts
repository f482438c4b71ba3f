import fc from "fast-check";
import { expect, it } from "vitest";
import { decodeBusy, encodeBusy, isPingRequest, PING_REQUEST } from "../../../src/wire/ping.ts";
import { fromHex, loadNativeVectors, toHex } from "../../vectors.ts";

it("D11: a PING is one space, and nothing that flipped ciphertext could make of one", () => {
  expect(PING_REQUEST).toEqual(Uint8Array.of(0x20));
  expect(isPingRequest(PING_REQUEST)).toBe(true);
  for (const bytes of [[], [0x21], [0x00], [0x20, 0x20], [0x20, 0], [0, 0x20]])
    expect(isPingRequest(Uint8Array.from(bytes)), String(bytes)).toBe(false);
});

it("the answer of a busy node says for how long, as its vectors do", () => {
  const vectors = loadNativeVectors<{ name: string; ms: number; bytes: string }>("busy");
  expect(vectors.length).toBeGreaterThan(3);
  for (const { name, ms, bytes } of vectors) {
    expect(toHex(encodeBusy(ms)), name).toBe(bytes);
    expect(decodeBusy(fromHex(`${bytes}ff00`)), name).toBe(ms);
  }
  expect([-1, 0.9, 1.9, 2 ** 32, Infinity].map((ms) => decodeBusy(encodeBusy(ms)))).toEqual([
    0,
    0,
    1,
    2 ** 32 - 1,
    2 ** 32 - 1,
  ]);
});

it("an answer of fewer than four bytes says that the node is not busy", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3 }), (bytes) => decodeBusy(bytes) === undefined),
  );
});
