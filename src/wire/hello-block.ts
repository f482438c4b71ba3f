/**
 * The signed block that trails the HELLO of a native node; Python ignores what trails.
 *
 *     raw 4   magic              64 73 6e 01, "dsn" and 1
 *     bytes   body               see below
 *     bytes   signature          64 bytes over the hash of blockSignedPart()
 *     …                          ignored
 *
 * The body:
 *
 *     raw 16   nonce             fresh random bytes
 *     bytes    answered          empty in a request; in an answer the 16 bytes of its nonce
 *     raw 16   incarnation       random per process
 *     float64  issued            Unix seconds, strictly increasing per node: the newest HELLO wins
 *     uint32   version min       native versions spoken, both ends included
 *     uint32   version max
 *     uint32   count             at most 32
 *     count ×  string            feature, at most 64 bytes
 *     uint32   count             at most 16
 *     count ×  bytes             endpoint, see `endpoint.ts`: candidate addresses
 *     …                          ignored, yet signed: newer versions append here
 *
 * So that stripping the block shows, the address inside the signed HELLO carries a mark.
 * @module
 */
import { ByteReader } from "../bytes/reader.ts";
import { ByteWriter } from "../bytes/writer.ts";
import { MalformedError } from "../errors.ts";
import { decodeEndpoint, encodeEndpoint, type WireEndpoint } from "./endpoint.ts";

export interface HelloBlock {
  /** 16 random bytes. */
  readonly nonce: Uint8Array;
  /** The nonce of the HELLO that this one answers, or `undefined` in a request. */
  readonly answered: Uint8Array | undefined;
  /** 16 random bytes, drawn when the process started. */
  readonly incarnation: Uint8Array;
  /** Unix seconds, strictly increasing per node. Finite, not negative. */
  readonly issued: number;
  /** Native versions that this node speaks, both ends included. */
  readonly versionMin: number;
  readonly versionMax: number;
  readonly features: readonly string[];
  /** Unchecked: see `isHostAddress` and `isPort`. */
  readonly addresses: readonly WireEndpoint[];
}

const MAGIC = Uint8Array.of(0x64, 0x73, 0x6e, 0x01);
const NONCE_BYTES = 16;
const SIGNATURE_BYTES = 64;
const FEATURES_MAX = 32;
const FEATURE_BYTES_MAX = 64;
const ADDRESSES_MAX = 16;

/** @throws {RangeError} when a field does not fit the layout, or passes a limit of it. */
export function encodeBlockBody(block: HelloBlock): Uint8Array {
  const fault = faultOf(block);
  if (fault !== undefined) throw new RangeError(`Cannot write HELLO block: ${fault}`);
  const writer = new ByteWriter()
    .raw(block.nonce)
    .bytes(block.answered ?? new Uint8Array())
    .raw(block.incarnation)
    .float64(block.issued)
    .uint32(block.versionMin)
    .uint32(block.versionMax)
    .uint32(block.features.length);
  for (const feature of block.features) writer.string(feature);
  writer.uint32(block.addresses.length);
  for (const address of block.addresses) writer.bytes(encodeEndpoint(address));
  return writer.finish();
}

/**
 * What goes after the bytes of a HELLO.
 *
 * @param body From {@link encodeBlockBody}.
 * @param signature 64 bytes, over the hash of {@link blockSignedPart}.
 * @throws {RangeError} when the signature has another length.
 */
export function encodeHelloBlock(body: Uint8Array, signature: Uint8Array): Uint8Array {
  if (signature.length !== SIGNATURE_BYTES) {
    throw new RangeError(`Cannot write HELLO block: signature of ${signature.length} bytes`);
  }
  return new ByteWriter(MAGIC.length + 8 + body.length + SIGNATURE_BYTES)
    .raw(MAGIC)
    .bytes(body)
    .bytes(signature)
    .finish();
}

/** A HELLO block as it came. All byte fields are views of what was decoded: copy what you keep. */
export interface DecodedHelloBlock {
  readonly block: HelloBlock;
  /** The bytes as received, for {@link blockSignedPart}. */
  readonly body: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Reads the block that trails a HELLO. Its signature is not checked here.
 *
 * @param trailing What `decodeHello` left over.
 * @returns `undefined` when the magic is absent: a HELLO of a Python node.
 * @throws {MalformedError} when the magic is there and what follows is broken or passes a limit.
 */
export function decodeHelloBlock(trailing: Uint8Array): DecodedHelloBlock | undefined {
  if (!MAGIC.every((byte, index) => trailing[index] === byte)) return undefined;
  const reader = new ByteReader(trailing);
  reader.raw(MAGIC.length);
  const body = reader.bytes();
  const signature = reader.bytes();
  if (signature.length !== SIGNATURE_BYTES) {
    throw new MalformedError(`Cannot read HELLO block: signature of ${signature.length} bytes`);
  }
  return { block: decodeBody(body), body, signature };
}

function decodeBody(body: Uint8Array): HelloBlock {
  const reader = new ByteReader(body);
  const nonce = reader.raw(NONCE_BYTES);
  const answered = reader.bytes();
  const block = {
    nonce,
    answered: answered.length === 0 ? undefined : answered,
    incarnation: reader.raw(NONCE_BYTES),
    issued: reader.float64(),
    versionMin: reader.uint32(),
    versionMax: reader.uint32(),
    features: readList(reader, FEATURES_MAX, () => reader.string()),
    addresses: readList(reader, ADDRESSES_MAX, () => decodeEndpoint(reader.bytes())),
  };
  const fault = faultOf(block);
  if (fault !== undefined) throw new MalformedError(`Cannot read HELLO block: ${fault}`);
  return block;
}

function readList<Item>(reader: ByteReader, countMax: number, item: () => Item): Item[] {
  const count = reader.uint32();
  // Before the loop, so that a count that was made up costs nothing.
  if (count > countMax) {
    throw new MalformedError(`Cannot read HELLO block: a list of ${count}, at most ${countMax}`);
  }
  return Array.from({ length: count }, item);
}

/** One list of rules for both directions: what we refuse to read we never write. */
function faultOf(block: HelloBlock): string | undefined {
  const { nonce, answered, incarnation, issued, versionMin, versionMax } = block;
  for (const bytes of [nonce, answered ?? nonce, incarnation]) {
    if (bytes.length !== NONCE_BYTES) return `nonce or incarnation of ${bytes.length} bytes`;
  }
  if (!Number.isFinite(issued) || issued < 0) return `issued at ${issued}`;
  if (versionMin > versionMax) return `versions ${versionMin} to ${versionMax}`;
  if (block.features.length > FEATURES_MAX) return `${block.features.length} features`;
  if (block.addresses.length > ADDRESSES_MAX) return `${block.addresses.length} addresses`;
  const long = block.features.find((feature) => Buffer.byteLength(feature) > FEATURE_BYTES_MAX);
  return long === undefined ? undefined : `a feature of more than ${FEATURE_BYTES_MAX} bytes`;
}

/** Which HELLO a block belongs to: the one that asks, or the one that answers it. */
export type HelloRole = "request" | "answer";

/**
 * What the signature of a block covers, to be hashed:
 * `"dsn hello 1\0"`, the role, `"\0"`, bytes(HELLO), body.
 *
 * @param helloBytes `encodeHello({ ...hello, detectedAddress: "" })`, its own signature included,
 *   on both sides. So the answerer can sign before it knows what it detects, and the asker does
 *   not take a detected address for proven. Encoding what was decoded gives the bytes that came.
 * @param body The body as written or as received, with what newer versions appended.
 */
export function blockSignedPart(
  role: HelloRole,
  helloBytes: Uint8Array,
  body: Uint8Array,
): Uint8Array {
  return new ByteWriter(32 + helloBytes.length + body.length)
    .raw(new TextEncoder().encode(`dsn hello 1\0${role}\0`))
    .bytes(helloBytes)
    .raw(body)
    .finish();
}

/** Ends the address of a native node's HELLO. Python reads that address and never uses it. */
export const NATIVE_MARK = " dsn/1";

/** The address as a native node's HELLO carries it. */
export function markNative(address: string): string {
  return address + NATIVE_MARK;
}

/** The address of a HELLO without its mark, and whether it had one. */
export function stripNativeMark(address: string): { address: string; native: boolean } {
  return address.endsWith(NATIVE_MARK)
    ? { address: address.slice(0, -NATIVE_MARK.length), native: true }
    : { address, native: false };
}
