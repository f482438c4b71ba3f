/**
 * Members of a large network that others show: who was not there is taken in, and whoever may be
 * back is called.
 * @module
 */
import { type Address, sameAddress } from "../wire/exchange.ts";
import { isNodeId } from "../wire/node-id.ts";
import { tellFeatures } from "./features.ts";
import { all, type Flow } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import { isPresent, type Member, noteCandidate, SESSION_FEATURE, speaksNative } from "./member.ts";
import type { Members } from "./members.ts";
import type { Named } from "./peer-lists.ts";
import type { RelayedGreeting } from "./relayed-greeting.ts";
import type { ReadEntry } from "./shown-members.ts";
import type { Trust } from "./trust.ts";

/** What came of members that were shown to us. */
export interface Taken {
  readonly isNews: boolean;
  /** Those that are to be called. */
  readonly named: Named[];
}

export interface TakingInParts {
  readonly kernel: Kernel;
  readonly members: Members;
  readonly greeting: RelayedGreeting;
  readonly trust: Trust;
  /** Others say that a member is there, which is gone for us; with a newer word of it, or without. */
  readonly onGone: (member: Member, isNews: boolean) => void;
  readonly me: { readonly nodeId: string; readonly incarnation: string };
}

export class TakingIn {
  readonly #parts: TakingInParts;
  /** HELLOs that are being verified, by id and incarnation. */
  readonly #verifying = new Set<string>();

  constructor(parts: TakingInParts) {
    this.#parts = parts;
  }

  /**
   * Takes in members of a large network. They count as alive: those who showed them have seen so,
   * and our turn to ask them will come.
   */
  *take(entries: readonly ReadEntry[], namer: Member): Flow<Taken> {
    const taken = yield* all(entries.map((entry) => this.#one(entry, namer)));
    const named = taken.flatMap((one) => (typeof one === "object" ? [one] : []));
    return { isNews: taken.some((one) => one !== "known"), named };
  }

  *#one(entry: ReadEntry, namer: Member): Flow<Named | "news" | "known"> {
    const { members, trust, me, greeting } = this.#parts;
    const { nodeId, signed, endpoint, incarnation } = entry;
    if (nodeId === me.nodeId || !isNodeId(nodeId) || !trust.admitsId(nodeId)) return "known";
    if (endpoint === undefined) return "known";
    const known = members.get(nodeId);
    if (incarnation === undefined) {
      // A node without sessions has to be called.
      return known !== undefined && isPresent(known) ? "known" : { nodeId, endpoint };
    }
    if (this.#verifying.has(`${nodeId} ${incarnation}`)) return "known";
    if (known !== undefined) {
      const isSame = known.native?.incarnation === incarnation;
      if (isSame && (isPresent(known) || known.status === "left")) return "known";
      // Whoever refuses us may only be at a place that somebody made up.
      if (known.status === "refused") return this.#callAt(known, endpoint);
      const isNewer = known.native === undefined || entry.issued > known.native.issued;
      if (!isNewer || (isSame && this.#wasSaidBefore(known, entry.issued))) {
        return isPresent(known) ? "known" : this.#callAt(known, endpoint);
      }
    } else if (!members.mayShowInLarge(nodeId)) {
      return members.takeCall(nodeId) ? { nodeId, endpoint } : "known";
    }
    this.#verifying.add(`${nodeId} ${incarnation}`);
    try {
      const proven = yield* greeting.shown(signed);
      if (proven?.block?.features.includes(SESSION_FEATURE) !== true) return "known";
      const member = greeting.enter(proven)?.member;
      if (member === undefined || !speaksNative(member)) return "known";
      member.endpoint ??= endpoint;
      // Nobody signs where it is. What answers PINGs at another place than before may be anybody.
      const isElsewhere = !sameAddress(member.endpoint, endpoint);
      if (isPresent(member) && member.status !== "relayed") {
        if (isElsewhere) noteCandidate(member, endpoint);
        return "news";
      }
      member.helper = namer.nodeId;
      if (isElsewhere) return this.#callAt(member, endpoint, true);
      tellFeatures(this.#parts.kernel, member);
      members.setStatus(member, "alive", undefined);
      return "news";
    } finally {
      this.#verifying.delete(`${nodeId} ${incarnation}`);
    }
  }

  /** Others say that one is there which is not for us. */
  #callAt(gone: Member, endpoint: Address, isNews = false): "news" | "known" {
    if (!sameAddress(gone.endpoint, endpoint)) noteCandidate(gone, endpoint);
    this.#parts.onGone(gone, isNews);
    return isNews ? "news" : "known";
  }

  /**
   * Whether the process that is gone for us may have said this while it was there: others who have
   * not noticed yet show what it told them.
   */
  #wasSaidBefore(gone: Member, issued: number): boolean {
    const { monotonicMs, unixSeconds } = this.#parts.kernel.now;
    const goneSeconds = unixSeconds - (monotonicMs - gone.sinceMs) / 1_000;
    return !isPresent(gone) && issued <= goneSeconds + (gone.clockOffsetSeconds ?? 0);
  }
}
