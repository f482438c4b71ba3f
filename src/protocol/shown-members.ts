/**
 * Members as native peers show them to each other: their signed HELLOs, and where they are reached.
 * @module
 */
import { toHex } from "../bytes/hex.ts";
import { isHostAddress, isPort } from "../wire/address.ts";
import { decodeHello } from "../wire/hello.ts";
import { decodeHelloBlock, type HelloBlock } from "../wire/hello-block.ts";
import type { MemberEntry } from "../wire/native-members.ts";
import { isReached, type Member, type SignedHello } from "./member.ts";
import type { Named } from "./peer-lists.ts";
import { LIMITS } from "./settings.ts";

/** HELLOs of one message: so many fit it, however long they are. */
export const HELLOS_MAX = 480;
/** Of an entry, besides its HELLO and the name in its endpoint. */
const ENTRY_BYTES = 32;

/**
 * How members are shown to others, the first ones first: whoever makes HELLOs long must not make a
 * message that nobody takes.
 */
export function entriesOf(members: readonly Member[]): MemberEntry[] {
  let bytes = ENTRY_BYTES;
  const entries: MemberEntry[] = [];
  for (const entry of members.flatMap(entryOf)) {
    bytes += ENTRY_BYTES + entry.hello.length + (entry.endpoint?.address.length ?? 0);
    if (bytes > LIMITS.membersAnswerBytesMax) break;
    entries.push(entry);
  }
  return entries;
}

/** Empty when it is not shown. */
function entryOf(member: Member): MemberEntry[] {
  const { hello, endpoint } = member;
  if (hello === undefined || endpoint === undefined || !isReached(member)) return [];
  return [{ role: hello.role, hello: hello.bytes, endpoint }];
}

/** A member that was shown, before any of it is verified. */
export interface ReadEntry extends Partial<Named> {
  readonly nodeId: string;
  readonly signed: SignedHello;
  /** As hex; undefined for nodes without a block. */
  readonly incarnation: string | undefined;
  readonly issued: number;
}

/** Empty for what is no HELLO. */
export function readEntry({ role, hello, endpoint }: MemberEntry): ReadEntry[] {
  let nodeId: string;
  let block: HelloBlock | undefined;
  try {
    const decoded = decodeHello(hello);
    ({ nodeId } = decoded.hello);
    block = decodeHelloBlock(decoded.trailing)?.block;
  } catch {
    return [];
  }
  const usable = endpoint !== undefined && isHostAddress(endpoint.address) && isPort(endpoint.port);
  const signed = { role, bytes: hello };
  const incarnation = block && toHex(block.incarnation);
  const entry = { nodeId, signed, incarnation, issued: block?.issued ?? 0 };
  return [usable ? { ...entry, endpoint } : entry];
}
