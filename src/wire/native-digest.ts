/**
 * DIGEST (message type 19): which version of each state is held, so that both sides find out what
 * they lack. The summary comes alone first: most of the time nothing differs.
 *
 *     raw 8   summary        summaryOf() all entries
 *     byte    form           0 nothing follows, 1 entries, 2 buckets, 3 mask and entries
 *
 *     buckets:
 *       raw 8   64 times     bucketsOf() all entries
 *
 *     mask:
 *       raw 8   a bit for each bucket whose entries follow, that of bucket 0 the highest of the first byte
 *
 *     entries:
 *     list    at most 4096 entries, each owner once:
 *       string    owner      node id
 *       float64   version    Unix seconds
 *       raw 8     root       its first bytes
 *
 * The answer:
 *
 *     byte    kind           0 same, 1 differs: send the entries, 2 states, 3 buckets that differ
 *
 *     buckets that differ:
 *       raw 8   a mask
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
  /** In place of entries, where there are many: {@link bucketsOf} them. */
  readonly buckets?: Uint8Array | undefined;
  /** With entries: the buckets that they are all of; `undefined` for all there are. */
  readonly mask?: Uint8Array | undefined;
}

/** How a digest compares with the answerer's own. */
export type DigestAnswer =
  /** Nobody lacks anything. */
  | { readonly kind: "same" }
  /** Send the entries. */
  | { readonly kind: "differs" }
  /** Send the entries of these. */
  | { readonly kind: "buckets"; readonly mask: Uint8Array }
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
const KINDS = ["same", "differs", "states", "buckets"] as const;
const FORMS = ["summary", "entries", "buckets", "mask"] as const;
/** Into which owners fall. */
export const BUCKETS = 64;
const MASK_BYTES = BUCKETS / 8;

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
  return summaryOfBytes(writer.finish());
}

/** An entry as the message has it, for {@link summaryOfWritten}. @throws {RangeError} as {@link summaryOf}. */
export function writtenEntry(entry: DigestEntry): Uint8Array {
  const writer = new ByteWriter();
  writeEntry(writer, entry);
  return writer.finish().slice();
}

/** {@link summaryOf} entries that are written already. @param sorted By {@link compareOwners}. */
export function summaryOfWritten(sorted: readonly Uint8Array[]): Uint8Array {
  return summaryOfBytes(Buffer.concat(sorted));
}

function summaryOfBytes(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash("sha256").update(bytes).digest().subarray(0, SUMMARY_BYTES));
}

/** Compares two owners as their UTF-8 bytes do. */
export function compareOwners(a: string, b: string): number {
  if (SURROGATE_UNIT.test(a) || SURROGATE_UNIT.test(b)) {
    return Buffer.compare(Buffer.from(a), Buffer.from(b));
  }
  return a < b ? -1 : Number(a > b);
}

function byUnits(a: DigestEntry, b: DigestEntry): number {
  return a.owner < b.owner ? -1 : Number(a.owner > b.owner);
}

function byBytes(a: DigestEntry, b: DigestEntry): number {
  return Buffer.compare(Buffer.from(a.owner), Buffer.from(b.owner));
}

// Without the u flag a unit is a character.
const SURROGATE_UNIT = /[\ud800-\udfff]/;

/**
 * Which of the 64 buckets an owner is in, from 0.
 *
 * @param hash SHA-256 over the UTF-8 bytes of its id.
 */
export function bucketOf(hash: Uint8Array): number {
  return (hash[0] ?? 0) % BUCKETS;
}

/** The entries whose buckets are in the mask. */
export function inBuckets<One>(
  entries: readonly One[],
  mask: Uint8Array,
  bucket: (entry: One) => number,
): One[] {
  return entries.filter((entry) => {
    const index = bucket(entry);
    return ((mask[index >> 3] ?? 0) & (0x80 >> (index & 7))) !== 0;
  });
}

/**
 * 64 times the 8 bytes of {@link summaryOf}, of the entries in each bucket.
 *
 * @param bucket Which bucket an entry is in: {@link bucketOf} its owner.
 */
export function bucketsOf<One extends DigestEntry>(
  entries: readonly One[],
  bucket: (entry: One) => number,
): Uint8Array {
  const filled: One[][] = Array.from({ length: BUCKETS }, () => []);
  for (const entry of entries) filled[bucket(entry)]?.push(entry);
  return joinedBuckets((index) => {
    const some = filled[index] ?? [];
    return some.length === 0 ? undefined : summaryOf(some);
  });
}

/** The summaries of all buckets, one behind the other. @param summary Of one; undefined if it is empty. */
export function joinedBuckets(summary: (bucket: number) => Uint8Array | undefined): Uint8Array {
  const buckets = new Uint8Array(BUCKETS * SUMMARY_BYTES);
  for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
    buckets.set(summary(bucket) ?? NOTHING, bucket * SUMMARY_BYTES);
  }
  return buckets;
}

/** A mask of the buckets that are not the same in both. */
export function differingBuckets(ours: Uint8Array, theirs: Uint8Array): Uint8Array {
  const mask = new Uint8Array(MASK_BYTES);
  for (let index = 0; index < BUCKETS; index += 1) {
    const from = index * SUMMARY_BYTES;
    const to = from + SUMMARY_BYTES;
    if (Buffer.compare(ours.subarray(from, to), theirs.subarray(from, to)) === 0) continue;
    mask[index >> 3] = (mask[index >> 3] ?? 0) | (0x80 >> (index & 7));
  }
  return mask;
}

/** Whether the mask of {@link differingBuckets} names no bucket. */
export function isNone(mask: Uint8Array): boolean {
  return mask.every((bits) => bits === 0);
}

/** @throws {RangeError} when an owner has no UTF-8 form, or a field passes a limit. */
export function encodeDigestRequest({
  summary,
  entries,
  buckets,
  mask,
}: DigestRequest): Uint8Array {
  const fault =
    lengthFault("a summary", summary, SUMMARY_BYTES) ??
    (buckets && lengthFault("buckets", buckets, BUCKETS * SUMMARY_BYTES)) ??
    (mask && lengthFault("a mask", mask, MASK_BYTES));
  if (fault !== undefined) throw new RangeError(`Cannot write DIGEST: ${fault}`);
  const writer = new ByteWriter().raw(summary);
  if (entries === undefined) {
    const form = buckets === undefined ? "summary" : "buckets";
    return writer
      .byte(FORMS.indexOf(form))
      .raw(buckets ?? NOTHING)
      .finish();
  }
  checkCount(entries.length, ENTRIES);
  if (isOneTwice(entries.map(({ owner }) => owner))) {
    throw new RangeError("Cannot write DIGEST: an owner comes twice");
  }
  writer.byte(FORMS.indexOf(mask === undefined ? "entries" : "mask")).raw(mask ?? NOTHING);
  writer.uint32(entries.length);
  for (const entry of entries) writeEntry(writer, entry);
  return writer.finish();
}

function lengthFault(what: string, bytes: Uint8Array, length: number): string | undefined {
  return bytes.length === length ? undefined : `${what} of ${bytes.length} bytes`;
}

const NOTHING = new Uint8Array();

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
  const code = reader.byte();
  const form = FORMS[code];
  if (form === undefined) throw new MalformedError(`Cannot read DIGEST: a form of ${code}`);
  if (form === "summary") return { summary, entries: undefined };
  if (form === "buckets") {
    return { summary, entries: undefined, buckets: reader.raw(BUCKETS * SUMMARY_BYTES) };
  }
  const mask = form === "mask" ? reader.raw(MASK_BYTES) : undefined;
  const entries = readList(reader, ENTRIES, () => readEntry(reader));
  if (isOneTwice(entries.map(({ owner }) => owner))) {
    throw new MalformedError("Cannot read DIGEST: an owner comes twice");
  }
  return { summary, entries, mask };
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
  if (answer.kind === "buckets") {
    const fault = lengthFault("a mask", answer.mask, MASK_BYTES);
    if (fault !== undefined) throw new RangeError(`Cannot write DIGEST answer: ${fault}`);
    return new ByteWriter().byte(kind).raw(answer.mask).finish();
  }
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
  if (kind === "buckets") return { kind, mask: reader.raw(MASK_BYTES) };
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
