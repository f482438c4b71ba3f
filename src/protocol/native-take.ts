/**
 * States that native peers bring: an owner's own on its session, anybody's with its signature.
 *
 * What the owner itself brings shows in the step that brought it, and is proven later. What others
 * bring shows when it is proven.
 * @module
 */
import { rootSignedPart, type StateAck, type StateItem } from "../wire/native-states.ts";
import { all, type Flow } from "./flow.ts";
import type { Member } from "./member.ts";
import { hasRoom, nativeReplicaOf } from "./native-copies.ts";
import type { NativeReplica } from "./native-replica.ts";
import { RelayedTake, type RelayedTakeParts } from "./relayed-take.ts";
import { unproven } from "./state-troubles.ts";
import { tellUpdate } from "./updates.ts";

type ProofItem = Extract<StateItem, { form: "proof" }>;
type Whole = Extract<StateItem, { form: "delta" | "snapshot" }>;

export interface NativeTakeParts extends RelayedTakeParts {
  /** Changes of an owner led elsewhere than it says: its state is needed whole. */
  readonly onAstray: (owner: Member) => void;
}

export class NativeTake {
  readonly #parts: NativeTakeParts;
  /** The newest proof that came while another of its owner was being verified. */
  readonly #waiting = new Map<Member, ProofItem | undefined>();

  /** Proofs that overtook the versions that they are for: the newest of each owner. */
  readonly #early = new WeakMap<Member, ProofItem>();

  readonly #relayed: RelayedTake;

  constructor(parts: NativeTakeParts) {
    this.#parts = parts;
    this.#relayed = new RelayedTake(parts);
  }

  /**
   * Takes what a native peer has brought.
   *
   * @returns what is held of each owner now, once all that others than the peer own is verified.
   */
  *take(from: Member, items: readonly StateItem[]): Flow<StateAck[]> {
    const foreign = items.filter(({ owner }) => owner !== from.nodeId);
    const own = this.takeOwn(from, items);
    const relayed = yield* all(foreign.map((item) => this.#relayed.take(from, item)));
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
    // Not of a copy that came in Python form: it may hold what has no native form.
    const hasBase =
      owner.replica?.kind === "native" && item.version > replica.version && !replica.isAstray;
    if (item.form === "delta" && (!hasBase || item.base > replica.version)) return true;
    const changes = item.form === "delta" ? item.changes : replica.changesTo(item.entries);
    if (!hasRoom(this.#parts, owner, replica, changes)) return false;
    const change = replica.change(item.version, changes);
    replica.isWhole = item.form === "snapshot";
    if (replica.isWhole) replica.isAstray = false;
    owner.replica = replica;
    owner.heardMs = this.#parts.kernel.now.monotonicMs;
    tellUpdate(this.#parts.kernel, owner, change);
    return false;
  }

  /** Verifies in the background; the newest that came meanwhile follows. */
  #prove(owner: Member, item: ProofItem): void {
    if (this.#waiting.has(owner)) {
      this.#waiting.set(owner, { ...item, signature: item.signature.slice() });
      return;
    }
    this.#waiting.set(owner, undefined);
    this.#parts.kernel.spawn(this.#proveAll(owner, item));
  }

  *#proveAll(owner: Member, first: ProofItem): Flow {
    try {
      for (
        let item: ProofItem | undefined = first;
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
    tellUpdate(kernel, owner, replica.takeBack());
    if (replica.proof === undefined) owner.replica = undefined;
    kernel.emit({ kind: "end-session", nodeId });
  }
}
