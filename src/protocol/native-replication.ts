/**
 * Replication over sessions, put together: what is pushed, what is taken, and what is compared.
 * @module
 */
import type { Alerts } from "./alerts.ts";
import { AntiEntropy } from "./anti-entropy.ts";
import type { Flow } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import type { Member } from "./member.ts";
import type { Members } from "./members.ts";
import { NativeItems } from "./native-items.ts";
import { NativePush, type NativePushHooks } from "./native-push.ts";
import { NativeTake } from "./native-take.ts";
import { News } from "./news.ts";
import type { Overlay } from "./overlay.ts";
import { OwnProofs } from "./own-proofs.ts";
import type { OwnSightings } from "./own-sightings.ts";
import type { OwnState } from "./own-state.ts";

export interface NativeReplicationParts {
  readonly kernel: Kernel;
  readonly own: OwnState;
  readonly members: Members;
  readonly alerts: Alerts;
  readonly sightings: OwnSightings;
  readonly me: { readonly nodeId: string; readonly publicKey: Uint8Array };
  readonly overlay: Overlay;
  /** Whether states of others are passed on: a node with a whitelist does not. */
  readonly relays: boolean;
  readonly replicaBytesMax: number;
}

export interface NativeReplicationHooks extends Omit<NativePushHooks, "onProved"> {
  /** A state packet of a Python owner that a native peer passed on. */
  readonly takePacket: (member: Member, packet: Uint8Array) => Flow;
  /** We stepped over a version of ours that a peer has shown: all are to get the new one. */
  readonly onLeap: () => void;
  /** An owner has proven a version. */
  readonly onProven: (owner: Member) => void;
  /** A peer brought the state of a member that is not there: it is somewhere, after all. */
  readonly onAbsentOwner: (owner: Member) => void;
  /** Asks a peer for the HELLOs of nodes that we do not know. */
  readonly meetThrough: (member: Member, nodeIds: readonly string[]) => Flow<unknown>;
}

export class NativeReplication {
  readonly items: NativeItems;
  readonly push: NativePush;
  readonly take: NativeTake;
  readonly antiEntropy: AntiEntropy;
  readonly news: News;

  constructor(parts: NativeReplicationParts, hooks: NativeReplicationHooks) {
    const { kernel, own, members, alerts, sightings, me, overlay, relays, replicaBytesMax } = parts;
    const { nodeId } = me;
    const proofs: OwnProofs = new OwnProofs(kernel, own, nodeId, () => this.push.proved());
    this.items = new NativeItems(kernel, own, proofs, members, { nodeId, relays });
    const { items } = this;
    this.push = new NativePush(
      { kernel, own, members, proofs, items, overlay, nodeId },
      { ...hooks, onProved: () => this.news.provenOwn() },
    );
    const { push } = this;
    this.news = new News({ kernel, members, overlay, items, push, nodeId, relays });
    this.take = new NativeTake({
      kernel,
      members,
      alerts,
      sightings,
      me,
      replicaBytesMax,
      takePacket: hooks.takePacket,
      onLeap: hooks.onLeap,
      onProven: (owner, from) => {
        hooks.onProven(owner);
        this.news.proven(owner, from);
      },
      seeks: (owner) => {
        hooks.onAbsentOwner(owner);
        return overlay.isSparse;
      },
      onAstray: (owner) => kernel.spawn(this.antiEntropy.compare(owner, true)),
    });
    const { take, news } = this;
    const { meetThrough } = hooks;
    this.antiEntropy = new AntiEntropy({ kernel, items, push, take, news, nodeId, meetThrough });
  }
}
