/**
 * All packets of the reference, three ways: written, read, and refused at every truncation. Then
 * the odd ones, and arbitrary bytes.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeData, encodeData } from "../../../src/wire/data.ts";
import { decodeHello, encodeHello } from "../../../src/wire/hello.ts";
import { decodePeers, encodePeers } from "../../../src/wire/peers.ts";
import { decodeEntries } from "../../../src/wire/python-json.ts";
import { decodeStatePacket, encodeStatePacket } from "../../../src/wire/state-packet.ts";
import {
  answerOf,
  expectAnswer,
  expectOnlyMalformed,
  expectTruncationsRefused,
  fromHex,
  loadVectors,
  staleDifferences,
  toHex,
} from "../../vectors.ts";
import { KINDS, type PacketCase } from "./packet-kinds.ts";

type PingCase = Omit<PacketCase, "kind"> & { readonly kind: "PING" };

const all = loadVectors<PacketCase | PingCase>("packets");
const packets = all.filter((vector): vector is PacketCase => vector.kind !== "PING");

describe.each(packets)("reference bytes: $name", (vector) => {
  const kind = KINDS[vector.kind];
  const bytes = fromHex(vector.body);

  it("are written", () => {
    expect(toHex(kind.encode(vector))).toBe(vector.body);
  });

  it("have the signed part that the reference signed, made or received", () => {
    expect(toHex(kind.signedPart(vector))).toBe(vector.signed_message);
    expect(toHex(kind.decode(bytes).signedPart)).toBe(vector.signed_message);
  });

  it("are read", () => {
    expect(kind.fields(bytes)).toEqual(kind.expected(vector));
    expect(toHex(kind.decode(bytes).trailing)).toBe("");
  });

  it("are refused at every truncation", () => {
    expectTruncationsRefused(bytes, kind.decode, kind.wholeAt(vector, bytes));
  });

  it("are read alike with bytes that trail, which stay out of the signed part", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), (trailing) => {
        const longer = Uint8Array.of(...bytes, ...trailing);
        expect(kind.fields(longer)).toEqual(kind.expected(vector));
        expect(kind.decode(longer).trailing).toEqual(trailing);
        expect(toHex(kind.decode(longer).signedPart)).toBe(vector.signed_message);
      }),
      { numRuns: 20 },
    );
  });

  it("follow the number of their message", () => {
    expect(vector.plaintext).toBe(toHex(Uint8Array.of(vector.message_type)) + vector.body);
  });
});

it("no packet vector is left out", () => {
  const pings = all.filter(({ kind }) => kind === "PING").map(({ body }) => body);
  expect(pings).toEqual(["", "616e797468696e67"]);
  expect(new Set(packets.map(({ kind }) => kind))).toEqual(new Set(Object.keys(KINDS)));
});

describe("odd packets", () => {
  interface ParseCase {
    readonly kind: keyof typeof KINDS;
    readonly name: string;
    readonly body: string;
    readonly result: Readonly<Record<string, unknown>>;
  }
  const cases = loadVectors<ParseCase>("parse").map((vector) => {
    return { ...vector, title: `${vector.kind}: ${vector.name}` };
  });

  it.each(cases)("$title: Python's answer, or a difference on purpose", (vector) => {
    const kind = KINDS[vector.kind];
    const bytes = fromHex(vector.body);
    const ours = answerOf(() => {
      // Python parses the state along with its packet; we do so after its signature verified.
      if (vector.kind === "UPDATE") decodeEntries(decodeStatePacket(bytes).packet.text);
      return kind.fields(bytes);
    });
    const python = "error" in vector.result ? "refused" : vector.result;
    expectAnswer("parse", vector.title, ours, python);
  });

  it("every difference names a vector", () => {
    const titles = cases.map(({ title }) => title);
    expect(staleDifferences("parse", titles)).toEqual([]);
  });
});

describe("arbitrary bytes", () => {
  const decoders = { decodeHello, decodePeers, decodeStatePacket, decodeData };
  const encode = (name: keyof typeof decoders, decoded: never) =>
    ({
      decodeHello: () => encodeHello((decoded as ReturnType<typeof decodeHello>).hello),
      decodePeers: () => encodePeers((decoded as ReturnType<typeof decodePeers>).packet),
      decodeStatePacket: () =>
        encodeStatePacket((decoded as ReturnType<typeof decodeStatePacket>).packet),
      decodeData: () => encodeData((decoded as ReturnType<typeof decodeData>).packet),
    })[name]();

  const body = fc.constantFrom(...packets.map((vector) => fromHex(vector.body)));
  const mutated = fc
    .tuple(body, fc.nat(400), fc.nat(8), fc.uint8Array({ maxLength: 8 }))
    .map(([bytes, at, removed, added]) =>
      Uint8Array.of(...bytes.subarray(0, at), ...added, ...bytes.subarray(at + removed)),
    );

  it.each(Object.keys(decoders) as (keyof typeof decoders)[])(
    "%s() throws only MalformedError",
    (name) => {
      fc.assert(
        fc.property(fc.oneof(fc.uint8Array(), body, mutated), (bytes) =>
          expectOnlyMalformed(() => decoders[name](bytes)),
        ),
        { numRuns: 1000 },
      );
    },
  );

  it.each(["decodeHello", "decodeData"] as const)(
    "what %s() reads is written again to the same bytes, which blocks and signatures rely on",
    (name) => {
      fc.assert(
        fc.property(fc.oneof(body, mutated), (bytes) => {
          const decoded = answerOf(() => decoders[name](bytes));
          fc.pre(decoded !== "refused");
          const { trailing } = decoded as { trailing: Uint8Array };
          const own = toHex(bytes.subarray(0, bytes.length - trailing.length));
          // A HELLO may end before the length of the detected address.
          expect([own, `${own}00000000`]).toContain(toHex(encode(name, decoded as never)));
        }),
        { numRuns: 500 },
      );
    },
  );
});
