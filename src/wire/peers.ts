/**
 * PEERS (message type 2): the members that a node knows; a request carries none.
 *
 *     string  node id     who wrote the packet
 *     bytes   signature   64 bytes; absent in the signed part
 *     uint32  count
 *     count × string  node id
 *             bytes   endpoint, see `endpoint.ts`
 *
 * Source: `peers_packet.py`; `dsnode.py`, `handle_peers`.
 * @module
 */
import { ByteReader } from "../bytes/reader.ts";
import { ByteWriter } from "../bytes/writer.ts";
import { MalformedError } from "../errors.ts";
import { decodeEndpoint, encodeEndpoint } from "./endpoint.ts";

/** One member. Unchecked: see `isNodeId`, `isHostAddress`, `isPort`. */
export interface PeerEntry {
  readonly nodeId: string;
  /** Empty = none. */
  readonly address: string;
  readonly port: number;
}

export interface PeersPacket {
  /** Empty in a packet that Python answers with `Could not find  in address book`. */
  readonly nodeId: string;
  readonly signature: Uint8Array;
  /** In the order of the wire, each node id once. */
  readonly entries: readonly PeerEntry[];
}

/** The least that an entry takes: lengths of id, endpoint and address, and the port. */
const ENTRY_BYTES_MIN = 16;

/** @throws {RangeError} when a port is no uint32, or a string has no UTF-8 form. */
export function encodePeers(packet: PeersPacket): Uint8Array {
  const writer = new ByteWriter().string(packet.nodeId).bytes(packet.signature);
  return writeEntries(writer, packet.entries).finish();
}

/**
 * The bytes that the signature covers: the packet without its signature field.
 *
 * @throws {RangeError} when a port is no uint32, or a string has no UTF-8 form.
 */
export function peersSignedPart(packet: Omit<PeersPacket, "signature">): Uint8Array {
  return writeEntries(new ByteWriter().string(packet.nodeId), packet.entries).finish();
}

function writeEntries(writer: ByteWriter, entries: readonly PeerEntry[]): ByteWriter {
  writer.uint32(entries.length);
  for (const entry of entries) writer.string(entry.nodeId).bytes(encodeEndpoint(entry));
  return writer;
}

/** A PEERS packet as it came. All byte fields are views or built from them: copy what you keep. */
export interface DecodedPeers {
  readonly packet: PeersPacket;
  /** The bytes as received that the signature covers. */
  readonly signedPart: Uint8Array;
  /** What came after the last entry. */
  readonly trailing: Uint8Array;
}

/**
 * Reads a PEERS packet. A node id that comes twice keeps its first place and its last endpoint, as
 * in a Python dict.
 *
 * The count is held against the bytes left before anything is read for it: a few bytes that claim
 * four billion entries cost nothing (defect D12).
 *
 * @throws {MalformedError} when the bytes end early, or a string is not UTF-8.
 */
export function decodePeers(bytes: Uint8Array): DecodedPeers {
  const reader = new ByteReader(bytes);
  const nodeId = reader.string();
  const signatureAt = reader.offset;
  const signature = reader.bytes();
  const countAt = reader.offset;
  const count = reader.uint32();
  if (count * ENTRY_BYTES_MIN > reader.remaining) {
    throw new MalformedError(`Cannot read ${count} peers: ${reader.remaining} bytes remain`);
  }
  const entries = new Map<string, PeerEntry>();
  for (let index = 0; index < count; index++) {
    const entryId = reader.string();
    entries.set(entryId, { nodeId: entryId, ...decodeEndpoint(reader.bytes()) });
  }
  const signedPart = new ByteWriter(signatureAt + reader.offset - countAt)
    .raw(reader.span(0, signatureAt))
    .raw(reader.span(countAt))
    .finish();
  const packet = { nodeId, signature, entries: [...entries.values()] };
  return { packet, signedPart, trailing: reader.rest() };
}
