/**
 * STATES (message type 18): versions of states, each in the form that its receiver can use.
 *
 *     list    at most 4096 items, an owner more than once if need be:
 *       byte      form         0 delta, 1 snapshot, 2 proof, 3 python
 *       string    owner        node id
 *
 *     then, for form 0 to 2:
 *       float64   version      Unix seconds
 *       bytes     signature    64 bytes over the hash of rootSignedPart(), or empty = it follows
 *                              in a proof; a proof has one
 *     delta:
 *       float64   base         the version that it changes, below its own
 *       list      changes      each key once:
 *         string    key        at most 1024 bytes
 *         flag      whether a value follows; none = the entry is removed
 *         string    value
 *     snapshot:
 *       list      entries      each key once:
 *         string    key        at most 1024 bytes
 *         string    value
 *     python:
 *       bytes     packet       a state packet of its owner as it came, see `state-packet.ts`
 *
 * The answer says what its sender holds now of each owner that was shown to it:
 *
 *     list    at most 4096 acks:
 *       string    owner
 *       float64   held         version; 0 = none
 *       byte      wants        0 nothing, 1 snapshot, 2 member, 3 less
 *
 * *Member* wants the HELLO of an owner that it does not know, and its state after that. *Less* had
 * it already: what others own need not be sent to it before it is offered.
 * @module
 */
import { ByteReader } from "../bytes/reader.ts";
import { ByteWriter } from "../bytes/writer.ts";
import { MalformedError } from "../errors.ts";
import {
  checkCount,
  ITEMS_MAX,
  type ListLimits,
  NODE_ID_BYTES_MIN,
  nodeIdFault,
  readCount,
  readFlag,
  readList,
  versionFault,
} from "./native-fields.ts";

/** An entry that another version has otherwise. `undefined` = removed. */
export type Change = readonly [key: string, value: string | undefined];

/**
 * A version of a state, or the signature of one. Without a signature it is provisional: its proof
 * follows. Of one that was decoded, signature and packet are views: copy what you keep.
 */
export type StateItem =
  /** What changed since `base`. */
  | {
      readonly form: "delta";
      readonly owner: string;
      readonly version: number;
      readonly base: number;
      readonly changes: readonly Change[];
      readonly signature: Uint8Array | undefined;
    }
  /** All of it. */
  | {
      readonly form: "snapshot";
      readonly owner: string;
      readonly version: number;
      readonly entries: ReadonlyMap<string, string>;
      readonly signature: Uint8Array | undefined;
    }
  /** The signature of a version that came without. */
  | {
      readonly form: "proof";
      readonly owner: string;
      readonly version: number;
      readonly signature: Uint8Array;
    }
  /** A signed state packet of a Python owner, verbatim. */
  | { readonly form: "python"; readonly owner: string; readonly packet: Uint8Array };

const FORMS = ["delta", "snapshot", "proof", "python"] as const;
const SIGNATURE_BYTES = 64;
/** It follows in a proof. */
const NO_SIGNATURE = new Uint8Array();
const KEY_BYTES_MAX = 1_024;

/** The smallest item is an empty packet: form, owner, length. */
const ITEMS: ListLimits = {
  of: "states",
  itemBytesMin: 1 + NODE_ID_BYTES_MIN + 4,
  countMax: ITEMS_MAX,
};
/** Their number is limited by the bytes that they take. */
const CHANGES: ListLimits = { of: "changes", itemBytesMin: 4 + 1, countMax: 0xffff_ffff };
const ENTRIES: ListLimits = { of: "entries", itemBytesMin: 4 + 4, countMax: 0xffff_ffff };

/** @throws {RangeError} when a string has no UTF-8 form, or an item passes a limit. */
export function encodeStates(items: readonly StateItem[]): Uint8Array {
  checkCount(items.length, ITEMS);
  const capacity = items.reduce((sum, item) => sum + lengthOf(item), 4);
  const writer = new ByteWriter(capacity).uint32(items.length);
  for (const item of items) {
    const fault = faultOf(item);
    if (fault !== undefined) throw new RangeError(`Cannot write STATES: ${fault}`);
    writeItem(writer, item);
  }
  return writer.finish();
}

function writeItem(writer: ByteWriter, item: StateItem): void {
  writer.byte(FORMS.indexOf(item.form)).string(item.owner);
  if (item.form === "python") {
    writer.bytes(item.packet);
    return;
  }
  writer.float64(item.version).bytes(item.signature ?? NO_SIGNATURE);
  if (item.form === "delta") {
    writer.float64(item.base).uint32(item.changes.length);
    for (const [key, value] of item.changes) {
      writer.string(key).byte(Number(value !== undefined));
      if (value !== undefined) writer.string(value);
    }
  } else if (item.form === "snapshot") {
    writer.uint32(item.entries.size);
    for (const [key, value] of item.entries) writer.string(key).string(value);
  }
}

/** How much room it takes as long as all is ASCII, so that large states are written once. */
function lengthOf(item: StateItem): number {
  const head = 1 + 4 + item.owner.length;
  if (item.form === "python") return head + 4 + item.packet.length;
  let length = head + 8 + 4 + SIGNATURE_BYTES;
  if (item.form === "delta") {
    length += 8 + 4;
    for (const [key, value = ""] of item.changes) length += 9 + key.length + value.length;
  } else if (item.form === "snapshot") {
    length += 4;
    for (const [key, value] of item.entries) length += 8 + key.length + value.length;
  }
  return length;
}

/**
 * Reads a STATES message. Nothing is verified here. Signatures and packets are VIEWS.
 *
 * @throws {MalformedError} when the bytes end early, a string is not UTF-8, a form is unknown, a
 *   key comes twice, or an item passes a limit.
 */
export function decodeStates(payload: Uint8Array): StateItem[] {
  const reader = new ByteReader(payload);
  return readList(reader, ITEMS, () => {
    const item = readItem(reader);
    const fault = faultOf(item);
    if (fault !== undefined) throw new MalformedError(`Cannot read STATES: ${fault}`);
    return item;
  });
}

function readItem(reader: ByteReader): StateItem {
  const code = reader.byte();
  const form = FORMS[code];
  if (form === undefined) throw new MalformedError(`Cannot read STATES: a form of ${code}`);
  const owner = reader.string();
  if (form === "python") return { form, owner, packet: reader.bytes() };
  const version = reader.float64();
  const signed = reader.bytes();
  if (form === "proof") return { form, owner, version, signature: signed };
  const signature = signed.length === 0 ? undefined : signed;
  return form === "delta"
    ? { form, owner, version, base: reader.float64(), changes: readChanges(reader), signature }
    : { form, owner, version, entries: readEntries(reader), signature };
}

function readChanges(reader: ByteReader): Change[] {
  return readList(reader, CHANGES, () => {
    const key = reader.string();
    return [key, readFlag(reader) ? reader.string() : undefined];
  });
}

function readEntries(reader: ByteReader): Map<string, string> {
  const count = readCount(reader, ENTRIES);
  const entries = new Map<string, string>();
  for (let index = 0; index < count; index++) entries.set(reader.string(), reader.string());
  if (entries.size < count) throw new MalformedError("Cannot read STATES: a key comes twice");
  return entries;
}

/** One list of rules for both directions: what we refuse to read we never write. */
function faultOf(item: StateItem): string | undefined {
  if (item.form === "python") return nodeIdFault(item.owner);
  const { owner, version, signature } = item;
  const fault = nodeIdFault(owner) ?? versionFault(version);
  if (fault !== undefined) return fault;
  if (signature !== undefined && signature.length !== SIGNATURE_BYTES) {
    return `a signature of ${signature.length} bytes`;
  }
  if (item.form === "delta") return deltaFault(item.base, version, item.changes);
  return item.form === "snapshot" ? keysFault(item.entries.keys()) : undefined;
}

function deltaFault(base: number, version: number, changes: readonly Change[]): string | undefined {
  const fault = versionFault(base);
  if (fault !== undefined) return fault;
  if (base >= version) return `a delta from ${base} to ${version}`;
  const keys = changes.map(([key]) => key);
  const twice = keys.length > 1 && new Set(keys).size < keys.length;
  return twice ? "a key comes twice" : keysFault(keys);
}

function keysFault(keys: Iterable<string>): string | undefined {
  for (const key of keys) {
    // A unit takes three bytes at most: most keys need no counting.
    if (key.length * 3 > KEY_BYTES_MAX && utf8.encode(key).length > KEY_BYTES_MAX) {
      return `a key of more than ${KEY_BYTES_MAX} bytes`;
    }
  }
  return undefined;
}

/** What a receiver holds now of each owner that was shown to it. */
export interface StateAck {
  readonly owner: string;
  /** The version held; 0 = none. */
  readonly held: number;
  readonly wants: "nothing" | "snapshot" | "member" | "less";
}

const WANTS = ["nothing", "snapshot", "member", "less"] as const;
const ACKS: ListLimits = {
  of: "acks",
  itemBytesMin: NODE_ID_BYTES_MIN + 8 + 1,
  countMax: ITEMS_MAX,
};

/** @throws {RangeError} when an owner has no UTF-8 form, or an ack passes a limit. */
export function encodeStateAcks(acks: readonly StateAck[]): Uint8Array {
  checkCount(acks.length, ACKS);
  const writer = new ByteWriter().uint32(acks.length);
  for (const { owner, held, wants } of acks) {
    const fault = nodeIdFault(owner) ?? versionFault(held);
    if (fault !== undefined) throw new RangeError(`Cannot write STATES acks: ${fault}`);
    writer.string(owner).float64(held).byte(WANTS.indexOf(wants));
  }
  return writer.finish();
}

/**
 * Reads the answer to a STATES message.
 *
 * @throws {MalformedError} when the bytes end early, an owner is not UTF-8, or an ack passes a
 *   limit.
 */
export function decodeStateAcks(payload: Uint8Array): StateAck[] {
  const reader = new ByteReader(payload);
  return readList(reader, ACKS, () => {
    const owner = reader.string();
    const held = reader.float64();
    const code = reader.byte();
    const wants = WANTS[code];
    const fault = nodeIdFault(owner) ?? versionFault(held);
    if (fault !== undefined || wants === undefined) {
      throw new MalformedError(`Cannot read STATES acks: ${fault ?? `wants of ${code}`}`);
    }
    return { owner, held, wants };
  });
}

/**
 * What an owner signs of each version, to be hashed: `"dsn state 1\0"`, string owner, float64
 * version, root. One signature does for the version in every form.
 *
 * @param root 32 bytes, of the entries after the version: see `crypto/state-root.ts`.
 * @throws {RangeError} when the root has another length, or the owner no UTF-8 form.
 */
export function rootSignedPart(owner: string, version: number, root: Uint8Array): Uint8Array {
  if (root.length !== ROOT_BYTES) {
    throw new RangeError(`Cannot write a signed root: of ${root.length} bytes`);
  }
  return new ByteWriter(SIGNED_LABEL.length + 4 + owner.length + 8 + ROOT_BYTES)
    .raw(SIGNED_LABEL)
    .string(owner)
    .float64(version)
    .raw(root)
    .finish();
}

const ROOT_BYTES = 32;
const utf8 = new TextEncoder();
const SIGNED_LABEL = utf8.encode("dsn state 1\0");
