import { expect, it } from "vitest";
import { isPingRequest, PING_REQUEST } from "../../../src/wire/ping.ts";

it("D11: a PING is one space, and nothing that flipped ciphertext could make of one", () => {
  expect(PING_REQUEST).toEqual(Uint8Array.of(0x20));
  expect(isPingRequest(PING_REQUEST)).toBe(true);
  for (const bytes of [[], [0x21], [0x00], [0x20, 0x20], [0x20, 0], [0, 0x20]])
    expect(isPingRequest(Uint8Array.from(bytes)), String(bytes)).toBe(false);
});
