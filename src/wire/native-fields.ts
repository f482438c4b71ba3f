/**
 * What the native messages have in common: who owns a state, which version of it, how many there
 * are. Faults are half-sentences, so that what we refuse to read we refuse to write as well.
 *
 *     byte   1 byte
 *     flag   1 byte: 0 = no, 1 = yes
 *     list   uint32 count, then that many
 *
 * What trails a native message is ignored, so that newer versions can append.
 * @module
 */
import type { ByteReader } from "../bytes/reader.ts";
import { MalformedError } from "../errors.ts";
import { NODE_ID_CHARACTERS_MAX } from "./node-id.ts";

/** Items of one message: as many as there can be members. */
export const ITEMS_MAX = 4_096;

/** A uint32 length and one character: the least that a node id takes. */
export const NODE_ID_BYTES_MIN = 5;

/** Whether an id has a length that ids have. Its characters are not looked at: see `isNodeId`. */
export function nodeIdFault(nodeId: string): string | undefined {
  if (nodeId === "") return "a node id is empty";
  // Characters are code points, one or two units each: most ids need no counting.
  const isLong =
    nodeId.length > 2 * NODE_ID_CHARACTERS_MAX ||
    (nodeId.length > NODE_ID_CHARACTERS_MAX && [...nodeId].length > NODE_ID_CHARACTERS_MAX);
  return isLong ? `a node id of more than ${NODE_ID_CHARACTERS_MAX} characters` : undefined;
}

/** Whether a number can be a version, or 0 where none is held. */
export function versionFault(version: number): string | undefined {
  return Number.isFinite(version) && version >= 0 ? undefined : `a version of ${version}`;
}

/** @throws {MalformedError} at the end of the bytes, or for a byte that is neither 0 nor 1. */
export function readFlag(reader: ByteReader): boolean {
  const byte = reader.byte();
  if (byte > 1) throw new MalformedError(`Cannot read a flag: ${byte}, must be 0 or 1`);
  return byte === 1;
}

/** What a list may hold. */
export interface ListLimits {
  /** What its items are called. */
  readonly of: string;
  /** The least that one takes. */
  readonly itemBytesMin: number;
  readonly countMax: number;
}

/**
 * A count, then as many items. The count is held against its limit and the bytes left before
 * anything is read for it: one that was made up costs nothing.
 *
 * @throws {MalformedError} when the count cannot be, and as `item` does.
 */
export function readList<Item>(reader: ByteReader, limits: ListLimits, item: () => Item): Item[] {
  const count = readCount(reader, limits);
  const items: Item[] = [];
  for (let index = 0; index < count; index += 1) items.push(item());
  return items;
}

/** The count of {@link readList} alone. */
export function readCount(reader: ByteReader, { of, itemBytesMin, countMax }: ListLimits): number {
  const count = reader.uint32();
  if (count > countMax) {
    throw new MalformedError(`Cannot read ${count} ${of}: at most ${countMax}`);
  }
  if (count * itemBytesMin > reader.remaining) {
    throw new MalformedError(`Cannot read ${count} ${of}: ${reader.remaining} bytes remain`);
  }
  return count;
}

/** @throws {RangeError} when a list is longer than may be read. */
export function checkCount(count: number, { of, countMax }: ListLimits): void {
  if (count > countMax) throw new RangeError(`Cannot write ${count} ${of}: at most ${countMax}`);
}

const HELLO_BYTES_MAX = 8 * 1024;

/** Whether the bytes can be a HELLO and its block. They are not read here. */
export function helloFault(hello: Uint8Array): string | undefined {
  const fits = hello.length > 0 && hello.length <= HELLO_BYTES_MAX;
  return fits ? undefined : `a HELLO of ${hello.length} bytes`;
}
