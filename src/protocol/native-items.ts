/**
 * States as they are told to native peers: in the form that costs least and still carries what the
 * receiver needs.
 * @module
 */
import type { DigestEntry } from "../wire/digest-entry.ts";
import type { Change, StateItem } from "../wire/native-states.ts";
import type { Entries } from "./entries.ts";
import type { HeldEntry, ProvenEntry } from "./held-states.ts";
import type { Kernel } from "./kernel.ts";
import { isPresent, type Member, versionHeld } from "./member.ts";
import type { Members } from "./members.ts";
import type { Proof } from "./native-replica.ts";
import type { OwnProofs } from "./own-proofs.ts";
import type { OwnState } from "./own-state.ts";
import { type Places, placesOf } from "./places.ts";
import { LIMITS } from "./settings.ts";
import { sameBytes } from "./trust.ts";

/** Of a root, in a digest. */
const DIGEST_ROOT_BYTES = 8;

/** Of a version that is not proven, and of those of Python owners, which have no root. */
export const NO_ROOT = new Uint8Array(DIGEST_ROOT_BYTES);

/** In messages of no more than about {@link LIMITS.digestAnswerBytesMax}. */
export function* inBatches(items: Iterable<StateItem>): Generator<StateItem[]> {
  let batch: StateItem[] = [];
  let bytes = 0;
  for (const item of items) {
    batch.push(item);
    bytes += bytesOf(item);
    if (bytes < LIMITS.digestAnswerBytesMax) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

/** About as many as it takes on the wire. */
export function bytesOf(item: StateItem): number {
  let bytes = 128;
  if (item.form === "python") bytes += item.packet.length;
  if (item.form === "snapshot") {
    for (const [key, value] of item.entries) bytes += key.length + value.length + 8;
  } else if (item.form === "delta") {
    for (const [key, value = ""] of item.changes) bytes += key.length + value.length + 9;
  }
  return bytes;
}

/** A version that can be told, and how. */
interface Source {
  readonly owner: string;
  readonly version: number;
  /** Only our own state may be told without one. */
  readonly proof: Proof | undefined;
  readonly entries: () => Entries;
  readonly changesSince: (base: number) => Change[] | undefined;
}

export class NativeItems {
  readonly #kernel: Kernel;
  readonly #own: OwnState;
  readonly #proofs: OwnProofs;
  readonly #members: Members;
  readonly #nodeId: string;
  readonly #relays: boolean;
  readonly #places: Places;
  #ownHeld: ProvenEntry | undefined;

  /** @param relays Tell of other owners too; a node with a whitelist does not. */
  constructor(
    kernel: Kernel,
    own: OwnState,
    proofs: OwnProofs,
    members: Members,
    me: { readonly nodeId: string; readonly relays: boolean },
  ) {
    this.#kernel = kernel;
    this.#own = own;
    this.#proofs = proofs;
    this.#members = members;
    this.#nodeId = me.nodeId;
    this.#relays = me.relays;
    this.#places = placesOf(me.nodeId);
  }

  /** Our newest version, as changes since `base` if that is possible. */
  own(base: number | undefined): StateItem {
    return itemOf(this.#ownSource(), base);
  }

  /** Our newest version that others may pass on; 0 while there is none. */
  get ownProvenVersion(): number {
    return this.#proofs.newest?.version ?? 0;
  }

  /**
   * What is held of every owner that is there, our own state first. What did not change is the same
   * object as before.
   */
  digest(): HeldEntry[] {
    const { owner, version, proof } = this.#ownSource();
    if (this.#ownHeld?.version !== version || this.#ownHeld.proof !== proof) {
      this.#ownHeld = entryOf(owner, version, proof, this.#places.bucket);
    }
    const entries: HeldEntry[] = [this.#ownHeld];
    if (!this.#relays) return entries;
    for (const member of this.#members.each()) {
      const held = heldEntryOf(member);
      if (held === undefined) continue;
      member.held = held;
      entries.push(held);
    }
    return entries;
  }

  /**
   * What a peer lacks that holds `theirs` of an owner; undefined when it lacks nothing that may be
   * told.
   *
   * @param asker To itself its own state is shown whole: it may have lost what changes begin with.
   */
  lacking(owner: string, theirs: DigestEntry | undefined, asker: string): StateItem | undefined {
    const member = this.#members.get(owner);
    if (member?.replica?.kind === "python") {
      const { version, packet } = member.replica;
      const behind = theirs === undefined || theirs.version < version;
      const told = behind && this.#relays && isPresent(member);
      return told ? { form: "python", owner, packet } : undefined;
    }
    const source = this.#sourceOf(owner);
    if (source === undefined) return undefined;
    const { version, proof } = source;
    if (theirs === undefined || theirs.version === 0) return itemOf(source, undefined);
    if (theirs.version > version) return undefined;
    if (theirs.version < version)
      return itemOf(source, owner === asker ? undefined : theirs.version);
    if (proof === undefined || sameBytes(theirs.root, shortRoot(proof))) return undefined;
    // The same version under another root: two states of one version, and both are to be seen.
    if (!sameBytes(theirs.root, NO_ROOT)) return itemOf(source, undefined);
    return { form: "proof", owner, version, signature: proof.signature };
  }

  #sourceOf(owner: string): Source | undefined {
    if (owner === this.#nodeId) return this.#ownSource();
    const member = this.#members.get(owner);
    if (!this.#relays || member === undefined || !isPresent(member)) return undefined;
    const { replica } = member;
    if (replica?.kind !== "native" || replica.proof === undefined) return undefined;
    const { proof } = replica;
    return {
      owner,
      version: proof.version,
      proof,
      entries: () => replica.provenEntries(),
      changesSince: (base) => replica.provenChangesSince(base),
    };
  }

  /** What is written in this turn belongs to it: a version is made of it now. */
  #ownSource(): Source {
    const own = this.#own;
    own.commit(this.#kernel.now.unixSeconds);
    return {
      owner: this.#nodeId,
      version: own.version,
      proof: this.#proofs.current,
      entries: () => own.entries,
      changesSince: (base) => own.changesSince(base),
    };
  }
}

function itemOf(source: Source, base: number | undefined): StateItem {
  const { owner, version, proof, entries } = source;
  const signature = proof?.signature;
  const changes = base === undefined || base >= version ? undefined : source.changesSince(base);
  return base === undefined || changes === undefined
    ? { form: "snapshot", owner, version, entries: entries(), signature }
    : { form: "delta", owner, version, base, changes, signature };
}

/** Of an owner that is listed: the entry of before, if it still says so. */
function heldEntryOf(member: Member): ProvenEntry | undefined {
  const { replica, held } = member;
  if (replica === undefined || !isPresent(member)) return undefined;
  const proof = replica.kind === "native" ? replica.proof : undefined;
  // Of what has gone astray only what is proven counts.
  const isAstray = replica.kind === "native" && replica.isAstray;
  if (isAstray && proof === undefined) return undefined;
  const version = isAstray && proof !== undefined ? proof.version : versionHeld(member);
  const proven = proof?.version === version ? proof : undefined;
  if (held !== undefined && held.version === version && held.proof === proven) return held;
  return entryOf(member.nodeId, version, proven, member.places.bucket);
}

function entryOf(
  owner: string,
  version: number,
  proof: Proof | undefined,
  bucket: number,
): ProvenEntry {
  return { owner, version, proof, bucket, root: shortRoot(proof) };
}

function shortRoot(proof: Proof | undefined): Uint8Array {
  return proof?.root.subarray(0, DIGEST_ROOT_BYTES) ?? NO_ROOT;
}
