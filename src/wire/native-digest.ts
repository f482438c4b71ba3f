/**
 * DIGEST (message type 19): which version of each state is held, so that both sides find out what
 * they lack. The summary comes alone first: most of the time nothing differs.
 *
 *     raw 8   summary        summaryOf() all entries
 *     byte    form           0 nothing follows, 1 entries, 2 buckets, 3 mask and entries
 *
 *     buckets:
 *       raw 8   64 times     bucketsOf() all entries, see `digest-summary.ts`
 *
 *     mask:
 *       raw 8   a bit for each bucket whose entries follow, that of bucket 0 the highest of the first byte
 *
 *     entries:
 *     list    at most 4096 entries, each owner once: see `digest-entry.ts`
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
import { ByteReader } from "../bytes/reader.ts";
import { ByteWriter } from "../bytes/writer.ts";
import { MalformedError } from "../errors.ts";
import { type DigestEntry, ENTRY_BYTES_MIN, readEntry, writeEntry } from "./digest-entry.ts";
import { BUCKETS_BYTES, MASK_BYTES, SUMMARY_BYTES } from "./digest-summary.ts";
import {
  checkCount,
  ITEMS_MAX,
  type ListLimits,
  NODE_ID_BYTES_MIN,
  nodeIdFault,
  readFlag,
  readList,
} from "./native-fields.ts";

/** What the asker holds. Of one that was decoded, summary and roots are views. */
export interface DigestRequest {
  /** 8 bytes: `summaryOf()` the entries, whether they follow or not. */
  readonly summary: Uint8Array;
  /** `undefined` until the summary has turned out to differ. */
  readonly entries: readonly DigestEntry[] | undefined;
  /** In place of entries, where there are many: `bucketsOf()` them. */
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

const KINDS = ["same", "differs", "states", "buckets"] as const;
const FORMS = ["summary", "entries", "buckets", "mask"] as const;

const ENTRIES: ListLimits = {
  of: "digest entries",
  itemBytesMin: ENTRY_BYTES_MIN,
  countMax: ITEMS_MAX,
};
const WANTED: ListLimits = {
  of: "wanted states",
  itemBytesMin: NODE_ID_BYTES_MIN,
  countMax: ITEMS_MAX,
};

/** @throws {RangeError} when an owner has no UTF-8 form, or a field passes a limit. */
export function encodeDigestRequest({
  summary,
  entries,
  buckets,
  mask,
}: DigestRequest): Uint8Array {
  const fault =
    lengthFault("a summary", summary, SUMMARY_BYTES) ??
    (buckets && lengthFault("buckets", buckets, BUCKETS_BYTES)) ??
    (mask && lengthFault("a mask", mask, MASK_BYTES));
  if (fault !== undefined) throw new RangeError(`Cannot write DIGEST: ${fault}`);
  const writer = new ByteWriter().raw(summary);
  if (entries === undefined) {
    const form = buckets === undefined ? "summary" : "buckets";
    return writer
      .byte(FORMS.indexOf(form))
      .raw(buckets ?? new Uint8Array())
      .finish();
  }
  checkCount(entries.length, ENTRIES);
  if (isOneTwice(entries.map(({ owner }) => owner))) {
    throw new RangeError("Cannot write DIGEST: an owner comes twice");
  }
  writer.byte(FORMS.indexOf(mask === undefined ? "entries" : "mask")).raw(mask ?? new Uint8Array());
  writer.uint32(entries.length);
  for (const entry of entries) writeEntry(writer, entry);
  return writer.finish();
}

function lengthFault(what: string, bytes: Uint8Array, length: number): string | undefined {
  return bytes.length === length ? undefined : `${what} of ${bytes.length} bytes`;
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
    return { summary, entries: undefined, buckets: reader.raw(BUCKETS_BYTES) };
  }
  const mask = form === "mask" ? reader.raw(MASK_BYTES) : undefined;
  const entries = readList(reader, ENTRIES, () => readEntry(reader));
  if (isOneTwice(entries.map(({ owner }) => owner))) {
    throw new MalformedError("Cannot read DIGEST: an owner comes twice");
  }
  return { summary, entries, mask };
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
