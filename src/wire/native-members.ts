/**
 * MEMBERS (message type 20): the signed HELLOs of all members, so that one peer is enough to meet
 * everybody.
 *
 *     raw 8   summary        of the members that the asker has
 *     flag    whether only some are asked for
 *     list    those: at most 4096 node ids
 *
 * The answer:
 *
 *     byte    kind           0 same, 1 members
 *
 *     members:
 *       list    at most 4096 members:
 *         byte      role     0 request, 1 answer: as which the HELLO was signed
 *         bytes     hello    HELLO and its block as they came, 1 byte to 8 KiB
 *         bytes     endpoint where the answerer reaches it, see `endpoint.ts`; empty = it does not
 *
 * Each HELLO is verified by itself; nothing else proves anything.
 * @module
 */
import { ByteReader } from "../bytes/reader.ts";
import { ByteWriter } from "../bytes/writer.ts";
import { MalformedError } from "../errors.ts";
import { decodeEndpoint, encodeEndpoint, type WireEndpoint } from "./endpoint.ts";
import type { HelloRole } from "./hello-block.ts";
import {
  checkCount,
  helloFault,
  ITEMS_MAX,
  type ListLimits,
  NODE_ID_BYTES_MIN,
  nodeIdFault,
  readFlag,
  readList,
} from "./native-fields.ts";

/** What a member said of itself, and where the sender of this reaches it. */
export interface MemberEntry {
  /** As which it was signed. */
  readonly role: HelloRole;
  /** HELLO and its block, as it came. Of one that was decoded, a view. */
  readonly hello: Uint8Array;
  /** `undefined` where the sender does not reach it itself. Unchecked: see `isHostAddress`. */
  readonly endpoint: WireEndpoint | undefined;
}

export interface MembersRequest {
  /** 8 bytes. Of one that was decoded, a view. */
  readonly summary: Uint8Array;
  /** Whom alone the asker wants to know; `undefined` for everybody. */
  readonly nodeIds?: readonly string[] | undefined;
}

export type MembersAnswer =
  /** The asker has them all. */
  | { readonly kind: "same" }
  | { readonly kind: "members"; readonly members: readonly MemberEntry[] };

const SUMMARY_BYTES = 8;
const KINDS = ["same", "members"] as const;
const ROLES: readonly HelloRole[] = ["request", "answer"];

const NODE_IDS: ListLimits = {
  of: "node ids",
  itemBytesMin: NODE_ID_BYTES_MIN,
  countMax: ITEMS_MAX,
};
const MEMBERS: ListLimits = { of: "members", itemBytesMin: 1 + 5 + 4, countMax: ITEMS_MAX };

/** @throws {RangeError} when the summary has another length, or an id passes a limit. */
export function encodeMembersRequest({ summary, nodeIds }: MembersRequest): Uint8Array {
  if (summary.length !== SUMMARY_BYTES) {
    throw new RangeError(`Cannot write MEMBERS: a summary of ${summary.length} bytes`);
  }
  const writer = new ByteWriter().raw(summary).byte(Number(nodeIds !== undefined));
  if (nodeIds === undefined) return writer.finish();
  checkCount(nodeIds.length, NODE_IDS);
  writer.uint32(nodeIds.length);
  for (const nodeId of nodeIds) {
    const fault = nodeIdFault(nodeId);
    if (fault !== undefined) throw new RangeError(`Cannot write MEMBERS: ${fault}`);
    writer.string(nodeId);
  }
  return writer.finish();
}

/**
 * Reads a MEMBERS message. The summary is a VIEW.
 *
 * @throws {MalformedError} when the bytes end early, or an id passes a limit.
 */
export function decodeMembersRequest(payload: Uint8Array): MembersRequest {
  const reader = new ByteReader(payload);
  const summary = reader.raw(SUMMARY_BYTES);
  if (!readFlag(reader)) return { summary, nodeIds: undefined };
  const nodeIds = readList(reader, NODE_IDS, () => {
    const nodeId = reader.string();
    const fault = nodeIdFault(nodeId);
    if (fault !== undefined) throw new MalformedError(`Cannot read MEMBERS: ${fault}`);
    return nodeId;
  });
  return { summary, nodeIds };
}

/** @throws {RangeError} when an endpoint cannot be written, or something passes a limit. */
export function encodeMembersAnswer(answer: MembersAnswer): Uint8Array {
  const kind = KINDS.indexOf(answer.kind);
  if (answer.kind === "same") return Uint8Array.of(kind);
  return writeMembers(new ByteWriter(bytesOf(answer.members) + 1).byte(kind), answer.members);
}

/**
 * Reads the answer to a MEMBERS message. The HELLOs are VIEWS, neither decoded nor verified.
 *
 * @throws {MalformedError} when the bytes end early, a kind or role is unknown, a HELLO is empty or
 *   too long, or an endpoint cannot be read.
 */
export function decodeMembersAnswer(payload: Uint8Array): MembersAnswer {
  const reader = new ByteReader(payload);
  const code = reader.byte();
  const kind = KINDS[code];
  if (kind === undefined) throw new MalformedError(`Cannot read MEMBERS answer: a kind of ${code}`);
  if (kind === "same") return { kind };
  return { kind, members: readMembers(reader) };
}

/**
 * INTRODUCE (message type 24): members that the peer may not know, as a MEMBERS answer lists them
 * after its kind. Answered by nothing, once they are entered.
 *
 * @throws {RangeError} when an endpoint cannot be written, or something passes a limit.
 */
export function encodeIntroduce(members: readonly MemberEntry[]): Uint8Array {
  return writeMembers(new ByteWriter(bytesOf(members)), members);
}

/**
 * Reads an INTRODUCE message. The HELLOs are VIEWS, neither decoded nor verified.
 *
 * @throws {MalformedError} as {@link decodeMembersAnswer}.
 */
export function decodeIntroduce(payload: Uint8Array): MemberEntry[] {
  return readMembers(new ByteReader(payload));
}

function bytesOf(members: readonly MemberEntry[]): number {
  return members.reduce((sum, { hello }) => sum + hello.length + 64, 4);
}

function writeMembers(writer: ByteWriter, members: readonly MemberEntry[]): Uint8Array {
  checkCount(members.length, MEMBERS);
  writer.uint32(members.length);
  for (const { role, hello, endpoint } of members) {
    const fault = helloFault(hello);
    if (fault !== undefined) throw new RangeError(`Cannot write members: ${fault}`);
    writer
      .byte(ROLES.indexOf(role))
      .bytes(hello)
      .bytes(endpoint === undefined ? new Uint8Array() : encodeEndpoint(endpoint));
  }
  return writer.finish();
}

function readMembers(reader: ByteReader): MemberEntry[] {
  return readList(reader, MEMBERS, () => {
    const code = reader.byte();
    const role = ROLES[code];
    if (role === undefined) throw new MalformedError(`Cannot read members: a role of ${code}`);
    const hello = reader.bytes();
    const fault = helloFault(hello);
    if (fault !== undefined) throw new MalformedError(`Cannot read members: ${fault}`);
    const endpoint = reader.bytes();
    return { role, hello, endpoint: endpoint.length === 0 ? undefined : decodeEndpoint(endpoint) };
  });
}
