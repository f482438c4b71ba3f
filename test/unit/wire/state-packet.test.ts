import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MalformedError } from "../../../src/errors.ts";
import {
  decodeStatePacket,
  encodeStatePacket,
  stateSignedPart,
} from "../../../src/wire/state-packet.ts";
import { codePoint } from "../../helpers/code-point.ts";
import { toHex } from "../../vectors.ts";

describe("state packet", () => {
  const any = fc.record({
    nodeId: fc.string({ unit: codePoint, minLength: 1 }),
    version: fc.double({ noNaN: true }),
    signature: fc.uint8Array(),
    text: fc.string({ unit: codePoint }),
  });

  it("is read back as it was written, text that is no JSON included", () => {
    fc.assert(
      fc.property(any, (packet) => {
        const decoded = decodeStatePacket(encodeStatePacket(packet));
        expect(decoded.packet).toEqual(packet);
        expect(toHex(decoded.signedPart)).toBe(toHex(stateSignedPart(packet)));
      }),
    );
  });

  it("the signed part of a packet with a NaN version is what came, to the bit", () => {
    const packet = { nodeId: "a", version: Number.NaN, signature: new Uint8Array(64), text: "{}" };
    const bytes = encodeStatePacket(packet);
    bytes.set([0xff, 0xf8, 0, 0, 0, 0, 0x01, 0x23], 5);
    const decoded = decodeStatePacket(bytes);
    expect(decoded.packet.version).toBeNaN();
    expect(toHex(decoded.signedPart)).toBe("0100000061fff8000000000123020000007b7d");
  });

  it("without a node id is refused", () => {
    const packet = { nodeId: "", version: 1, signature: new Uint8Array(64), text: "{}" };
    expect(() => decodeStatePacket(encodeStatePacket(packet))).toThrow(MalformedError);
    expect(() => decodeStatePacket(encodeStatePacket(packet))).toThrow(/^Malformed packet/);
  });
});
