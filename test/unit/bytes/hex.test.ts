import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromHex, toHex } from "../../../src/bytes/hex.ts";

describe("hex", () => {
  it("toHex() writes lower case, and fromHex() reads it back in either case", () => {
    expect(toHex(Uint8Array.of(0, 10, 255))).toBe("000aff");
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(fromHex(toHex(bytes))).toEqual(bytes);
        expect(fromHex(toHex(bytes).toUpperCase())).toEqual(bytes);
      }),
    );
  });

  it.each(["0", "0x", "0g", " 00", "00 ", "0 0 ", "+1", "-1", "1.", "٠١"])(
    "fromHex(%j) throws RangeError",
    (text) => {
      expect(() => fromHex(text)).toThrow(RangeError);
    },
  );

  it("fromHex() never quotes its input, which may be a key", () => {
    expect(() => fromHex("00112233445566778899aabbccddeefz")).toThrow(
      new RangeError("Cannot read hex: no hex digit at index 31"),
    );
  });
});
