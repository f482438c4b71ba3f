import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CONTENT_BYTES_MAX,
  DATAGRAM_BYTES_MAX,
  decodeDatagram,
  encodeChallenge,
  encodeFirstHead,
  encodeInit,
  encodeSealedHead,
  FIRST_CONTENT_BYTES,
  nameOfBytes,
  TAG_BYTES,
} from "../../../src/transport/udp-datagram.ts";

const saltA = Uint8Array.from({ length: 16 }, (_, index) => 0xa0 + index);
const saltB = Uint8Array.from({ length: 16 }, (_, index) => 0xb0 + index);
const id = Uint8Array.from({ length: 8 }, (_, index) => 0xc0 + index);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const withBody = (head: Uint8Array, length: number) =>
  Buffer.concat([head, Buffer.alloc(length, 0xee)]);
const first = withBody(encodeFirstHead(saltA, saltB, 7), FIRST_CONTENT_BYTES + TAG_BYTES);

const A = "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf";
const B = "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf";

describe("Datagrams of the UDP carrier", () => {
  it("are these bytes", () => {
    expect(hex(encodeInit(saltA))).toBe(`64736e7501${A}${"00".repeat(16)}`);
    expect(hex(encodeChallenge(saltA, saltB))).toBe(`64736e7502${A}${B}`);
    expect(hex(encodeFirstHead(saltA, saltB, 0x0102))).toBe(`64736e7503${A}${B}0000000000000102`);
    const association = "c0c1c2c3c4c5c6c7";
    expect(hex(encodeSealedHead("request", id, 2 ** 32 + 5))).toBe(
      `64736e7504${association}0000000100000005`,
    );
    expect(hex(encodeSealedHead("answer", id, 2 ** 53 - 1))).toBe(
      `64736e7505${association}001fffffffffffff`,
    );
  });

  it("fill 1,200 bytes at most, and a FIRST always does", () => {
    expect(first).toHaveLength(DATAGRAM_BYTES_MAX);
    const head = encodeSealedHead("request", id, 0);
    expect(head.length + CONTENT_BYTES_MAX + TAG_BYTES).toBe(DATAGRAM_BYTES_MAX);
  });

  it("of a CHALLENGE are not longer than those of an INIT", () => {
    expect(encodeChallenge(saltA, saltB).length).toBeLessThanOrEqual(encodeInit(saltA).length);
  });

  it("come back as what was written", () => {
    expect(decodeDatagram(encodeInit(saltA))).toEqual({ kind: "init", saltA: Buffer.from(saltA) });
    expect(decodeDatagram(encodeChallenge(saltA, saltB))).toMatchObject({
      kind: "challenge",
      saltA: Buffer.from(saltA),
      saltB: Buffer.from(saltB),
    });
    const decoded = decodeDatagram(first);
    expect(decoded).toMatchObject({ kind: "first", counter: 7 });
    if (decoded?.kind !== "first") throw new Error("no FIRST");
    expect(hex(Buffer.concat([decoded.saltA, decoded.saltB]))).toBe(A + B);
    expect(hex(Buffer.concat([decoded.head, decoded.sealed]))).toBe(hex(first));
    expect(decoded.head).toHaveLength(45);
  });

  it("keep counter and association of every REQUEST and ANSWER", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("request" as const, "answer" as const),
        fc.uint8Array({ minLength: 8, maxLength: 8 }),
        fc.maxSafeNat(),
        fc.integer({ min: 16, max: CONTENT_BYTES_MAX + TAG_BYTES }),
        (kind, association, counter, length) => {
          const head = encodeSealedHead(kind, association, counter);
          const decoded = decodeDatagram(withBody(head, length));
          if (decoded?.kind !== kind) throw new Error("another kind");
          expect(decoded.counter).toBe(counter);
          expect(nameOfBytes(decoded.association)).toBe(nameOfBytes(association));
          expect(hex(decoded.head)).toBe(hex(head));
          expect(decoded.sealed).toHaveLength(length);
        },
      ),
    );
  });

  it("refuse every truncation", () => {
    const request = withBody(encodeSealedHead("request", id, 1), TAG_BYTES);
    const answer = withBody(encodeSealedHead("answer", id, 1), TAG_BYTES);
    for (const whole of [
      encodeInit(saltA),
      encodeChallenge(saltA, saltB),
      first,
      request,
      answer,
    ]) {
      expect(decodeDatagram(whole)).toBeDefined();
      for (let length = 0; length < whole.length; length++) {
        expect(decodeDatagram(whole.subarray(0, length))).toBeUndefined();
      }
    }
  });

  it("refuse bytes behind the end, where the length is fixed", () => {
    for (const whole of [encodeInit(saltA), encodeChallenge(saltA, saltB), first]) {
      expect(decodeDatagram(withBody(whole, 1))).toBeUndefined();
    }
  });

  it("refuse more than 1,200 bytes", () => {
    const head = encodeSealedHead("request", id, 1);
    const room = DATAGRAM_BYTES_MAX - head.length;
    expect(decodeDatagram(withBody(head, room))).toBeDefined();
    expect(decodeDatagram(withBody(head, room + 1))).toBeUndefined();
  });

  it("refuse every other magic and kind", () => {
    for (let index = 0; index < 4; index++) {
      const forged = Buffer.from(encodeInit(saltA));
      forged[index] = (forged[index] ?? 0) ^ 1;
      expect(decodeDatagram(forged)).toBeUndefined();
    }
    for (const kind of [0, 6, 7, 0x81, 0xff]) {
      const forged = Buffer.from(encodeInit(saltA));
      forged[4] = kind;
      expect(decodeDatagram(forged)).toBeUndefined();
    }
  });

  it("refuse counters that are no safe integers", () => {
    const forged = withBody(encodeSealedHead("request", id, 2 ** 53 - 1), 20);
    expect(decodeDatagram(forged)).toMatchObject({ counter: 2 ** 53 - 1 });
    forged.writeUInt32BE(0x20_0000, 13);
    expect(decodeDatagram(forged)).toBeUndefined();
    forged.writeUInt32BE(0xffff_ffff, 13);
    expect(decodeDatagram(forged)).toBeUndefined();
  });

  it("of strangers never throw", () => {
    const magic = fc.constant(Buffer.from("dsnu"));
    const junk = fc
      .tuple(magic, fc.uint8Array({ maxLength: 1_300, size: "max" }))
      .map((parts) => Buffer.concat(parts));
    fc.assert(
      fc.property(fc.oneof(junk, fc.uint8Array({ maxLength: 100 })), (bytes) => {
        decodeDatagram(bytes);
      }),
    );
  });

  it("are read where they lie in a larger buffer", () => {
    const around = Buffer.concat([Buffer.alloc(3, 1), encodeInit(saltA), Buffer.alloc(3, 2)]);
    const decoded = decodeDatagram(around.subarray(3, 40));
    if (decoded?.kind !== "init") throw new Error("no INIT");
    expect(hex(decoded.saltA)).toBe(A);
    expect(nameOfBytes(decoded.saltA)).toBe(nameOfBytes(saltA));
  });
});
