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

/** HELLOs of one message. */
export const HELLOS_MAX = 1_000;

/** How a member is shown to others; empty when it is not. */
export function entryOf(member: Member): MemberEntry[] {
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
