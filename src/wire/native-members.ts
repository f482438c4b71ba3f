/**
 * MEMBERS (message type 20): the signed HELLOs of all members, so that one peer is enough to meet
 * everybody.
 *
 *     raw 8   summary        of the members that the asker has
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
import { checkCount, helloFault, ITEMS_MAX, type ListLimits, readList } from "./native-fields.ts";

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
}

export type MembersAnswer =
  /** The asker has them all. */
  | { readonly kind: "same" }
  | { readonly kind: "members"; readonly members: readonly MemberEntry[] };

const SUMMARY_BYTES = 8;
const KINDS = ["same", "members"] as const;
const ROLES: readonly HelloRole[] = ["request", "answer"];

const MEMBERS: ListLimits = { of: "members", itemBytesMin: 1 + 5 + 4, countMax: ITEMS_MAX };

/** @throws {RangeError} when the summary has another length. */
export function encodeMembersRequest({ summary }: MembersRequest): Uint8Array {
  if (summary.length !== SUMMARY_BYTES) {
    throw new RangeError(`Cannot write MEMBERS: a summary of ${summary.length} bytes`);
  }
  return Uint8Array.from(summary);
}

/** @throws {MalformedError} when the bytes end early. The summary is a VIEW. */
export function decodeMembersRequest(payload: Uint8Array): MembersRequest {
  return { summary: new ByteReader(payload).raw(SUMMARY_BYTES) };
}

/** @throws {RangeError} when an endpoint cannot be written, or something passes a limit. */
export function encodeMembersAnswer(answer: MembersAnswer): Uint8Array {
  const kind = KINDS.indexOf(answer.kind);
  if (answer.kind === "same") return Uint8Array.of(kind);
  const { members } = answer;
  checkCount(members.length, MEMBERS);
  const writer = new ByteWriter(members.reduce((sum, { hello }) => sum + hello.length + 64, 5));
  writer.byte(kind).uint32(members.length);
  for (const { role, hello, endpoint } of members) {
    const fault = helloFault(hello);
    if (fault !== undefined) throw new RangeError(`Cannot write MEMBERS answer: ${fault}`);
    writer
      .byte(ROLES.indexOf(role))
      .bytes(hello)
      .bytes(endpoint === undefined ? new Uint8Array() : encodeEndpoint(endpoint));
  }
  return writer.finish();
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
  return { kind, members: readList(reader, MEMBERS, () => readMember(reader)) };
}

function readMember(reader: ByteReader): MemberEntry {
  const code = reader.byte();
  const role = ROLES[code];
  if (role === undefined) throw new MalformedError(`Cannot read MEMBERS answer: a role of ${code}`);
  const hello = reader.bytes();
  const fault = helloFault(hello);
  if (fault !== undefined) throw new MalformedError(`Cannot read MEMBERS answer: ${fault}`);
  const endpoint = reader.bytes();
  return { role, hello, endpoint: endpoint.length === 0 ? undefined : decodeEndpoint(endpoint) };
}
