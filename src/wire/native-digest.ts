/**
 * DIGEST (message type 19): which version of each state is held, so that both sides find out what
 * they lack. The summary comes alone first: most of the time nothing differs.
 *
 *     raw 8   summary        summaryOf() all entries
 *     flag    whether the entries follow
 *     list    at most 4096 entries, each owner once:
 *       string    owner      node id
 *       float64   version    Unix seconds
 *       raw 8     root       its first bytes
 *
 * The answer:
 *
 *     byte    kind           0 same, 1 differs: send the entries, 2 states
 *
 *     states:
 *       list    wanted       at most 4096 node ids, each once: what the answerer lacks
 *       flag    whether there is more than fits: ask again
 *       bytes   states       what the asker lacks, see `native-states.ts`
 * @module
 */
import { createHash } from "node:crypto";
import { ByteReader } from "../bytes/reader.ts";
import { ByteWriter } from "../bytes/writer.ts";
import { MalformedError } from "../errors.ts";
import {
  checkCount,
  ITEMS_MAX,
  type ListLimits,
  NODE_ID_BYTES_MIN,
  nodeIdFault,
  readFlag,
  readList,
  versionFault,
} from "./native-fields.ts";

/** The version that is held of a state. */
export interface DigestEntry {
  readonly owner: string;
  readonly version: number;
  /** First 8 bytes of the root. */
  readonly root: Uint8Array;
}

/** What the asker holds. Of one that was decoded, summary and roots are views. */
export interface DigestRequest {
  /** 8 bytes: {@link summaryOf} the entries, whether they follow or not. */
  readonly summary: Uint8Array;
  /** `undefined` until the summary has turned out to differ. */
  readonly entries: readonly DigestEntry[] | undefined;
}

/** How a digest compares with the answerer's own. */
export type DigestAnswer =
  /** Nobody lacks anything. */
  | { readonly kind: "same" }
  /** Send the entries. */
  | { readonly kind: "differs" }
  | {
      readonly kind: "states";
      /** Owners whose states the answerer lacks. */
      readonly wanted: readonly string[];
      /** Whether the asker lacks more than this: ask again. */
      readonly more: boolean;
      /** What the asker lacks: `encodeStates()`. Of an answer that was decoded, a view. */
      readonly states: Uint8Array;
    };

const SUMMARY_BYTES = 8;
const ROOT_BYTES = 8;
const KINDS = ["same", "differs", "states"] as const;

const ENTRIES: ListLimits = {
  of: "digest entries",
  itemBytesMin: NODE_ID_BYTES_MIN + 8 + ROOT_BYTES,
  countMax: ITEMS_MAX,
};
const WANTED: ListLimits = {
  of: "wanted states",
  itemBytesMin: NODE_ID_BYTES_MIN,
  countMax: ITEMS_MAX,
};

/**
 * 8 bytes that differ when anything differs: the first of SHA-256 over the entries as the message
 * has them, without a count, sorted by the UTF-8 bytes of their owners.
 *
 * @param entries In any order, each owner once.
 * @throws {RangeError} when an entry could not be sent.
 */
export function summaryOf(entries: readonly DigestEntry[]): Uint8Array {
  // Comparing units is right, and fast, wherever no surrogates are: these come before U+E000.
  const hasSurrogates = entries.some(({ owner }) => SURROGATE_UNIT.test(owner));
  const writer = new ByteWriter(entries.length * 48);
  for (const entry of [...entries].sort(hasSurrogates ? byBytes : byUnits)) {
    writeEntry(writer, entry);
  }
  const hash = createHash("sha256").update(writer.finish()).digest();
  return Uint8Array.from(hash.subarray(0, SUMMARY_BYTES));
}

function byUnits(a: DigestEntry, b: DigestEntry): number {
  return a.owner < b.owner ? -1 : Number(a.owner > b.owner);
}

function byBytes(a: DigestEntry, b: DigestEntry): number {
  return Buffer.compare(Buffer.from(a.owner), Buffer.from(b.owner));
}

// Without the u flag a unit is a character.
const SURROGATE_UNIT = /[\ud800-\udfff]/;

/** @throws {RangeError} when an owner has no UTF-8 form, or a field passes a limit. */
export function encodeDigestRequest({ summary, entries }: DigestRequest): Uint8Array {
  if (summary.length !== SUMMARY_BYTES) {
    throw new RangeError(`Cannot write DIGEST: a summary of ${summary.length} bytes`);
  }
  const writer = new ByteWriter().raw(summary).byte(Number(entries !== undefined));
  if (entries === undefined) return writer.finish();
  checkCount(entries.length, ENTRIES);
  if (isOneTwice(entries.map(({ owner }) => owner))) {
    throw new RangeError("Cannot write DIGEST: an owner comes twice");
  }
  writer.uint32(entries.length);
  for (const entry of entries) writeEntry(writer, entry);
  return writer.finish();
}

function writeEntry(writer: ByteWriter, { owner, version, root }: DigestEntry): void {
  const fault = nodeIdFault(owner) ?? versionFault(version) ?? rootFault(root);
  if (fault !== undefined) throw new RangeError(`Cannot write DIGEST: ${fault}`);
  writer.string(owner).float64(version).raw(root);
}

function rootFault(root: Uint8Array): string | undefined {
  return root.length === ROOT_BYTES ? undefined : `${root.length} bytes of a root`;
}

/**
 * Reads a DIGEST message. Whether its summary is that of its entries is not checked. Summary and
 * roots are VIEWS.
 *
 * @throws {MalformedError} when the bytes end early, an owner is not UTF-8 or comes twice, or a
 *   field passes a limit.
 */
export function decodeDigestRequest(payload: Uint8Array): DigestRequest {
  const reader = new ByteReader(payload);
  const summary = reader.raw(SUMMARY_BYTES);
  if (!readFlag(reader)) return { summary, entries: undefined };
  const entries = readList(reader, ENTRIES, () => readEntry(reader));
  if (isOneTwice(entries.map(({ owner }) => owner))) {
    throw new MalformedError("Cannot read DIGEST: an owner comes twice");
  }
  return { summary, entries };
}

function readEntry(reader: ByteReader): DigestEntry {
  const owner = reader.string();
  const version = reader.float64();
  const fault = nodeIdFault(owner) ?? versionFault(version);
  if (fault !== undefined) throw new MalformedError(`Cannot read DIGEST: ${fault}`);
  return { owner, version, root: reader.raw(ROOT_BYTES) };
}

/** @throws {RangeError} when an owner has no UTF-8 form, or the list of those wanted a limit. */
export function encodeDigestAnswer(answer: DigestAnswer): Uint8Array {
  const kind = KINDS.indexOf(answer.kind);
  if (answer.kind !== "states") return Uint8Array.of(kind);
  const { wanted, more, states } = answer;
  checkCount(wanted.length, WANTED);
  const fault = wantedFault(wanted);
  if (fault !== undefined) throw new RangeError(`Cannot write DIGEST answer: ${fault}`);
  const writer = new ByteWriter(64 * wanted.length + states.length + 16);
  writer.byte(kind).uint32(wanted.length);
  for (const owner of wanted) writer.string(owner);
  return writer.byte(Number(more)).bytes(states).finish();
}

/**
 * Reads the answer to a DIGEST message. Its states are a VIEW, not decoded.
 *
 * @throws {MalformedError} when the bytes end early, the kind is unknown, or an owner is not
 *   UTF-8, comes twice or passes a limit.
 */
export function decodeDigestAnswer(payload: Uint8Array): DigestAnswer {
  const reader = new ByteReader(payload);
  const code = reader.byte();
  const kind = KINDS[code];
  if (kind === undefined) throw new MalformedError(`Cannot read DIGEST answer: a kind of ${code}`);
  if (kind !== "states") return { kind };
  const wanted = readList(reader, WANTED, () => reader.string());
  const fault = wantedFault(wanted);
  if (fault !== undefined) throw new MalformedError(`Cannot read DIGEST answer: ${fault}`);
  return { kind, wanted, more: readFlag(reader), states: reader.bytes() };
}

/** Each once: a state that is asked for a thousand times would be sent a thousand times. */
function wantedFault(wanted: readonly string[]): string | undefined {
  for (const owner of wanted) {
    const fault = nodeIdFault(owner);
    if (fault !== undefined) return fault;
  }
  return isOneTwice(wanted) ? "an owner comes twice" : undefined;
}

function isOneTwice(owners: readonly string[]): boolean {
  return new Set(owners).size < owners.length;
}
