/**
 * Messages that are built right and hold what no honest node would write: by fast-check, so that
 * every field meets its extremes together with those of the others.
 * @module
 */
import fc from "fast-check";
import { ByteWriter } from "../../src/bytes/writer.ts";
import { encodeData } from "../../src/wire/data.ts";
import { encodeEndpoint } from "../../src/wire/endpoint.ts";
import { encodeHello } from "../../src/wire/hello.ts";
import { encodeBlockBody, encodeHelloBlock } from "../../src/wire/hello-block.ts";
import { encodePeers } from "../../src/wire/peers.ts";
import { encodeStatePacket } from "../../src/wire/state-packet.ts";

type Bytes = fc.Arbitrary<Uint8Array>;

/** Any character with a UTF-8 form: fast-check's own units of that kind take a second to build. */
const character = fc.oneof(
  fc.integer({ min: 0, max: 0x24f }),
  fc.integer({ min: 0, max: 0xd7ff }),
  fc.integer({ min: 0xe000, max: 0x10ffff }),
);
const text = fc
  .array(character, { maxLength: 80 })
  .map((codePoints) => String.fromCodePoint(...codePoints));
const id = fc.oneof(
  fc.constantFrom("peer1", "srv", "target", "witness", "../x", "..", "a/b", "\u0000", "__proto__"),
  fc.string({ minLength: 1, maxLength: 70 }),
  text,
);
const uint32 = fc.oneof(
  fc.constantFrom(0, 1, 80, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1),
  fc.nat({ max: 2 ** 32 - 1 }),
);
const address = fc.oneof(
  fc.constantFrom(
    "",
    "127.0.0.1",
    "::1",
    "localhost",
    "/admin?x=",
    "a@b",
    "1.2.3.4 dsn/1",
    "[::1]",
  ),
  fc.ipV4(),
  fc.ipV6(),
  text,
);
const signature = fc.oneof(exactly(64), fc.uint8Array({ maxLength: 70 }));
const version = fc.oneof(
  fc.double(),
  fc.constantFrom(Number.NaN, Infinity, -Infinity, -0, 5e-324, 1e308, Date.now() / 1000 + 60),
);
const jsonText = fc.oneof(
  fc.json({ maxDepth: 6 }),
  fc.dictionary(text, fc.oneof(text, fc.double(), fc.constant(null))).map((o) => JSON.stringify(o)),
  fc.nat(3_000).map((depth) => `{"a": ${"[".repeat(depth)}${"]".repeat(depth)}}`),
  fc.nat(6_000).map((digits) => `{"a": ${"9".repeat(digits + 1)}}`),
  fc.nat(3_000).map((count) => `{"${"\\".repeat(count)}": "${'\\"'.repeat(count)}"}`),
);
const endpoint = fc.record({ address, port: uint32 });

/** A length, and then not that many bytes. */
const lie = fc
  .tuple(uint32, fc.uint8Array({ maxLength: 40 }))
  .map(([length, bytes]) => new ByteWriter().uint32(length).raw(bytes).finish());

export const STRUCTURES = {
  hello: fc
    .record({
      version: fc.oneof(fc.constant("0.9.0"), text),
      nodeId: id,
      address,
      port: uint32,
      publicKey: fc.oneof(exactly(64), fc.uint8Array({ maxLength: 70 })),
      signature,
      detectedAddress: address,
    })
    .map(encodeHello),
  "hello-block": fc
    .record({
      nonce: exactly(16),
      answered: fc.option(exactly(16), { nil: undefined }),
      incarnation: exactly(16),
      issued: fc.double({ min: 0, noDefaultInfinity: true, noNaN: true }),
      versionMin: fc.nat(3),
      versionMax: fc.integer({ min: 3, max: 2 ** 32 - 1 }),
      features: fc.array(fc.string({ maxLength: 20 }), { maxLength: 32 }),
      addresses: fc.array(endpoint, { maxLength: 16 }),
    })
    .chain((block) =>
      exactly(64).map((signed) => encodeHelloBlock(encodeBlockBody(block), signed)),
    ),
  peers: fc
    .record({
      nodeId: id,
      signature,
      entries: fc.array(fc.record({ nodeId: id, address, port: uint32 }), { maxLength: 20 }),
    })
    .map(encodePeers),
  "state-packet": fc
    .record({ nodeId: id, version, signature, text: jsonText })
    .map(encodeStatePacket),
  data: fc
    .record({ nodeId: id, signature, payload: fc.uint8Array({ maxLength: 200 }) })
    .map(encodeData),
  endpoint: endpoint.map(encodeEndpoint),
  json: jsonText.map((json) => Buffer.from(json)),
  name: fc.oneof(id, address).map((name) => Buffer.from(name)),
  noise: fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.array(lie, { maxLength: 6 }).map(flat)),
} as const satisfies Readonly<Record<string, Bytes>>;

/** Some of them, by seed. */
export function sampleOf(structure: Bytes, count: number, seed: number): Uint8Array[] {
  return fc.sample(structure, { numRuns: count, seed }).map((bytes) => Uint8Array.from(bytes));
}

function exactly(length: number): Bytes {
  return fc.uint8Array({ minLength: length, maxLength: length });
}

function flat(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}
