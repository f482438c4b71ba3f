import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteReader } from "../../../src/bytes/reader.ts";
import { ByteWriter } from "../../../src/bytes/writer.ts";
import { MalformedError } from "../../../src/errors.ts";
import { dataSignedPart, decodeData, encodeData, readsAsState } from "../../../src/wire/data.ts";
import { stateSignedPart } from "../../../src/wire/state-packet.ts";
import { codePoint } from "../../helpers/code-point.ts";
import { toHex } from "../../vectors.ts";

describe("data packet", () => {
  it("is read back as it was written", () => {
    const any = fc.record({
      nodeId: fc.string({ unit: codePoint, minLength: 1 }),
      signature: fc.uint8Array(),
      payload: fc.uint8Array({ maxLength: 1000 }),
    });
    fc.assert(
      fc.property(any, (packet) => {
        const decoded = decodeData(encodeData(packet));
        expect(decoded.packet).toEqual(packet);
        const signed = dataSignedPart(packet.nodeId, packet.payload);
        expect(toHex(decoded.signedPart)).toBe(toHex(signed));
      }),
    );
  });

  it("without a node id is refused", () => {
    const bytes = encodeData({ nodeId: "", signature: new Uint8Array(64), payload: bytesOf("x") });
    expect(() => decodeData(bytes)).toThrow(MalformedError);
    expect(() => decodeData(bytes)).toThrow(/^Malformed packet/);
  });

  it("a large payload is encoded into one buffer of its size", () => {
    const payload = new Uint8Array(16 * 1024 * 1024);
    const bytes = encodeData({ nodeId: "a", signature: new Uint8Array(64), payload });
    expect(bytes.buffer.byteLength).toBe(bytes.length);
  });
});

const bytesOf = (text: string) => new TextEncoder().encode(text);
const payloadOf = (text: string) => new ByteWriter().raw(bytesOf("head")).string(text).finish();

describe("readsAsState (D07)", () => {
  it("is true for a payload whose signature is that of a state", () => {
    const text = '{"role": "admin"}';
    const payload = payloadOf(text);
    const signed = dataSignedPart("a", payload);
    const reader = new ByteReader(signed);
    reader.string();
    const version = reader.float64();
    expect(toHex(stateSignedPart({ nodeId: "a", version, text }))).toBe(toHex(signed));
    expect(readsAsState(payload)).toBe(true);
  });

  it.each(["{}", " {} ", "[]", "1", '"x"', "NaN", '{"a": NaN}', '{"a": {"b": [1]}}'])(
    "is true before the JSON %s",
    (text) => {
      expect(readsAsState(payloadOf(text))).toBe(true);
    },
  );

  it("is true where some Python might read on: nested 5000 deep, or 5000 digits", () => {
    expect(readsAsState(payloadOf(`${"[".repeat(5000)}${"]".repeat(5000)}`))).toBe(true);
    expect(readsAsState(payloadOf("9".repeat(5000)))).toBe(true);
  });

  it("is false for everything else", () => {
    const json = payloadOf("{}");
    const withByte = (byte: number) => Uint8Array.of(...json, byte);
    expect(readsAsState(new Uint8Array())).toBe(false);
    expect(readsAsState(new Uint8Array(7))).toBe(false);
    expect(readsAsState(payloadOf(""))).toBe(false);
    expect(readsAsState(payloadOf("{"))).toBe(false);
    expect(readsAsState(payloadOf("hello"))).toBe(false);
    expect(readsAsState(payloadOf("{} {}"))).toBe(false);
    expect(readsAsState(withByte(0x20))).toBe(false);
    expect(readsAsState(json.subarray(0, -1))).toBe(false);
    const notUtf8 = new ByteWriter()
      .uint32(0)
      .bytes(Uint8Array.of(0x22, 0xff, 0x22))
      .finish();
    expect(readsAsState(notUtf8)).toBe(false);
  });

  it("agrees with JSON.parse on any text behind a fitting length", () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = ["NaN", "Infinity", "-Infinity"].includes(text.trim());
        }
        expect(readsAsState(payloadOf(text))).toBe(isJson);
      }),
    );
  });
});
