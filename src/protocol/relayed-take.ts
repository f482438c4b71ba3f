/**
 * States of others that a native peer brings: each with its owner's signature, and shown when that
 * has verified.
 * @module
 */
import { rootOf, StateRoot } from "../crypto/state-root.ts";
import { rootSignedPart, type StateAck, type StateItem } from "../wire/native-states.ts";
import type { Alerts } from "./alerts.ts";
import type { Flow } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import { isPresent, type Member, speaksNative, versionHeld } from "./member.ts";
import type { Members } from "./members.ts";
import { hasRoom, nativeReplicaOf } from "./native-copies.ts";
import { type NativeReplica, type Proof, stateBytes } from "./native-replica.ts";
import { OneByOne } from "./one-by-one.ts";
import type { OwnSightings } from "./own-sightings.ts";
import { LIMITS } from "./settings.ts";
import { forgedByOther, forkedState } from "./state-troubles.ts";
import { sameBytes } from "./trust.ts";
import { tellUpdate } from "./updates.ts";
import { WrongStates } from "./wrong-states.ts";

type Versioned = Exclude<StateItem, { form: "python" }>;
type Whole = Extract<StateItem, { form: "delta" | "snapshot" }>;

export interface RelayedTakeParts {
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
}

export class RelayedTake {
  readonly #parts: RelayedTakeParts;
  readonly #oneByOne = new OneByOne();
  readonly #wrong: WrongStates;

  constructor(parts: RelayedTakeParts) {
    this.#parts = parts;
    this.#wrong = new WrongStates(parts.kernel);
  }

  /** The ack, or nothing for an owner that we do not know. */
  *take(from: Member, item: StateItem): Flow<StateAck[]> {
    const { nodeId, publicKey } = this.#parts.me;
    if (item.owner === nodeId) {
      yield* this.#shownOurOwn(from, item, publicKey);
      return [];
    }
    const { members } = this.#parts;
    const owner = members.get(item.owner);
    if (owner === undefined) {
      // Nobody is asked for what could not be taken: it comes up again.
      const wants = members.mayHearOf(item.owner) ? "member" : "nothing";
      return [{ owner: item.owner, held: 0, wants }];
    }
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
    if (item.signature === undefined) return "nothing";
    // The message that it is a part of is somebody else's.
    const signature = item.signature.slice();
    const brought = { owner: owner.nodeId, from: from.nodeId, signature };
    for (;;) {
      const settled = this.#settled(from, owner, item, signature);
      if (settled !== undefined) return settled;
      if (!this.#oneByOne.has(brought)) break;
      if (!(yield* this.#oneByOne.verdict(brought))) return "less";
    }
    if (!(yield* this.#oneByOne.begin(brought))) return "nothing";
    try {
      // What came before may have settled it.
      const settled = this.#settled(from, owner, item, signature);
      return settled ?? (yield* this.#verifiedNow(from, owner, item, signature));
    } finally {
      this.#oneByOne.end(owner.nodeId);
    }
  }

  /** What can be said of it without a look at the state. */
  #settled(
    from: Member,
    owner: Member,
    { form, version }: Versioned,
    signature: Uint8Array,
  ): StateAck["wants"] | undefined {
    if (!this.#parts.members.has(owner)) return "nothing";
    const held = owner.replica;
    if ((held?.version ?? 0) > version) return "less";
    if (this.#parts.members.versionForgotten(owner) > version) return "nothing";
    // Links bring it one after the other, and to verify it costs most of all.
    if (held?.kind === "native" && isProofOf(held, version, signature)) return "less";
    const takes = this.#wrong.takes(from, owner.nodeId);
    if (takes === "nothing") return "nothing";
    return takes === "wholes" && form === "delta" ? "snapshot" : undefined;
  }

  *#verifiedNow(
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
    if (item.form === "snapshot" && stateBytes(item.entries) > LIMITS.stateBytesMax) {
      // Its root alone would take long, and no owner has signed it.
      this.#wrong.note(from, owner.nodeId, true);
      return "nothing";
    }
    const index = indexOf(item, held);
    if (index === undefined) return "snapshot";
    const root = index.digest();
    const message = rootSignedPart(owner.nodeId, version, root);
    const { kernel, members } = this.#parts;
    const valid = yield* kernel.verify(owner.publicKey, "native", message, signature);
    if (!members.has(owner)) return "nothing";
    if (!valid) {
      this.#wrong.note(from, owner.nodeId, item.form === "snapshot");
      // Changes may just have been made from something else than what we hold.
      if (item.form === "delta") return "snapshot";
      this.#parts.alerts.raise(forgedByOther(from.nodeId, owner.nodeId), from.nodeId);
      return "nothing";
    }
    this.#wrong.clear(from, owner.nodeId);
    return this.#replace(from, owner, item, index, { version, root, signature });
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

  /** What the owner has signed takes the place of what is held. */
  #replace(
    from: Member,
    owner: Member,
    item: Whole,
    verified: StateRoot,
    proof: Proof,
  ): StateAck["wants"] {
    const replica = nativeReplicaOf(owner);
    if (proof.version < replica.version) return "nothing";
    if (proof.version === replica.version && !this.#winsFork(owner, replica, proof)) {
      return "nothing";
    }
    // Of changes the base may be another one than it was when they were verified.
    const index = item.form === "delta" ? replica.rootWith(item.changes) : verified;
    if (!sameBytes(index.digest(), proof.root)) return "snapshot";
    const changes = item.form === "delta" ? item.changes : replica.changesTo(item.entries);
    if (!hasRoom(this.#parts, owner, replica, changes)) return "nothing";
    const change = replica.change(proof.version, changes);
    replica.adoptRoot(index);
    replica.settleAll(proof);
    owner.replica = replica;
    tellUpdate(this.#parts.kernel, owner, change);
    this.#parts.onProven(owner, from);
    return "nothing";
  }

  /** Two states of one version: the higher root wins everywhere, and two processes made them. */
  #winsFork(owner: Member, replica: NativeReplica, proof: Proof): boolean {
    if (owner.replica === undefined) return true;
    // What an ended process has not proven is shown until something of its heir comes: this is not.
    if (replica.isAstray) return !sameProof(replica, proof);
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

  *#shownOurOwn(from: Member, item: StateItem, publicKey: Uint8Array): Flow {
    if (item.form !== "snapshot" || item.signature === undefined) return;
    const { sightings, kernel, me } = this.#parts;
    const { version, entries } = item;
    const signature = item.signature.slice();
    const isOver = () => !sightings.isNews(version) || this.#wrong.takes(from, me.nodeId) !== "all";
    const brought = { owner: me.nodeId, from: from.nodeId, signature };
    if (isOver() || this.#oneByOne.has(brought)) return;
    if (!(yield* this.#oneByOne.begin(brought))) return;
    try {
      if (isOver() || stateBytes(entries) > LIMITS.stateBytesMax) return;
      const message = rootSignedPart(me.nodeId, version, rootOf(entries));
      const valid = yield* kernel.verify(publicKey, "native", message, signature);
      if (!valid) this.#wrong.note(from, me.nodeId, true);
      else if (sightings.shown(version, entries)) this.#parts.onLeap();
    } finally {
      this.#oneByOne.end(me.nodeId);
    }
  }
}

/** The same state of the same version, whoever of two has signed it anew. */
function sameProof({ proof }: NativeReplica, other: Proof): boolean {
  return proof?.version === other.version && sameBytes(proof.root, other.root);
}

/** A signature is over the root too: what comes with the one that is held is what is held. */
function isProofOf(
  { proof, isAstray }: NativeReplica,
  version: number,
  signature: Uint8Array,
): boolean {
  return !isAstray && proof?.version === version && sameBytes(proof.signature, signature);
}

/** The root that an item ends with; undefined when it changes something that we do not hold. */
function indexOf(item: Whole, held: Member["replica"]): StateRoot | undefined {
  if (item.form === "snapshot") return StateRoot.of(item.entries);
  // A copy in Python form may hold what has no native form. Of an ended process it may show what
  // that has not proven.
  const hasBase = held?.kind === "native" && !held.isAstray && item.base <= held.version;
  return hasBase ? held.rootWith(item.changes) : undefined;
}
