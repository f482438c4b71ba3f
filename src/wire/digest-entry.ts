/**
 * An entry of a digest: which version of one state is held. It is hashed as it is sent.
 *
 *     string    owner      node id
 *     float64   version    Unix seconds
 *     raw 8     root       its first bytes
 * @module
 */
import type { ByteReader } from "../bytes/reader.ts";
import type { ByteWriter } from "../bytes/writer.ts";
import { MalformedError } from "../errors.ts";
import { NODE_ID_BYTES_MIN, nodeIdFault, versionFault } from "./native-fields.ts";

/** The version that is held of a state. */
export interface DigestEntry {
  readonly owner: string;
  readonly version: number;
  /** First 8 bytes of the root. */
  readonly root: Uint8Array;
}

const ROOT_BYTES = 8;
/** The least that one takes. */
export const ENTRY_BYTES_MIN = NODE_ID_BYTES_MIN + 8 + ROOT_BYTES;

/** @throws {RangeError} when the owner has no UTF-8 form, or a field passes a limit. */
export function writeEntry(writer: ByteWriter, { owner, version, root }: DigestEntry): void {
  const fault = nodeIdFault(owner) ?? versionFault(version) ?? rootFault(root);
  if (fault !== undefined) throw new RangeError(`Cannot write DIGEST: ${fault}`);
  writer.string(owner).float64(version).raw(root);
}

function rootFault(root: Uint8Array): string | undefined {
  return root.length === ROOT_BYTES ? undefined : `${root.length} bytes of a root`;
}

/** Its root is a VIEW. @throws {MalformedError} when the bytes end early, or a field passes a limit. */
export function readEntry(reader: ByteReader): DigestEntry {
  const owner = reader.string();
  const version = reader.float64();
  const fault = nodeIdFault(owner) ?? versionFault(version);
  if (fault !== undefined) throw new MalformedError(`Cannot read DIGEST: ${fault}`);
  return { owner, version, root: reader.raw(ROOT_BYTES) };
}
