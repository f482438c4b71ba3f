import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteReader } from "../../../src/bytes/reader.ts";
import { ByteWriter } from "../../../src/bytes/writer.ts";
import { MalformedError } from "../../../src/errors.ts";
import { codePoint } from "../../helpers/code-point.ts";
import { fromHex, loadVectors, toHex } from "../../vectors.ts";

const reader = (hex: string) => new ByteReader(fromHex(hex));

describe("ByteReader", () => {
  it("uint32() is little-endian, up to 4294967295", () => {
    expect(reader("01020304").uint32()).toBe(0x04030201);
    expect(reader("ffffffff").uint32()).toBe(4_294_967_295);
  });

  it("float64() is big-endian", () => {
    expect(reader("3ff8000000000000").float64()).toBe(1.5);
  });

  it("bytes() takes a length and that many, and moves on", () => {
    const bytes = reader("02000000aabbcc");
    expect(toHex(bytes.bytes())).toBe("aabb");
    expect(bytes.offset).toBe(6);
    expect(bytes.remaining).toBe(1);
    expect(toHex(bytes.rest())).toBe("cc");
    expect(toHex(bytes.rest())).toBe("");
  });

  it("bytes() is a view, plain even of a Buffer, whose slice() copies", () => {
    const source = Buffer.from("02000000aabb", "hex");
    const view = new ByteReader(source).bytes();
    const copy = view.slice();
    source[4] = 0;
    expect(toHex(view)).toBe("00bb");
    expect(toHex(copy)).toBe("aabb");
  });

  it("reads within a part of a larger buffer", () => {
    const part = fromHex("ffff0100000061ffff").subarray(2, 7);
    expect(new ByteReader(part).string()).toBe("a");
    expect(() => new ByteReader(part.subarray(0, 4)).string()).toThrow(MalformedError);
  });

  it("string() keeps a byte order mark and does not normalise", () => {
    expect(reader("06000000efbbbf65cc81").string()).toBe("\ufeffe\u0301");
  });

  it.each([
    ["a stray byte", "01000000ff"],
    ["a cut character", "02000000e298"],
    ["an overlong form", "02000000c080"],
    ["half of a surrogate pair", "03000000eda080"],
    ["beyond U+10FFFF", "04000000f4908080"],
  ])("string() refuses UTF-8 with %s", (_, hex) => {
    expect(() => reader(hex).string()).toThrow("Cannot read a string at byte 0: not UTF-8");
  });

  it("every read past the end says what, where, and how many remain", () => {
    expect(() => reader("000000").uint32()).toThrow(
      "Cannot read a uint32 at byte 0: takes 4 bytes, 3 remain",
    );
    expect(() => reader("00000000000000").float64()).toThrow(
      "Cannot read a float64 at byte 0: takes 8 bytes, 7 remain",
    );
    expect(() => reader("ffffffff6162").bytes()).toThrow(
      "Cannot read bytes at byte 4: takes 4294967295 bytes, 2 remain",
    );
    expect(() => reader("0300000061").string()).toThrow(
      "Cannot read a string at byte 4: takes 3 bytes, 1 remain",
    );
    expect(() => reader("61").raw(2)).toThrow(MalformedError);
  });

  it("span() gives what was read, and nothing beyond", () => {
    const bytes = reader("0102030405060708");
    bytes.raw(6);
    expect(toHex(bytes.span(2))).toBe("03040506");
    expect(toHex(bytes.span(0, 2))).toBe("0102");
    expect(toHex(bytes.span(4, 8))).toBe("0506");
  });

  it("reads back what ByteWriter wrote", () => {
    const text = fc.string({ unit: codePoint });
    const wide = fc.uint8Array({ maxLength: 600 });
    const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
    fc.assert(
      fc.property(text, wide, uint32, fc.double(), wide, (string, bytes, integer, float, raw) => {
        const written = new ByteWriter(0)
          .string(string)
          .bytes(bytes)
          .uint32(integer)
          .float64(float)
          .raw(raw)
          .finish();
        const back = new ByteReader(written);
        expect(back.string()).toBe(string);
        expect(back.bytes()).toEqual(bytes);
        expect(back.uint32()).toBe(integer);
        expect(back.float64()).toBe(float);
        expect(back.rest()).toEqual(raw);
      }),
    );
  });
});

describe("doubles, reference bytes", () => {
  it.each(loadVectors<{ value: string; bytes: string }>("doubles"))("$value, $bytes", (vector) => {
    const value = Number(vector.value.replace("inf", "Infinity"));
    expect(reader(vector.bytes).float64()).toBe(value);
    const written = new ByteWriter().float64(reader(vector.bytes).float64()).finish();
    // An engine may change which NaN it is; what was received stays available as raw bytes.
    if (Number.isNaN(value)) expect(new ByteReader(written).float64()).toBeNaN();
    else expect(toHex(written)).toBe(vector.bytes);
    const raw = new ByteWriter().raw(reader(vector.bytes).raw(8)).finish();
    expect(toHex(raw)).toBe(vector.bytes);
  });
});
