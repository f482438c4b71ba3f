/**
 * Whom to look for after a restart: the peers that answered us, and where.
 *
 * What a core remembers it hands out as an effect, seldom, and gets back when it is made again.
 * @module
 */
import { isHostAddress, isPort } from "../wire/address.ts";
import { type Address, formatAddress } from "../wire/exchange.ts";
import { isNodeId } from "../wire/node-id.ts";
import type { Kernel } from "./kernel.ts";
import type { Member } from "./member.ts";
import type { Members } from "./members.ts";
import { LIMITS } from "./settings.ts";

/** A peer that answered us, as it is remembered from one life to the next. */
export interface RememberedPeer {
  /** Its id. */
  readonly nodeId: string;
  /** Where it answered last. */
  readonly endpoint: Address;
  /** When it was last known to be there, Unix seconds. */
  readonly seenSeconds: number;
  /** It was a node of this project. */
  readonly native: boolean;
}

/** Between two looks at who is there: soon after the start, then seldom. */
const FIRST_LOOK_MS = 2_000;
const LOOK_MS = 30_000;
/** At the end of a life, times are written anew when they are older than this. */
const OLD_SECONDS = 3_600;

export class PeerMemory {
  readonly #kernel: Kernel;
  readonly #members: Members;
  readonly #ownId: string;
  readonly #peers = new Map<string, RememberedPeer>();
  /** What was handed out last, but for the times. */
  #kept: string;
  #keptSeconds = Number.NEGATIVE_INFINITY;

  /** @param remembered What an earlier life handed out. What cannot be is left out. */
  constructor(
    kernel: Kernel,
    members: Members,
    ownId: string,
    remembered: readonly RememberedPeer[],
  ) {
    this.#kernel = kernel;
    this.#members = members;
    this.#ownId = ownId;
    for (const peer of remembered) if (this.#isUsable(peer)) this.#peers.set(peer.nodeId, peer);
    this.#kept = textOf(this.#newest());
  }

  /** Whom an earlier life knew, newest first. */
  get remembered(): readonly RememberedPeer[] {
    return this.#newest();
  }

  start(): void {
    this.#lookIn(FIRST_LOOK_MS);
  }

  /** The operator wants nothing known of that node. */
  forget(nodeId: string): void {
    if (this.#peers.delete(nodeId)) this.#hand(this.#newest());
  }

  /** The node is to stop. */
  leave(): void {
    this.#look(OLD_SECONDS);
  }

  #lookIn(ms: number): void {
    this.#kernel.after(ms, () => {
      this.#look(Number.POSITIVE_INFINITY);
      this.#lookIn(this.#kernel.jitter(LOOK_MS));
    });
  }

  /** Hands out what has changed: a disk is not written because time passes. */
  #look(oldSeconds: number): void {
    const nowSeconds = this.#kernel.now.unixSeconds;
    for (const member of this.#members.all()) this.#note(member, nowSeconds);
    const newest = this.#newest();
    if (this.#peers.size > newest.length) {
      this.#peers.clear();
      for (const peer of newest) this.#peers.set(peer.nodeId, peer);
    }
    const isOld = nowSeconds - this.#keptSeconds > oldSeconds && newest.length > 0;
    if (isOld || textOf(newest) !== this.#kept) this.#hand(newest);
  }

  /** Only who answers us, and has proved its key: others could make us call whom they like. */
  #note({ nodeId, endpoint, status, provisional, native }: Member, nowSeconds: number): void {
    if (status !== "alive" || provisional || endpoint === undefined) return;
    const peer = { nodeId, endpoint, seenSeconds: nowSeconds, native: native !== undefined };
    if (this.#isUsable(peer)) this.#peers.set(nodeId, peer);
  }

  #newest(): readonly RememberedPeer[] {
    return [...this.#peers.values()]
      .sort((a, b) => b.seenSeconds - a.seenSeconds)
      .slice(0, LIMITS.rememberedMax);
  }

  #hand(peers: readonly RememberedPeer[]): void {
    this.#kept = textOf(peers);
    this.#keptSeconds = this.#kernel.now.unixSeconds;
    this.#kernel.emit({ kind: "remember", peers });
  }

  #isUsable({ nodeId, endpoint, seenSeconds }: RememberedPeer): boolean {
    return (
      nodeId !== this.#ownId &&
      isNodeId(nodeId) &&
      isHostAddress(endpoint.address) &&
      isPort(endpoint.port) &&
      Number.isFinite(seenSeconds)
    );
  }
}

function textOf(peers: readonly RememberedPeer[]): string {
  return peers
    .map(({ nodeId, endpoint, native }) => `${nodeId} ${formatAddress(endpoint)} ${native}`)
    .sort()
    .join("\n");
}
