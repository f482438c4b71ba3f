import { describe, expect, it } from "vitest";
import { decodeBytes, encodeBytesHead } from "../../../src/wire/native-bytes.ts";
import { encodeBytes } from "../../helpers/bytes-message.ts";
import { fromHex, toHex } from "../../vectors.ts";

describe("BYTES", () => {
  it("its payload is a view", () => {
    const bytes = encodeBytes({ number: 1, payload: Uint8Array.of(1) });
    const { payload } = decodeBytes(bytes);
    bytes.fill(7);
    expect(payload).toEqual(Uint8Array.of(7));
    expect(payload.buffer).toBe(bytes.buffer);
  });

  it.each([-1, 0.5, 2 ** 53, -(2 ** 40), Number.NaN, Number.POSITIVE_INFINITY])(
    "with the number %d is never written",
    (number) => {
      expect(() => encodeBytesHead(number)).toThrow(RangeError);
    },
  );

  it.each(["0000200000000000", "ffffffffffffffff", "0000200001000000"])(
    "with the number %s, 2^53 or more, is refused",
    (hex) => {
      expect(() => decodeBytes(fromHex(hex))).toThrow("Cannot read BYTES: number too large");
    },
  );

  it("the high part of the number comes first", () => {
    expect(toHex(encodeBytesHead(2 ** 32 + 2))).toBe("0100000002000000");
  });
});
