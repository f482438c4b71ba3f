import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeContent,
  encodeConfirm,
  encodeContent,
  PAYLOAD_BYTES_MAX,
  type UdpContent,
} from "../../../src/transport/udp-content.ts";
import { CONTENT_BYTES_MAX } from "../../../src/transport/udp-datagram.ts";
import { MessageType } from "../../../src/wire/message-type.ts";

const hex = (content: UdpContent) => Buffer.from(encodeContent(content)).toString("hex");
const { DATA, PING } = MessageType;
const payload = Buffer.of(1, 2, 3);

const id = fc.integer({ min: 0, max: 0xffff_ffff });
const type = fc.constantFrom(...Object.values(MessageType));
const bytes = fc
  .uint8Array({ maxLength: PAYLOAD_BYTES_MAX, size: "max" })
  .map((array) => Buffer.from(array));
const contents: fc.Arbitrary<UdpContent> = fc.oneof(
  fc.record({
    what: fc.constantFrom("request" as const, "answer" as const),
    id,
    type,
    payload: bytes,
  }),
  fc.record({
    what: fc.constant("refusal" as const),
    id,
    status: fc.integer({ min: 400, max: 599 }),
    text: fc.string({ unit: "grapheme", maxLength: 100 }),
  }),
  fc.record({
    what: fc.constantFrom("confirm" as const, "elsewhere" as const, "taken" as const),
    id,
  }),
);

describe("Content of a sealed datagram", () => {
  it("is these bytes", () => {
    expect(hex({ what: "confirm", id: 0 })).toBe("0000000000");
    expect(hex({ what: "request", id: 0x01020304, type: PING, payload })).toBe(
      "040302010104010203",
    );
    expect(hex({ what: "answer", id: 1, type: DATA, payload })).toBe("010000000205010203");
    expect(hex({ what: "refusal", id: 1, status: 505, text: "ä" })).toBe("0100000003f901c3a4");
    expect(hex({ what: "elsewhere", id: 0xffff_ffff })).toBe("ffffffff04");
    expect(hex({ what: "taken", id: 2 })).toBe("0200000005");
  });

  it("comes back as what was written", () => {
    fc.assert(
      fc.property(contents, (content) => {
        expect(decodeContent(encodeContent(content))).toEqual(content);
      }),
    );
  });

  it("of a confirmation has the length that is asked for", () => {
    expect(encodeConfirm(0, 100)).toEqual(Buffer.alloc(100));
    expect(decodeContent(encodeConfirm(7, CONTENT_BYTES_MAX))).toEqual({ what: "confirm", id: 7 });
  });

  it("fills a datagram with the largest payload, exactly", () => {
    const largest = new Uint8Array(PAYLOAD_BYTES_MAX);
    const encoded = encodeContent({ what: "answer", id: 1, type: DATA, payload: largest });
    expect(encoded).toHaveLength(CONTENT_BYTES_MAX);
  });

  it("shares no memory with a payload", () => {
    const own = Buffer.of(1, 2, 3);
    const encoded = encodeContent({ what: "request", id: 1, type: DATA, payload: own });
    own.fill(9);
    expect(decodeContent(encoded)).toMatchObject({ payload: Buffer.of(1, 2, 3) });
  });

  it("refuses every truncation of its head", () => {
    for (const content of [
      { what: "request", id: 1, type: DATA, payload: Buffer.alloc(0) },
      { what: "answer", id: 1, type: DATA, payload: Buffer.alloc(0) },
      { what: "refusal", id: 1, status: 401, text: "" },
      { what: "taken", id: 1 },
    ] as const satisfies readonly UdpContent[]) {
      const whole = encodeContent(content);
      expect(decodeContent(whole)).toEqual(content);
      for (let length = 0; length < whole.length; length++) {
        expect(decodeContent(whole.subarray(0, length))).toBeUndefined();
      }
    }
  });

  it("refuses unknown kinds and types, and never throws", () => {
    expect(decodeContent(Buffer.of(0, 0, 0, 0, 6))).toBeUndefined();
    expect(decodeContent(Buffer.of(0, 0, 0, 0, 255))).toBeUndefined();
    expect(decodeContent(Buffer.of(0, 0, 0, 0, 1, 0))).toBeUndefined();
    expect(decodeContent(Buffer.of(0, 0, 0, 0, 1, 6))).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (junk) => {
        decodeContent(junk);
      }),
    );
  });
});
