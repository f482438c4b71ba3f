/**
 * Valid input of every kind, to be changed: the bytes of `test/vectors`, and what fast-check
 * builds.
 * @module
 */
import { readFileSync } from "node:fs";
import { MessageType } from "../../src/wire/message-type.ts";
import { encodePeers } from "../../src/wire/peers.ts";
import type { PacketCase } from "../unit/wire/packet-kinds.ts";
import { fromHex, loadVectors } from "../vectors.ts";
import { SEED } from "./settings.ts";
import { STRUCTURES, sampleOf } from "./structures.ts";

/** Messages that fast-check builds for each corpus. */
const BUILT = 300;
const LONG_BYTES = 50_000;

const packets = loadVectors<Omit<PacketCase, "kind"> & { readonly kind: string }>("packets");
const parse = loadVectors<{ readonly kind: string; readonly body: string }>("parse");

function built(name: keyof typeof STRUCTURES): Uint8Array[] {
  return sampleOf(STRUCTURES[name], BUILT, SEED);
}

function bodies(kind: string): Uint8Array[] {
  return [...packets, ...parse].filter((one) => one.kind === kind).map(({ body }) => fromHex(body));
}

/** Long ones, for what takes quadratic time: of many parts, all alike, with and without escapes. */
function long(start: string, part: string, end: string): Uint8Array {
  return Buffer.from(start + part.repeat(Math.floor(LONG_BYTES / part.length)) + end);
}

function manyPeers(count: number): Uint8Array {
  const entries = Array.from({ length: count }, (_, index) => {
    return { nodeId: `peer-${index}`, address: "127.0.0.1", port: index };
  });
  return encodePeers({ nodeId: "peer1", signature: new Uint8Array(64), entries });
}

interface Aes {
  readonly key: string;
  readonly encrypt: readonly { readonly plaintext: string; readonly envelope: string }[];
}

interface HttpFile {
  readonly server: { readonly aes_key: string };
  readonly cases: readonly { readonly name: string; readonly request: string | null }[];
}

function load<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), "utf8")) as T;
}

const aes = load<Aes>("aes");
const http = load<HttpFile>("http");

/** The network key of all vectors. */
export const VECTOR_KEY = http.server.aes_key;

export const CORPUS = {
  hello: [...bodies("HELLO"), ...built("hello")],
  helloBlock: built("hello-block"),
  peers: [...bodies("PEERS"), ...built("peers")],
  state: [...bodies("UPDATE"), ...built("state-packet")],
  data: [...bodies("DATA"), ...built("data")],
  endpoint: [
    ...loadVectors<{ bytes: string }>("endpoints").map(({ bytes }) => fromHex(bytes)),
    ...built("endpoint"),
  ],
  json: [
    ...loadVectors<{ canonical: string | null }>("json_canonical").map(({ canonical }) =>
      Buffer.from(canonical ?? "{}"),
    ),
    ...loadVectors<{ text: string | null }>("json_reserialise").map(({ text }) =>
      Buffer.from(text ?? ""),
    ),
    ...built("json"),
  ],
  names: [...built("name")],
  longPeers: [manyPeers(1_000)],
  longJson: [
    long('{"a": [', '"b", ', '"\\n"]}'),
    long('{"a": "', '\\"', '"}'),
    long('{"a": "', "\\\\", '"}'),
    long("{", '"a": "\\n", ', '"b": ""}'),
    long('{"a": [', '{"a": 0, "a": 1}, ', "0]}"),
    long('{"a": ', '{"a": 0, "a": ', "0"),
    long('{"a": [', "{}, ", "0]}"),
    long('{"a": [', "[0], ", "0]}"),
    long('{"a": ', "9", "}"),
    long("{", " ", "}"),
  ],
  longNames: [long("", "a.", "a"), long("", "1", ""), long("", ":", ""), long("", "a-", "a")],
  noise: built("noise"),
  envelopes: aes.encrypt.map(({ envelope }) => fromHex(envelope)),
  /** Whole messages, each with its type in front. */
  framed: packets.map(({ plaintext }) => fromHex(plaintext)),
  /** Recorded HTTP requests, header and body. */
  requests: http.cases.flatMap(({ request }) => (request === null ? [] : [fromHex(request)])),
  signatures: loadVectors<SignatureCase>("signatures").filter(
    ({ reference_verify: valid, message_repeat: long }) => valid && long === null,
  ),
} as const;

interface SignatureCase {
  readonly public: string;
  readonly message: string;
  readonly message_repeat: unknown;
  readonly signature: string;
  readonly reference_verify: boolean;
}

/** A message as a live node gets it. */
export interface Shot {
  readonly type: MessageType;
  readonly payload: Uint8Array;
}

const TYPES: ReadonlyMap<string, MessageType> = new Map([
  ["HELLO", MessageType.HELLO],
  ["PEERS", MessageType.PEERS],
  ["UPDATE", MessageType.UPDATE],
  ["DATA", MessageType.DATA],
  ["PING", MessageType.PING],
]);

/** All messages of the vectors, and some built ones: nobody whom a live node knows wrote them. */
export const SHOTS: readonly Shot[] = [
  ...[...packets, ...parse].flatMap(({ kind, body }) => {
    const type = TYPES.get(kind);
    return type === undefined ? [] : [{ type, payload: fromHex(body) }];
  }),
  ...shots(MessageType.HELLO, [...built("hello"), ...built("noise")]),
  ...shots(MessageType.PEERS, built("peers")),
  ...shots(MessageType.UPDATE, built("state-packet")),
  ...shots(MessageType.DATA, built("data")),
];

function shots(type: MessageType, payloads: readonly Uint8Array[]): Shot[] {
  return payloads.map((payload) => ({ type, payload }));
}
