/**
 * Every decoder of plain bytes, and what it may do with any input: refuse it in its documented
 * way, or return what means the same when it is written and read again.
 * @module
 */
import { isIP } from "node:net";
import { isDeepStrictEqual } from "node:util";
import { ByteReader } from "../../src/bytes/reader.ts";
import { ByteWriter } from "../../src/bytes/writer.ts";
import { MalformedError } from "../../src/errors.ts";
import { isHostAddress } from "../../src/wire/address.ts";
import { dataSignedPart, decodeData, encodeData, readsAsState } from "../../src/wire/data.ts";
import { decodeEndpoint, encodeEndpoint } from "../../src/wire/endpoint.ts";
import { decodeHello, encodeHello, helloSignedPart } from "../../src/wire/hello.ts";
import { decodeHelloBlock, encodeBlockBody, encodeHelloBlock } from "../../src/wire/hello-block.ts";
import { JsonLimitError } from "../../src/wire/json-reader.ts";
import { isNodeId, isOwnNodeId } from "../../src/wire/node-id.ts";
import { decodePeers, encodePeers, peersSignedPart } from "../../src/wire/peers.ts";
import { decodeBusy, encodeBusy } from "../../src/wire/ping.ts";
import { canonicalJson, decodeEntries, encodeEntries } from "../../src/wire/python-json.ts";
import { decodeStatePacket, encodeStatePacket } from "../../src/wire/state-packet.ts";
import { CORPUS } from "./corpus.ts";

/** `accepted` is a finding wherever it is returned: what was changed must not pass as genuine. */
export type Verdict = "refused" | "read" | "accepted";

export interface DecoderTarget {
  readonly name: string;
  readonly corpus: readonly Uint8Array[];
  /** Used now and then: what takes quadratic time shows in these. */
  readonly long?: readonly Uint8Array[];
  /** Throws when the decoder does what it must not. */
  readonly check: (bytes: Uint8Array) => Verdict;
}

export class Finding extends Error {}

export function demand(holds: boolean, what: string): void {
  if (!holds) throw new Finding(what);
}

/** `read` unless it throws a MalformedError; other errors go through, they are findings. */
function unlessMalformed(read: () => void): Verdict {
  try {
    read();
    return "read";
  } catch (error) {
    if (error instanceof MalformedError) return "refused";
    throw error;
  }
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/**
 * A message is its own bytes and what trails, and the signature covers all of it but itself.
 *
 * @param betweenBytes Between the node id, which comes first, and the signature.
 */
function demandCover(
  bytes: Uint8Array,
  { signedPart, trailing }: { readonly signedPart: Uint8Array; readonly trailing: Uint8Array },
  { nodeId, signature }: { readonly nodeId: string; readonly signature: Uint8Array },
  betweenBytes = 0,
): void {
  const own = bytes.length - trailing.length;
  demand(sameBytes(trailing, bytes.subarray(own)), "what trails is not what came");
  const start = 4 + Buffer.byteLength(nodeId) + betweenBytes;
  const parts = [bytes.subarray(0, start), bytes.subarray(start + 4 + signature.length, own)];
  demand(sameBytes(signedPart, Buffer.concat(parts)), "the signed part is not what came");
}

export const DECODERS: readonly DecoderTarget[] = [
  { name: "reader", corpus: [...CORPUS.noise, ...CORPUS.data], check: checkReader },
  { name: "hello", corpus: CORPUS.hello, check: checkHello },
  { name: "hello-block", corpus: CORPUS.helloBlock, check: checkHelloBlock },
  { name: "peers", corpus: CORPUS.peers, long: CORPUS.longPeers, check: checkPeers },
  { name: "state-packet", corpus: CORPUS.state, check: checkState },
  { name: "data", corpus: CORPUS.data, check: checkData },
  { name: "endpoint", corpus: CORPUS.endpoint, check: checkEndpoint },
  { name: "python-json", corpus: CORPUS.json, long: CORPUS.longJson, check: checkJson },
  {
    name: "names",
    corpus: [...CORPUS.names, ...CORPUS.endpoint],
    long: CORPUS.longNames,
    check: checkNames,
  },
  { name: "busy", corpus: [0, 1, 999, 2 ** 32 - 1].map(encodeBusy), check: checkBusy },
];

/** Any answer to a PING says something; what is too short, that the program answered itself. */
function checkBusy(bytes: Uint8Array): Verdict {
  const ms = decodeBusy(bytes);
  demand((ms === undefined) === bytes.length < 4, "too short, and read; or long enough, and not");
  if (ms === undefined) return "refused";
  demand(sameBytes(encodeBusy(ms), bytes.subarray(0, 4)), "what was read is not what came");
  return "read";
}

/** Reads whatever its own bytes say, and writes it again. */
function checkReader(bytes: Uint8Array): Verdict {
  const reader = new ByteReader(bytes);
  const writer = new ByteWriter();
  const verdict = unlessMalformed(() => {
    for (let step = 0; reader.remaining > 0 && step < 64; step++) {
      const before = reader.offset;
      readOne(reader, writer, (bytes[step % bytes.length] ?? 0) % 5);
      demand(reader.offset > before && reader.offset <= bytes.length, "the reader ran away");
    }
  });
  const written = writer.finish();
  demand(sameBytes(written, bytes.subarray(0, written.length)), "what was read is not what came");
  return verdict;
}

function readOne(reader: ByteReader, writer: ByteWriter, what: number): void {
  switch (what) {
    case 0:
      writer.uint32(reader.uint32());
      break;
    case 1:
      writer.bytes(reader.bytes());
      break;
    case 2:
      writer.string(reader.string());
      break;
    case 3: {
      // The bits of a NaN are the engine's own affair.
      const start = reader.offset;
      reader.float64();
      writer.raw(reader.span(start));
      break;
    }
    default:
      writer.raw(reader.raw(3));
  }
}

function checkHello(bytes: Uint8Array): Verdict {
  return unlessMalformed(() => {
    const decoded = decodeHello(bytes);
    const { hello, body, trailing, signedPart } = decoded;
    const again = encodeHello(hello);
    // A HELLO may end before the length of an empty detected address.
    const short = body.length === again.length - 4 && hello.detectedAddress === "";
    demand(sameBytes(body, short ? again.subarray(0, -4) : again), "it is written otherwise");
    demand(sameBytes(signedPart, helloSignedPart(hello)), "the signed part is another");
    demand(body.length + trailing.length === bytes.length, "bytes are lost");
  });
}

function checkHelloBlock(bytes: Uint8Array): Verdict {
  return unlessMalformed(() => {
    const decoded = decodeHelloBlock(bytes);
    if (decoded === undefined) {
      demand(Buffer.from(bytes).indexOf("dsn\u0001") !== 0, "the magic was not seen");
      throw new MalformedError("no block");
    }
    const { block, body, signature } = decoded;
    demand(sameBytes(body, bytes.subarray(8, 8 + body.length)), "the body is not what came");
    demand(signature.length === 64, "a signature of another length");
    const again = decodeHelloBlock(encodeHelloBlock(encodeBlockBody(block), signature));
    demand(sameMeaning(block, again?.block), "it means something else when written again");
  });
}

function checkPeers(bytes: Uint8Array): Verdict {
  return unlessMalformed(() => {
    const decoded = decodePeers(bytes);
    const { packet } = decoded;
    demandCover(bytes, decoded, packet);
    const again = decodePeers(encodePeers(packet));
    demand(sameMeaning(packet, again.packet), "it means something else when written again");
    demand(sameBytes(again.signedPart, peersSignedPart(packet)), "the signed part is another");
  });
}

function checkState(bytes: Uint8Array): Verdict {
  return unlessMalformed(() => {
    const decoded = decodeStatePacket(bytes);
    const { packet } = decoded;
    demandCover(bytes, decoded, packet, 8);
    const again = decodeStatePacket(encodeStatePacket(packet));
    demand(sameMeaning(packet, again.packet), "it means something else when written again");
  });
}

function checkData(bytes: Uint8Array): Verdict {
  return unlessMalformed(() => {
    const decoded = decodeData(bytes);
    const { packet, trailing, signedPart } = decoded;
    const own = bytes.length - trailing.length;
    demandCover(bytes, decoded, packet);
    demand(sameBytes(encodeData(packet), bytes.subarray(0, own)), "it is written otherwise");
    const signed = dataSignedPart(packet.nodeId, packet.payload);
    demand(sameBytes(signedPart, signed), "the signed part is another");
    readsAsState(packet.payload);
  });
}

function checkEndpoint(bytes: Uint8Array): Verdict {
  return unlessMalformed(() => {
    const endpoint = decodeEndpoint(bytes);
    const again = encodeEndpoint(endpoint);
    demand(sameBytes(again, bytes.subarray(0, again.length)), "it is written otherwise");
  });
}

/** JSON is what JSON.parse() says too, but for NaN and the infinities; and it has a normal form. */
function checkJson(bytes: Uint8Array): Verdict {
  const text = Buffer.from(bytes).toString();
  const parsed = parseJson(text);
  let limited = false;
  const verdict = unlessMalformed(() => {
    try {
      const entries = decodeEntries(text);
      demandSameStrings(entries, parsed);
      const again = decodeEntries(encodeEntries(entries));
      demand(isDeepStrictEqual(again, entries), "entries change when written again");
      const canonical = canonicalJson(text);
      demand(canonicalJson(canonical) === canonical, "the normal form is not one");
      demandNoRepeats(text, canonical, parsed);
    } catch (error) {
      limited = error instanceof JsonLimitError;
      throw error;
    }
  });
  const isObject = typeof parsed === "object" && parsed !== null && !Array.isArray(parsed);
  demand(verdict === "read" || limited || !isObject, "JSON is refused");
  const special = /NaN|Infinity/.test(text);
  demand(verdict === "refused" || special || isObject, "what is no JSON is read");
  return verdict;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What JavaScript writes alike but for its spaces has as many characters there as here. */
function demandNoRepeats(text: string, canonical: string, parsed: unknown): void {
  const isWrittenAlike = text.length < 5_000 && !/\d[.eE]|\d{16}|-0|[^ -~]|\\u/.test(text);
  if (parsed === undefined || !isWrittenAlike) return;
  const tight = canonical.replace(/("(?:[^"\\]|\\.)*")|\s/g, "$1");
  demand(tight.length === JSON.stringify(parsed).length, "the normal form says more or less");
}

function demandSameStrings(entries: ReadonlyMap<string, string>, parsed: unknown): void {
  if (typeof parsed !== "object" || parsed === null) return;
  demand(entries.size === Object.keys(parsed).length, "there are more or fewer keys");
  for (const [key, value] of Object.entries(parsed)) {
    if (typeof value === "string") demand(entries.get(key) === value, "a value is another");
  }
}

/** What passes for a name can be a file and a line of text; for a host, part of a URL. */
function checkNames(bytes: Uint8Array): Verdict {
  const text = Buffer.from(bytes).toString();
  const isId = isNodeId(text);
  const isHost = isHostAddress(text);
  demand(!isOwnNodeId(text) || isId, "an id of our own that peers would refuse");
  if (isId) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is the point.
    demand(!/[/\\\u0000-\u001f\u007f-\u009f]|^\.*$/.test(text), "no name of a file");
    demand(Buffer.byteLength(text) <= 200, "too long for a file");
  }
  if (isHost && isIP(text) === 0) {
    const url = new URL(`http://${text}:80/x`);
    demand(url.pathname === "/x" && url.username === "" && url.search === "", "no host");
    demand(isIP(url.hostname) === 0, "a host name that is read as an address");
  }
  return isId || isHost ? "read" : "refused";
}

/** Whether two decoded things are equal in every field; bytes by their values, NaN as NaN. */
function sameMeaning(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(a, b);
}
