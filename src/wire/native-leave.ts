/**
 * LEAVE (message type 22): a node stops, and says so. Answered by nothing.
 *
 *     string    owner          id of the node that leaves
 *     bytes     incarnation    16 bytes: the process that ends
 *     float64   issued         Unix seconds, later than every HELLO of that process
 *     bytes     signature      64 bytes, the leaver's, over the hash of leaveSignedPart()
 *
 * It is signed, so that others may pass it on to nodes that do not reach the leaver.
 * @module
 */
import { ByteReader } from "../bytes/reader.ts";
import { ByteWriter } from "../bytes/writer.ts";
import { MalformedError } from "../errors.ts";
import { nodeIdFault, versionFault } from "./native-fields.ts";

/** What is signed of it. */
export interface LeaveStatement {
  readonly owner: string;
  /** 16 bytes. Of a message that was decoded, a view. */
  readonly incarnation: Uint8Array;
  /** Unix seconds. */
  readonly issued: number;
}

export interface LeaveMessage extends LeaveStatement {
  /** 64 bytes. Of a message that was decoded, a view. */
  readonly signature: Uint8Array;
}

const INCARNATION_BYTES = 16;
const SIGNATURE_BYTES = 64;
const SIGNED_LABEL = new TextEncoder().encode("dsn leave 1\0");

/** @throws {RangeError} when the id has no UTF-8 form, or a field has another length. */
export function encodeLeave(leave: LeaveMessage): Uint8Array {
  const fault = faultOf(leave);
  if (fault !== undefined) throw new RangeError(`Cannot write LEAVE: ${fault}`);
  const { owner, incarnation, issued, signature } = leave;
  return new ByteWriter(4 + owner.length + 4 + INCARNATION_BYTES + 8 + 4 + SIGNATURE_BYTES)
    .string(owner)
    .bytes(incarnation)
    .float64(issued)
    .bytes(signature)
    .finish();
}

/**
 * Reads a LEAVE message. Its signature is not verified here, and is a VIEW, as is the incarnation.
 *
 * @throws {MalformedError} when the bytes end early, the id is not UTF-8, or a field has another
 *   length.
 */
export function decodeLeave(payload: Uint8Array): LeaveMessage {
  const reader = new ByteReader(payload);
  const leave = {
    owner: reader.string(),
    incarnation: reader.bytes(),
    issued: reader.float64(),
    signature: reader.bytes(),
  };
  const fault = faultOf(leave);
  if (fault !== undefined) throw new MalformedError(`Cannot read LEAVE: ${fault}`);
  return leave;
}

/** What the leaver signs, to be hashed: `"dsn leave 1\0"`, string owner, 16 bytes, float64 issued. */
export function leaveSignedPart({ owner, incarnation, issued }: LeaveStatement): Uint8Array {
  return new ByteWriter(SIGNED_LABEL.length + 4 + owner.length + INCARNATION_BYTES + 8)
    .raw(SIGNED_LABEL)
    .string(owner)
    .raw(incarnation)
    .float64(issued)
    .finish();
}

function faultOf({ owner, incarnation, issued, signature }: LeaveMessage): string | undefined {
  if (incarnation.length !== INCARNATION_BYTES) {
    return `an incarnation of ${incarnation.length} bytes`;
  }
  if (signature.length !== SIGNATURE_BYTES) return `a signature of ${signature.length} bytes`;
  return nodeIdFault(owner) ?? versionFault(issued);
}
