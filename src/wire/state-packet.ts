/**
 * UPDATE (message type 3): one node's whole state, signed by its owner.
 *
 *     string   node id     owner of the state
 *     float64  version     `last_update` of the owner, Unix seconds
 *     bytes    signature   64 bytes; absent in the signed part
 *     string   text        JSON object, see `python-json.ts`
 *
 * Source: `state_packet.py`.
 * @module
 */
import { ByteReader } from "../bytes/reader.ts";
import { ByteWriter } from "../bytes/writer.ts";
import { MalformedError } from "../errors.ts";

export interface StatePacket {
  /** Unchecked: see `isNodeId`. */
  readonly nodeId: string;
  /** `last_update`: Unix seconds with fractions. Any double, also NaN or infinite (defect D06). */
  readonly version: number;
  readonly signature: Uint8Array;
  /** Exactly as the owner wrote it: the signature covers these bytes, re-encoding can move them. */
  readonly text: string;
}

/** Two lengths, a float, a signature and its length. */
const FIXED_BYTES = 4 + 8 + 4 + 64 + 4;

/** @throws {RangeError} when a string has no UTF-8 form. */
export function encodeStatePacket(packet: StatePacket): Uint8Array {
  return new ByteWriter(FIXED_BYTES + packet.nodeId.length + packet.text.length)
    .string(packet.nodeId)
    .float64(packet.version)
    .bytes(packet.signature)
    .string(packet.text)
    .finish();
}

/**
 * The bytes that the signature covers: the packet without its signature field.
 *
 * @throws {RangeError} when a string has no UTF-8 form.
 */
export function stateSignedPart(packet: Omit<StatePacket, "signature">): Uint8Array {
  return new ByteWriter(FIXED_BYTES + packet.nodeId.length + packet.text.length)
    .string(packet.nodeId)
    .float64(packet.version)
    .string(packet.text)
    .finish();
}

/** A state packet as it came. All byte fields are views or built from them: copy what you keep. */
export interface DecodedStatePacket {
  readonly packet: StatePacket;
  /** The bytes as received that the signature covers. */
  readonly signedPart: Uint8Array;
  /** What came after the text. */
  readonly trailing: Uint8Array;
}

/**
 * Reads a state packet. The text is not parsed: verify the signature first.
 *
 * @throws {MalformedError} when the bytes end early, a string is not UTF-8, or the id is empty.
 */
export function decodeStatePacket(bytes: Uint8Array): DecodedStatePacket {
  const reader = new ByteReader(bytes);
  const nodeId = reader.string();
  const version = reader.float64();
  const signatureAt = reader.offset;
  const signature = reader.bytes();
  const textAt = reader.offset;
  const text = reader.string();
  if (nodeId === "") throw new MalformedError("Malformed packet: node id of UPDATE is empty");
  const signedPart = new ByteWriter(signatureAt + reader.offset - textAt)
    .raw(reader.span(0, signatureAt))
    .raw(reader.span(textAt))
    .finish();
  return {
    packet: { nodeId, version, signature, text },
    signedPart,
    trailing: reader.rest(),
  };
}
