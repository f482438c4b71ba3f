import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteWriter } from "../../../src/bytes/writer.ts";
import { codePoint } from "../../helpers/code-point.ts";
import { toHex } from "../../vectors.ts";

describe("ByteWriter", () => {
  it("calls chain, and finish() gives exactly what was written", () => {
    const bytes = new ByteWriter().string("é").uint32(258).bytes(Uint8Array.of(7)).finish();
    expect(toHex(bytes)).toBe("02000000c3a9020100000100000007");
  });

  it.each([-1, 4_294_967_296, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    "uint32(%d) throws RangeError",
    (value) => {
      expect(() => new ByteWriter().uint32(value)).toThrow(RangeError);
    },
  );

  it.each([
    ["\ud83d", 0],
    ["ab\udc00", 2],
    ["\ud83d\ude00\ude00", 2],
  ])("string() refuses half of a surrogate pair rather than write U+FFFD", (text, index) => {
    expect(() => new ByteWriter().string(text)).toThrow(
      new RangeError(`Cannot write string: half of a surrogate pair at index ${index}`),
    );
  });

  it("string() writes what TextEncoder writes, whatever the mix and the room left", () => {
    const text = fc.string({ unit: codePoint, maxLength: 300 });
    fc.assert(
      fc.property(text, fc.nat(20), (value, capacity) => {
        const written = new ByteWriter(capacity).string(value).finish();
        expect(written.subarray(4)).toEqual(new TextEncoder().encode(value));
        expect(new DataView(written.buffer).getUint32(0, true)).toBe(written.length - 4);
      }),
    );
  });

  it("grows through many writes without losing any", () => {
    const writer = new ByteWriter(1);
    for (let value = 0; value < 100_000; value++) writer.uint32(value);
    const words = new Uint32Array(writer.finish().slice().buffer);
    expect(words.length).toBe(100_000);
    expect(words.every((word, index) => word === index)).toBe(true);
  });

  it("does not double a large buffer for a few bytes more", () => {
    const payload = new Uint8Array(32 * 1024 * 1024);
    const bytes = new ByteWriter().bytes(payload).uint32(1).finish();
    expect(bytes.buffer.byteLength).toBeLessThan(payload.length + 2 * 1024 * 1024);
  });
});
