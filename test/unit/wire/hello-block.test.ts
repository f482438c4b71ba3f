import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteWriter } from "../../../src/bytes/writer.ts";
import { MalformedError } from "../../../src/errors.ts";
import { decodeHello, encodeHello } from "../../../src/wire/hello.ts";
import {
  blockSignedPart,
  decodeHelloBlock,
  encodeBlockBody,
  encodeHelloBlock,
  type HelloBlock,
  markNative,
  NATIVE_MARK,
  stripNativeMark,
} from "../../../src/wire/hello-block.ts";
import { codePoint } from "../../helpers/code-point.ts";
import { expectOnlyMalformed, expectTruncationsRefused, toHex } from "../../vectors.ts";

const signature = new Uint8Array(64).fill(0x55);

const block: HelloBlock = {
  nonce: new Uint8Array(16).fill(1),
  answered: new Uint8Array(16).fill(2),
  incarnation: new Uint8Array(16).fill(3),
  issued: 1.5,
  versionMin: 1,
  versionMax: 2,
  features: ["relay"],
  addresses: [{ address: "::1", port: 80 }],
};

const nonce = fc.uint8Array({ minLength: 16, maxLength: 16 });
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const anyBlock: fc.Arbitrary<HelloBlock> = fc
  .record({
    nonce,
    answered: fc.option(nonce, { nil: undefined }),
    incarnation: nonce,
    issued: fc.double({ min: 0, noDefaultInfinity: true, noNaN: true }),
    versions: fc.tuple(uint32, uint32),
    features: fc.array(fc.string({ unit: codePoint, maxLength: 16 }), { maxLength: 32 }),
    addresses: fc.array(fc.record({ address: fc.string({ unit: codePoint }), port: uint32 }), {
      maxLength: 16,
    }),
  })
  .map(({ versions, ...rest }) => {
    return { ...rest, versionMin: Math.min(...versions), versionMax: Math.max(...versions) };
  });

describe("HELLO block", () => {
  it("has this layout, which is the wire", () => {
    const body = [
      "01".repeat(16),
      `10000000${"02".repeat(16)}`,
      "03".repeat(16),
      "3ff8000000000000",
      "01000000",
      "02000000",
      "01000000",
      "0500000072656c6179",
      "01000000",
      "0b000000030000003a3a3150000000",
    ].join("");
    expect(toHex(encodeBlockBody(block))).toBe(body);
    expect(toHex(encodeHelloBlock(encodeBlockBody(block), signature))).toBe(
      `64736e0164000000${body}40000000${"55".repeat(64)}`,
    );
    expect(body.length / 2).toBe(0x64);
  });

  it("is read back as it was written, with what trails it ignored", () => {
    fc.assert(
      fc.property(anyBlock, fc.uint8Array(), (any, trailing) => {
        const body = encodeBlockBody(any);
        const bytes = Uint8Array.of(...encodeHelloBlock(body, signature), ...trailing);
        expect(decodeHelloBlock(bytes)).toEqual({ block: any, body, signature });
      }),
    );
  });

  it("is refused at every truncation once its magic is there", () => {
    const bytes = encodeHelloBlock(encodeBlockBody(block), signature);
    expectTruncationsRefused(bytes, decodeHelloBlock, [0, 1, 2, 3]);
  });

  it("is refused when its body is cut anywhere", () => {
    expectTruncationsRefused(encodeBlockBody(block), (cut) =>
      decodeHelloBlock(encodeHelloBlock(cut, signature)),
    );
  });

  it.each(["", "64", "64736e", "64736e00", "64736e02", "eeeeeeee", "0064736e01"])(
    "is absent after %j",
    (hex) => {
      expect(decodeHelloBlock(Buffer.from(hex, "hex"))).toBeUndefined();
    },
  );

  it("what a newer version appends to the body is ignored, yet stays in it", () => {
    const body = Uint8Array.of(...encodeBlockBody(block), 9, 9, 9);
    const decoded = decodeHelloBlock(encodeHelloBlock(body, signature));
    expect(decoded?.block).toEqual(block);
    expect(decoded?.body).toEqual(body);
  });

  it.each<[string, Partial<HelloBlock>]>([
    ["a short nonce", { nonce: new Uint8Array(15) }],
    ["a short nonce answered", { answered: new Uint8Array(8) }],
    ["an empty nonce answered", { answered: new Uint8Array() }],
    ["a long incarnation", { incarnation: new Uint8Array(17) }],
    ["NaN as its time", { issued: Number.NaN }],
    ["an infinite time", { issued: Number.POSITIVE_INFINITY }],
    ["a negative time", { issued: -1 }],
    ["versions the wrong way round", { versionMin: 2, versionMax: 1 }],
    ["33 features", { features: Array.from({ length: 33 }, String) }],
    ["a feature of 66 bytes", { features: ["é".repeat(33)] }],
    ["17 addresses", { addresses: Array.from({ length: 17 }, () => ({ address: "a", port: 1 })) }],
  ])("with %s is never written", (_, change) => {
    expect(() => encodeBlockBody({ ...block, ...change })).toThrow(RangeError);
  });

  it("with as much in each list as may be is written and read", () => {
    const full = {
      ...block,
      features: [...Array.from({ length: 31 }, String), "x".repeat(64)],
      addresses: Array.from({ length: 16 }, () => ({ address: "a", port: 1 })),
      versionMin: 2,
      versionMax: 2,
      issued: 0,
    };
    expect(decodeHelloBlock(encodeHelloBlock(encodeBlockBody(full), signature))?.block).toEqual(
      full,
    );
  });

  it.each<[string, (writer: ByteWriter) => ByteWriter]>([
    ["an infinite time", (writer) => writer.float64(Number.POSITIVE_INFINITY).uint32(1).uint32(2)],
    ["NaN as its time", (writer) => writer.float64(Number.NaN).uint32(1).uint32(2)],
    ["a negative time", (writer) => writer.float64(-1).uint32(1).uint32(2)],
    ["versions the wrong way round", (writer) => writer.float64(1).uint32(2).uint32(1)],
  ])("with %s is refused", (_, middle) => {
    const start = new ByteWriter().raw(block.nonce).bytes(block.nonce).raw(block.incarnation);
    const body = middle(start).uint32(0).uint32(0).finish();
    expect(() => decodeHelloBlock(encodeHelloBlock(body, signature))).toThrow(MalformedError);
  });

  it.each([
    [33, 0],
    [0xffff_ffff, 0],
    [0, 17],
    [0, 0xffff_ffff],
  ])("with counts of %i features and %i addresses is refused before they are read", (...counts) => {
    const head = encodeBlockBody({ ...block, features: [], addresses: [] }).subarray(0, -8);
    const body = new ByteWriter().raw(head).uint32(counts[0]).uint32(counts[1]);
    const bytes = encodeHelloBlock(body.raw(new Uint8Array(10_000)).finish(), signature);
    expect(() => decodeHelloBlock(bytes)).toThrow(/a list of \d+, at most/);
  });

  it("with a feature of 65 bytes or a nonce answered of 8 is refused", () => {
    const head = encodeBlockBody({ ...block, features: [], addresses: [] }).subarray(0, -8);
    const long = new ByteWriter().raw(head).uint32(1).string("x".repeat(65)).uint32(0).finish();
    expect(() => decodeHelloBlock(encodeHelloBlock(long, signature))).toThrow(MalformedError);
    const short = new ByteWriter()
      .raw(block.nonce)
      .bytes(new Uint8Array(8))
      .raw(head.subarray(36))
      .uint32(0)
      .uint32(0)
      .finish();
    expect(() => decodeHelloBlock(encodeHelloBlock(short, signature))).toThrow(MalformedError);
  });

  it("with a signature of another length is neither written nor read", () => {
    const body = encodeBlockBody(block);
    expect(() => encodeHelloBlock(body, signature.subarray(1))).toThrow(RangeError);
    const magic = Uint8Array.of(0x64, 0x73, 0x6e, 1);
    const bytes = new ByteWriter().raw(magic).bytes(body).bytes(signature.subarray(1)).finish();
    expect(() => decodeHelloBlock(bytes)).toThrow(MalformedError);
  });

  it("decodeHelloBlock() throws only MalformedError on arbitrary bytes after the magic", () => {
    const whole = encodeHelloBlock(encodeBlockBody(block), signature);
    const mutated = fc
      .tuple(fc.nat(whole.length), fc.nat(8), fc.uint8Array({ maxLength: 8 }))
      .map(([at, removed, added]) =>
        Uint8Array.of(...whole.subarray(0, at), ...added, ...whole.subarray(at + removed)),
      );
    const anything = fc.uint8Array().map((rest) => Uint8Array.of(0x64, 0x73, 0x6e, 1, ...rest));
    fc.assert(
      fc.property(fc.oneof(mutated, anything), (bytes) =>
        expectOnlyMalformed(() => decodeHelloBlock(bytes)),
      ),
      { numRuns: 1000 },
    );
  });
});

describe("blockSignedPart", () => {
  const hello = {
    version: "0.9.0",
    nodeId: "a",
    address: markNative("10.0.0.1"),
    port: 1,
    publicKey: Uint8Array.of(1),
    signature: Uint8Array.of(2),
    detectedAddress: "",
  };

  it("is label, role, prefixed HELLO and body", () => {
    const part = blockSignedPart("request", Uint8Array.of(0xaa), Uint8Array.of(0xbb, 0xcc));
    const label = toHex(new TextEncoder().encode("dsn hello 1\0request\0"));
    expect(toHex(part)).toBe(`${label}01000000aabbcc`);
  });

  it("no two triples share one", () => {
    const role = fc.constantFrom("request" as const, "answer" as const);
    const triple = fc.tuple(role, fc.uint8Array({ maxLength: 3 }), fc.uint8Array({ maxLength: 3 }));
    const key = (parts: [string, Uint8Array, Uint8Array]) =>
      `${parts[0]}|${toHex(parts[1])}|${toHex(parts[2])}`;
    fc.assert(
      fc.property(triple, triple, (left, right) => {
        const same = toHex(blockSignedPart(...left)) === toHex(blockSignedPart(...right));
        expect(same).toBe(key(left) === key(right));
      }),
    );
  });

  it("the asker gets the bytes that the answerer signed, though the detected address came in", () => {
    const signedBy = encodeHello(hello);
    const received = decodeHello(encodeHello({ ...hello, detectedAddress: "10.0.0.7" })).hello;
    expect(encodeHello({ ...received, detectedAddress: "" })).toEqual(signedBy);
  });
});

describe("native mark", () => {
  it("ends the address, and is stripped again", () => {
    expect(markNative("10.0.0.1")).toBe("10.0.0.1 dsn/1");
    expect(markNative("")).toBe(NATIVE_MARK);
    expect(stripNativeMark("10.0.0.1 dsn/1")).toEqual({ address: "10.0.0.1", native: true });
    expect(stripNativeMark(" dsn/1")).toEqual({ address: "", native: true });
  });

  it("is not seen elsewhere", () => {
    for (const address of ["", "10.0.0.1", "dsn/1", "a dsn/1 ", "a dsn/10"]) {
      expect(stripNativeMark(address)).toEqual({ address, native: false });
    }
  });
});
