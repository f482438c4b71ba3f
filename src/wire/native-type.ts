/**
 * The messages between two native nodes, which only a session carries. APPEND ONLY: numbers are
 * the wire. Those below 16 are the Python wire's, in `message-type.ts`.
 *
 * `docs/protocol.md`, Native messages.
 * @module
 */
import { MessageType, messageName } from "./message-type.ts";

/** The first byte of each native message. */
export const NativeType = {
  /** Nothing, answered by nothing: the peer lives. */
  ALIVE: 16,
  /** Bytes from one application to another. */
  BYTES: 17,
  /** Versions of states, their proofs among them; answered by what is held now. */
  STATES: 18,
  /** Which version of each state is held; answered by what the asker lacks. */
  DIGEST: 19,
  /** The signed HELLOs of all members. */
  MEMBERS: 20,
  /** A HELLO to pass on to a node that the asker does not reach; answered by that node's HELLO. */
  RELAY: 21,
  /** A node stops, and says so: signed, so that it can be passed on. */
  LEAVE: 22,
  /** Which versions of others are held; answered by which of them the peer lacks. */
  OFFER: 23,
  /** Signed HELLOs of members that the peer may not know. */
  INTRODUCE: 24,
} as const;

/** One of the native messages, by its number. */
export type NativeType = (typeof NativeType)[keyof typeof NativeType];

/** Any message: of the Python wire or native. */
export type AnyType = MessageType | NativeType;

const NATIVE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(NativeType).map(([name, type]) => [type, name]),
);

/** Whether only a session may carry it. */
export function isNativeType(type: number): type is NativeType {
  return NATIVE_NAMES.has(type);
}

/** Whether it is a message at all. */
export function isAnyType(type: number): type is AnyType {
  return isNativeType(type) || (type >= MessageType.HELLO && type <= MessageType.DATA);
}

/** What any message is called in logs and errors. */
export function anyName(type: AnyType): string {
  return isNativeType(type) ? (NATIVE_NAMES.get(type) ?? "") : messageName(type);
}
