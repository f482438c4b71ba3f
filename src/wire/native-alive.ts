/**
 * ALIVE (message type 16): does the peer live? Answered by nothing.
 *
 *     list    at most 64
 *       string    node id    a node that the asker suspects to be gone
 *
 * Fewer than four bytes are none: whom the asker suspects is said when it begins to.
 * @module
 */
import { ByteReader } from "../bytes/reader.ts";
import { ByteWriter } from "../bytes/writer.ts";
import { MalformedError } from "../errors.ts";
import {
  checkCount,
  type ListLimits,
  NODE_ID_BYTES_MIN,
  nodeIdFault,
  readList,
} from "./native-fields.ts";

const SUSPECTS: ListLimits = { of: "suspects", itemBytesMin: NODE_ID_BYTES_MIN, countMax: 64 };
const COUNT_BYTES = 4;

/** @throws {RangeError} when an id has no UTF-8 form, or there are more than 64. */
export function encodeAlive(suspects: readonly string[]): Uint8Array {
  if (suspects.length === 0) return new Uint8Array();
  checkCount(suspects.length, SUSPECTS);
  const writer = new ByteWriter().uint32(suspects.length);
  for (const nodeId of suspects) {
    const fault = nodeIdFault(nodeId);
    if (fault !== undefined) throw new RangeError(`Cannot write ALIVE: ${fault}`);
    writer.string(nodeId);
  }
  return writer.finish();
}

/** @throws {MalformedError} when the bytes end early, an id is not UTF-8, or a limit is passed. */
export function decodeAlive(payload: Uint8Array): string[] {
  if (payload.length < COUNT_BYTES) return [];
  const reader = new ByteReader(payload);
  return readList(reader, SUSPECTS, () => {
    const nodeId = reader.string();
    const fault = nodeIdFault(nodeId);
    if (fault !== undefined) throw new MalformedError(`Cannot read ALIVE: ${fault}`);
    return nodeId;
  });
}
