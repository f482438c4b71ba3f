import { createCipheriv, createHash, hkdfSync } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { associationId, UdpAssociation } from "../../../src/transport/udp-association.ts";
import {
  type AnswerDatagram,
  decodeDatagram,
  FIRST_CONTENT_BYTES,
  type FirstDatagram,
  type RequestDatagram,
} from "../../../src/transport/udp-datagram.ts";

const networkKey = Uint8Array.from({ length: 16 }, (_, index) => index);
const saltA = new Uint8Array(16).fill(0xaa);
const saltB = new Uint8Array(16).fill(0xbb);
const content = Buffer.from("what is said");

const associate = (role: "asker" | "answerer", key: Uint8Array | undefined = networkKey) =>
  new UdpAssociation(key, saltA, saltB, role);
const pair = () => ({ asker: associate("asker"), answerer: associate("answerer") });

function parse(bytes: Uint8Array): FirstDatagram | RequestDatagram | AnswerDatagram {
  const datagram = decodeDatagram(bytes);
  if (datagram === undefined || !("sealed" in datagram)) throw new Error("nothing sealed");
  return datagram;
}

describe("UdpAssociation", () => {
  it("opens what the other side sealed, each way", () => {
    const { asker, answerer } = pair();
    const request = parse(asker.seal(content));
    expect(request.kind).toBe("request");
    expect(answerer.open(request)).toEqual(content);
    const answer = parse(answerer.seal(content));
    expect(answer.kind).toBe("answer");
    expect(asker.open(answer)).toEqual(content);
    const first = parse(asker.sealFirst(new Uint8Array(FIRST_CONTENT_BYTES)));
    expect(first.kind).toBe("first");
    expect(answerer.open(first)).toEqual(Buffer.alloc(FIRST_CONTENT_BYTES));
  });

  it("is what the protocol says, made by hand", () => {
    const salt = Buffer.concat([saltA, saltB]);
    const info = "dsn udp 1 asker to answerer";
    const key = Buffer.from(hkdfSync("sha256", networkKey, salt, info, 16));
    const id = createHash("sha256").update("dsn udp id 1").update(salt).digest().subarray(0, 8);
    const head = Buffer.concat([Buffer.from("64736e7504", "hex"), id, Buffer.alloc(8)]);
    const cipher = createCipheriv("aes-128-gcm", key, Buffer.alloc(12));
    cipher.setAAD(head);
    const sealed = Buffer.concat([cipher.update(content), cipher.final(), cipher.getAuthTag()]);
    expect(associate("asker").seal(content)).toEqual(Buffer.concat([head, sealed]));
  });

  it("is these bytes", () => {
    expect(Buffer.from(associationId(saltA, saltB)).toString("hex")).toBe("275afed7ef960f92");
    expect(Buffer.from(associate("asker").seal(content)).toString("hex")).toBe(
      "64736e7504275afed7ef960f92000000000000000013292fef882d069255a3e698bfcedd2512d53b5a5ce6b758d522440c",
    );
    expect(Buffer.from(associate("answerer").seal(content)).toString("hex")).toBe(
      "64736e7505275afed7ef960f9200000000000000001079113b8e080e52639cef5180af8f8211f829b9398558b1735ff4a6",
    );
    const open = new UdpAssociation(undefined, saltA, saltB, "asker");
    expect(Buffer.from(open.seal(content)).toString("hex")).toBe(
      "64736e7504275afed7ef960f9200000000000000009f5e052227e37fb54366628e38c695ca1a4c80f5b9a93d19350769a4",
    );
  });

  it("seals the same content differently each time, and opens both", () => {
    const { asker, answerer } = pair();
    const [one, two] = [asker.seal(content), asker.seal(content)];
    expect(one).not.toEqual(two);
    expect(answerer.open(parse(two))).toEqual(content);
    expect(answerer.open(parse(one))).toEqual(content);
  });

  it("opens a datagram once", () => {
    const { asker, answerer } = pair();
    const request = parse(asker.seal(content));
    expect(answerer.open(request)).toEqual(content);
    expect(answerer.open(request)).toBeUndefined();
  });

  it("refuses a change of any byte of head and body, and takes the original after it", () => {
    for (const make of ["seal", "sealFirst"] as const) {
      const { asker, answerer } = pair();
      const size = make === "seal" ? content.length : FIRST_CONTENT_BYTES;
      const bytes = asker[make](new Uint8Array(size));
      for (let index = 0; index < bytes.length; index++) {
        const forged = Buffer.from(bytes);
        forged[index] = (forged[index] ?? 0) ^ 0x04;
        const datagram = decodeDatagram(forged);
        if (datagram === undefined || !("sealed" in datagram)) continue;
        expect(answerer.open(datagram)).toBeUndefined();
      }
      expect(answerer.open(parse(bytes))).toBeDefined();
    }
  });

  it("refuses a cut tag, and nothing at all", () => {
    const { asker, answerer } = pair();
    const { head, counter, sealed } = parse(asker.seal(content));
    for (let length = 0; length < sealed.length; length++) {
      expect(answerer.open({ head, counter, sealed: sealed.subarray(0, length) })).toBeUndefined();
    }
  });

  it("refuses a tag of four bytes, which the cipher would take", () => {
    const { asker, answerer } = pair();
    const { head, counter, sealed } = parse(asker.seal(new Uint8Array(8)));
    expect(answerer.open({ head, counter, sealed: sealed.subarray(0, 12) })).toBeUndefined();
    expect(answerer.open({ head, counter, sealed })).toBeDefined();
  });

  it("opens nothing of another network key, not even none", () => {
    const request = parse(associate("asker").seal(content));
    expect(associate("answerer", new Uint8Array(16).fill(9)).open(request)).toBeUndefined();
    const open = new UdpAssociation(undefined, saltA, saltB, "answerer");
    expect(open.open(request)).toBeUndefined();
  });

  it("depends on both salts", () => {
    const request = parse(associate("asker").seal(content));
    const other = new Uint8Array(16).fill(1);
    for (const [a, b] of [
      [other, saltB],
      [saltA, other],
      [saltB, saltA],
    ] as const) {
      expect(new UdpAssociation(networkKey, a, b, "answerer").open(request)).toBeUndefined();
    }
  });

  it("does not take its own datagrams for those of the other side", () => {
    for (const role of ["asker", "answerer"] as const) {
      const own = parse(associate(role).seal(content));
      expect(associate(role).open(own)).toBeUndefined();
    }
  });

  it("survives reordering and repeats within the window", () => {
    const order = fc.shuffledSubarray(
      Array.from({ length: 40 }, (_, index) => index),
      { minLength: 1 },
    );
    fc.assert(
      fc.property(order, (indices) => {
        const { asker, answerer } = pair();
        const sent = Array.from({ length: 40 }, (_, index) => asker.seal(Uint8Array.of(index)));
        for (const index of indices) {
          const datagram = parse(sent[index] ?? new Uint8Array());
          expect(answerer.open(datagram)).toEqual(Buffer.of(index));
          expect(answerer.open(datagram)).toBeUndefined();
        }
      }),
      { numRuns: 50 },
    );
  });
});
