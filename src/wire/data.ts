/**
 * DATA (message type 5): bytes from one application to another.
 *
 *     string  node id     the sender
 *     bytes   signature   64 bytes; absent in the signed part
 *     bytes   payload
 *
 * The signature names neither the receiver nor the message type, see {@link readsAsState}.
 *
 * Source: `data_packet.py`; `dsnode.py`, `handle_data`.
 * @module
 */
import { ByteReader } from "../bytes/reader.ts";
import { ByteWriter } from "../bytes/writer.ts";
import { MalformedError } from "../errors.ts";
import { readsAsJson } from "./python-json.ts";

export interface DataPacket {
  /** Unchecked: see `isNodeId`. */
  readonly nodeId: string;
  readonly signature: Uint8Array;
  readonly payload: Uint8Array;
}

/** Three lengths and a signature. */
const FIXED_BYTES = 4 + 4 + 64 + 4;

/** @throws {RangeError} when the node id has no UTF-8 form. */
export function encodeData(packet: DataPacket): Uint8Array {
  return new ByteWriter(FIXED_BYTES + packet.nodeId.length + packet.payload.length)
    .string(packet.nodeId)
    .bytes(packet.signature)
    .bytes(packet.payload)
    .finish();
}

/**
 * The bytes that the signature covers: the packet without its signature field.
 *
 * @throws {RangeError} when the node id has no UTF-8 form.
 */
export function dataSignedPart(nodeId: string, payload: Uint8Array): Uint8Array {
  return new ByteWriter(FIXED_BYTES + nodeId.length + payload.length)
    .string(nodeId)
    .bytes(payload)
    .finish();
}

/** A DATA packet as it came. All byte fields are views or built from them: copy what you keep. */
export interface DecodedData {
  readonly packet: DataPacket;
  /** The bytes as received that the signature covers. */
  readonly signedPart: Uint8Array;
  /** What came after the payload. */
  readonly trailing: Uint8Array;
}

/** @throws {MalformedError} when the bytes end early, or the node id is empty or not UTF-8. */
export function decodeData(bytes: Uint8Array): DecodedData {
  const reader = new ByteReader(bytes);
  const nodeId = reader.string();
  const signatureAt = reader.offset;
  const signature = reader.bytes();
  const payloadAt = reader.offset;
  const payload = reader.bytes();
  if (nodeId === "") throw new MalformedError("Malformed packet: node id of DATA is empty");
  const signedPart = new ByteWriter(signatureAt + reader.offset - payloadAt)
    .raw(reader.span(0, signatureAt))
    .raw(reader.span(payloadAt))
    .finish();
  return { packet: { nodeId, signature, payload }, signedPart, trailing: reader.rest() };
}

/**
 * Whether a payload, once signed, could be passed off as a state of its signer (defect D07).
 *
 * What is signed for DATA is `id, uint32 length, payload`; for UPDATE `id, float64, uint32 length,
 * JSON`. The two are the same bytes when the payload holds 4 bytes (with its own length they make
 * the float), the length of the rest, and JSON. Such a payload must not be signed.
 *
 * Cheap for nearly every payload: only one whose length fits is parsed.
 */
export function readsAsState(payload: Uint8Array): boolean {
  if (payload.length < 8) return false;
  const reader = new ByteReader(payload);
  reader.raw(4);
  if (reader.uint32() !== reader.remaining) return false;
  const text = readUtf8(payload.subarray(4));
  return text !== undefined && readsAsJson(text);
}

function readUtf8(prefixed: Uint8Array): string | undefined {
  try {
    return new ByteReader(prefixed).string();
  } catch {
    return undefined;
  }
}
