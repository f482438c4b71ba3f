/**
 * States that native peers bring: an owner's own on its session, anybody's with its signature.
 *
 * What the owner itself brings shows in the step that brought it, and is proven later. What others
 * bring shows when it is proven.
 * @module
 */
import { rootOf, StateRoot } from "../crypto/state-root.ts";
import {
  type Change,
  rootSignedPart,
  type StateAck,
  type StateItem,
} from "../wire/native-states.ts";
import type { Alerts } from "./alerts.ts";
import { type EntriesChange, isEmptyChange } from "./entries.ts";
import { all, type Flow } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import { isPresent, type Member, speaksNative, versionHeld } from "./member.ts";
import type { Members } from "./members.ts";
import { NativeReplica, type Proof } from "./native-replica.ts";
import type { OwnSightings } from "./own-sightings.ts";
import { LIMITS } from "./settings.ts";
import { forgedByOther, forkedState, replicasFull, tooLarge, unproven } from "./state-troubles.ts";
import { sameBytes } from "./trust.ts";

type Versioned = Exclude<StateItem, { form: "python" }>;
type Whole = Extract<StateItem, { form: "delta" | "snapshot" }>;

export interface NativeTakeParts {
  readonly kernel: Kernel;
  readonly members: Members;
  readonly alerts: Alerts;
  readonly sightings: OwnSightings;
  readonly me: { readonly nodeId: string; readonly publicKey: Uint8Array };
  readonly replicaBytesMax: number;
  /** A state packet of a Python owner that a native peer passed on. */
  readonly takePacket: (member: Member, packet: Uint8Array) => Flow;
  /** A peer showed a state of ours that is newer than ours: it was stepped over. */
  readonly onLeap: () => void;
  /** An owner has proven a version, that `from` has brought. */
  readonly onProven: (owner: Member, from: Member) => void;
  /** A peer brought the state of a member that is not there: whether it is to be shown to us. */
  readonly seeks: (owner: Member) => boolean;
  /** Changes of an owner led elsewhere than it says: its state is needed whole. */
  readonly onAstray: (owner: Member) => void;
}

export class NativeTake {
  readonly #parts: NativeTakeParts;
  /** The newest proof that came while another of its owner was being verified. */
  readonly #waiting = new Map<Member, Extract<StateItem, { form: "proof" }> | undefined>();

  /** Proofs that overtook the versions that they are for: the newest of each owner. */
  readonly #early = new WeakMap<Member, Extract<StateItem, { form: "proof" }>>();

  /** Signatures of others' versions that are being verified: what comes twice is looked at once. */
  readonly #verifying = new Map<Member, Uint8Array>();

  constructor(parts: NativeTakeParts) {
    this.#parts = parts;
  }

  /**
   * Takes what a native peer has brought.
   *
   * @returns what is held of each owner now, once all that others than the peer own is verified.
   */
  *take(from: Member, items: readonly StateItem[]): Flow<StateAck[]> {
    const foreign = items.filter(({ owner }) => owner !== from.nodeId);
    const own = this.takeOwn(from, items);
    const relayed = yield* all(foreign.map((item) => this.#relayed(from, item)));
    return [...own, ...relayed.flat()];
  }

  /** The same for what the peer owns among `items`: that is taken at once. */
  takeOwn(from: Member, items: readonly StateItem[]): StateAck[] {
    const acks: StateAck[] = [];
    for (const item of items) {
      const ack = this.#direct(from, item);
      if (ack !== undefined) acks.push(ack);
    }
    return acks;
  }

  // ---- of the owner itself --------------------------------------------------------------------

  #direct(owner: Member, item: StateItem): StateAck | undefined {
    if (item.owner !== owner.nodeId || item.form === "python") return undefined;
    if (item.form === "proof") {
      if (item.version > (owner.replica?.version ?? 0)) {
        this.#early.set(owner, { ...item, signature: item.signature.slice() });
      } else this.#prove(owner, item);
      return undefined;
    }
    const replica = nativeReplicaOf(owner);
    const cameBefore = (replica.proof?.version ?? 0) >= item.version;
    const wanted = this.#show(owner, replica, item);
    const held = Math.max(0, replica.version);
    const early = this.#early.get(owner);
    if (early?.version === replica.version) {
      this.#early.delete(owner);
      this.#prove(owner, early);
    } else if (item.signature !== undefined && held === item.version) {
      const { version, signature } = item;
      this.#prove(owner, { form: "proof", owner: owner.nodeId, version, signature });
    }
    const wants = wanted ? "snapshot" : "nothing";
    return { owner: owner.nodeId, held, wants: cameBefore && !wanted ? "less" : wants };
  }

  /** True when only a snapshot helps. */
  #show(owner: Member, replica: NativeReplica, item: Whole): boolean {
    const mends = replica.isAstray && item.form === "snapshot";
    if (item.version < replica.version || (item.version === replica.version && !mends))
      return false;
    // Changes since what we hold, or since something before it: the values are those of the end.
    const hasBase =
      owner.replica !== undefined && item.version > replica.version && !replica.isAstray;
    if (item.form === "delta" && (!hasBase || item.base > replica.version)) return true;
    const changes = item.form === "delta" ? item.changes : replica.changesTo(item.entries);
    if (!this.#hasRoom(owner, replica, changes)) return false;
    const change = replica.change(item.version, changes);
    replica.isWhole = item.form === "snapshot";
    if (replica.isWhole) replica.isAstray = false;
    owner.replica = replica;
    owner.heardMs = this.#parts.kernel.now.monotonicMs;
    this.#tell(owner, change);
    return false;
  }

  /** Verifies in the background; the newest that came meanwhile follows. */
  #prove(owner: Member, item: Extract<StateItem, { form: "proof" }>): void {
    if (this.#waiting.has(owner)) {
      this.#waiting.set(owner, { ...item, signature: item.signature.slice() });
      return;
    }
    this.#waiting.set(owner, undefined);
    this.#parts.kernel.spawn(this.#proveAll(owner, item));
  }

  *#proveAll(owner: Member, first: Extract<StateItem, { form: "proof" }>): Flow {
    try {
      for (
        let item: Extract<StateItem, { form: "proof" }> | undefined = first;
        item !== undefined;
        item = this.#waiting.get(owner)
      ) {
        this.#waiting.set(owner, undefined);
        yield* this.#proveOne(owner, item.version, item.signature.slice());
      }
    } finally {
      this.#waiting.delete(owner);
    }
  }

  *#proveOne(owner: Member, version: number, signature: Uint8Array): Flow {
    const { replica, nodeId, publicKey } = owner;
    if (replica?.kind !== "native" || replica.version !== version) return;
    if (replica.proof?.version === version) return;
    const { kernel, members } = this.#parts;
    const { isWhole } = replica;
    const root = replica.root();
    replica.beginSettling();
    const message = rootSignedPart(nodeId, version, root);
    const valid = yield* kernel.verify(publicKey, "native", message, signature);
    // Another copy may have taken its place, or a newer version have come proven by another way.
    if (!members.has(owner) || owner.replica !== replica) return;
    if (replica.proof !== undefined && replica.proof.version > version) return;
    if (replica.version < version) {
      // Its process has ended meanwhile, and what is held counts as what was proven before.
      replica.unsettle();
      return;
    }
    if (valid) {
      replica.settle({ version, root, signature });
      this.#parts.onProven(owner, owner);
      return;
    }
    if (!isWhole) {
      // Perhaps two lives of it have made what we put together.
      replica.unsettle();
      this.#parts.onAstray(owner);
      return;
    }
    this.#parts.alerts.raise(unproven(nodeId), nodeId);
    this.#tell(owner, replica.takeBack());
    if (replica.proof === undefined) owner.replica = undefined;
    kernel.emit({ kind: "end-session", nodeId });
  }

  // ---- of others ------------------------------------------------------------------------------

  /** The ack, or nothing for an owner that we do not know. */
  *#relayed(from: Member, item: StateItem): Flow<StateAck[]> {
    const { nodeId, publicKey } = this.#parts.me;
    if (item.owner === nodeId) {
      yield* this.#shownOurOwn(item, publicKey);
      return [];
    }
    const owner = this.#parts.members.get(item.owner);
    if (owner === undefined) return [{ owner: item.owner, held: 0, wants: "member" }];
    const isSought = !isPresent(owner) && this.#parts.seeks(owner);
    let wants: StateAck["wants"] = "nothing";
    if (item.form === "python") {
      if (!speaksNative(owner)) yield* this.#parts.takePacket(owner, item.packet);
    } else if (speaksNative(owner)) {
      wants = yield* this.#verified(from, owner, item);
    }
    return [{ owner: item.owner, held: versionHeld(owner), wants: isSought ? "member" : wants }];
  }

  *#verified(from: Member, owner: Member, item: Versioned): Flow<StateAck["wants"]> {
    const { version } = item;
    const held = owner.replica;
    if (item.signature === undefined) return "nothing";
    if ((held?.version ?? 0) > version) return "less";
    const verifying = this.#verifying.get(owner);
    if (verifying !== undefined && sameBytes(verifying, item.signature)) return "less";
    const signature = item.signature.slice();
    this.#verifying.set(owner, signature);
    try {
      return yield* this.#verifiedOnce(from, owner, item, signature);
    } finally {
      if (this.#verifying.get(owner) === signature) this.#verifying.delete(owner);
    }
  }

  *#verifiedOnce(
    from: Member,
    owner: Member,
    item: Versioned,
    signature: Uint8Array,
  ): Flow<StateAck["wants"]> {
    const { version } = item;
    const held = owner.replica;
    if (item.form === "proof" || (item.form === "delta" && held?.version === version)) {
      return yield* this.#provenByOthers(from, owner, version, signature);
    }
    const entries = entriesOf(item, held);
    if (entries === undefined) return "snapshot";
    const index = StateRoot.of(entries);
    const root = index.digest();
    const message = rootSignedPart(owner.nodeId, version, root);
    const { kernel, members } = this.#parts;
    const valid = yield* kernel.verify(owner.publicKey, "native", message, signature);
    if (!members.has(owner)) return "nothing";
    if (!valid) {
      // Changes may just have been made from something else than what we hold.
      if (item.form === "delta") return "snapshot";
      this.#parts.alerts.raise(forgedByOther(from.nodeId, owner.nodeId), from.nodeId);
      return "nothing";
    }
    this.#replace(from, owner, entries, index, { version, root, signature });
    return "nothing";
  }

  /**
   * A proof that did not come from the owner. When it fails nothing follows for the owner: whoever
   * showed it may have made it up. What it was for is asked for whole, in case that we are wrong.
   */
  *#provenByOthers(
    from: Member,
    owner: Member,
    version: number,
    signature: Uint8Array,
  ): Flow<StateAck["wants"]> {
    const { kernel, members, onProven } = this.#parts;
    const { replica, nodeId, publicKey } = owner;
    if (replica?.kind !== "native" || replica.version !== version) return "nothing";
    if (replica.proof?.version === version) return "less";
    const root = replica.root();
    const message = rootSignedPart(nodeId, version, root);
    const valid = yield* kernel.verify(publicKey, "native", message, signature);
    if (!members.has(owner) || owner.replica !== replica) return "nothing";
    if (replica.version !== version || replica.proof?.version === version) return "nothing";
    if (!valid) return "snapshot";
    // What came meanwhile may have mended it.
    if (!sameBytes(replica.root(), root)) return "nothing";
    replica.settleAll({ version, root, signature });
    onProven(owner, from);
    return "nothing";
  }

  /** A whole state that its owner has signed. */
  #replace(
    from: Member,
    owner: Member,
    entries: ReadonlyMap<string, string>,
    index: StateRoot,
    proof: Proof,
  ): void {
    const replica = nativeReplicaOf(owner);
    if (proof.version < replica.version) return;
    if (proof.version === replica.version && !this.#winsFork(owner, replica, proof)) return;
    const changes = replica.changesTo(entries);
    if (!this.#hasRoom(owner, replica, changes)) return;
    const change = replica.change(proof.version, changes);
    replica.adoptRoot(index);
    replica.settleAll(proof);
    owner.replica = replica;
    this.#tell(owner, change);
    this.#parts.onProven(owner, from);
  }

  /** Two states of one version: the higher root wins everywhere, and two processes made them. */
  #winsFork(owner: Member, replica: NativeReplica, proof: Proof): boolean {
    if (owner.replica === undefined || replica.isAstray) return true;
    // What is held may not be what its owner has, as long as nothing proves it.
    const isProven = replica.proof?.version === proof.version;
    const root = replica.root();
    if (sameBytes(root, proof.root)) {
      replica.settleAll(proof);
      return false;
    }
    if (!isProven) return true;
    this.#parts.alerts.raise(forkedState(owner.nodeId), owner.nodeId);
    return Buffer.compare(proof.root, root) > 0;
  }

  *#shownOurOwn(item: StateItem, publicKey: Uint8Array): Flow {
    if (item.form !== "snapshot" || item.signature === undefined) return;
    const { sightings, kernel, me } = this.#parts;
    if (!sightings.isNews(item.version)) return;
    const message = rootSignedPart(me.nodeId, item.version, rootOf(item.entries));
    const signature = item.signature.slice();
    const valid = yield* kernel.verify(publicKey, "native", message, signature);
    if (valid && sightings.shown(item.version, item.entries)) this.#parts.onLeap();
  }

  // ---- both -----------------------------------------------------------------------------------

  #hasRoom(owner: Member, replica: NativeReplica, changes: readonly Change[]): boolean {
    const { members, replicaBytesMax, alerts } = this.#parts;
    const growth = replica.growthBy(changes);
    if (replica.bytes + growth > LIMITS.stateBytesMax) {
      alerts.raise(tooLarge(owner.nodeId, LIMITS.stateBytesMax), owner.nodeId);
      return false;
    }
    if (members.replicaBytes() + growth <= replicaBytesMax) return true;
    alerts.raise(replicasFull(owner.nodeId, replicaBytesMax), "replicas");
    return false;
  }

  #tell(owner: Member, change: EntriesChange): void {
    if (!isPresent(owner) || isEmptyChange(change)) return;
    const version = owner.replica?.version ?? 0;
    this.#parts.kernel.event({
      name: "state:update",
      owner: owner.nodeId,
      change,
      version,
      local: false,
    });
  }
}

/** The copy that a native form can change. One that came in Python form goes on in this. */
function nativeReplicaOf({ replica }: Member): NativeReplica {
  if (replica?.kind === "native") return replica;
  return replica === undefined
    ? new NativeReplica()
    : new NativeReplica(replica.version, replica.entries);
}

/** The entries that an item ends with; undefined when it changes something that we do not hold. */
function entriesOf(item: Whole, held: Member["replica"]): ReadonlyMap<string, string> | undefined {
  if (item.form === "snapshot") return item.entries;
  if (held === undefined || item.base > held.version) return undefined;
  const entries = new Map(held.entries);
  for (const [key, value] of item.changes) {
    if (value === undefined) entries.delete(key);
    else entries.set(key, value);
  }
  return entries;
}
