/**
 * Whom a node keeps a session with in a large network: its neighbours on a few rings.
 *
 * All nodes stand on each ring in an order that everybody computes from their ids, another one on
 * each ring; a node links with the one before it and the one after it. Nobody has to agree on
 * anything, a join changes two links of a ring, and the whole is an expander: a few hops lead from
 * anywhere to anywhere, and no few failures cut it in two.
 *
 * Source: Law and Siu, Distributed Construction of Random Expander Networks (2003); Suresh et al.,
 * Stable and Consistent Membership at Scale with Rapid (2018).
 * @module
 */
import type { Kernel } from "./kernel.ts";
import { isAsked, type Member } from "./member.ts";
import type { Members } from "./members.ts";
import { type Places, placesOf } from "./places.ts";

/** A network that shrinks keeps its links until it is so much smaller than where they began. */
const SHRINK = 0.75;

/** Whoever answers PINGs and takes no session is no neighbour for so long: perhaps it is made up. */
const UNFIT_MS = 20_000;

/** A link that lasts so long is used. */
const LINK_MS = 400;

/** Links follow the list of members after this, so that many that join cost little. */
const SETTLE_MS = 200;

export interface OverlayParts {
  readonly kernel: Kernel;
  readonly members: Members;
  readonly nodeId: string;
  /** A new link: both sides are to find out what they lack. */
  readonly onLink: (member: Member) => void;
  /** We talk to all now, and not with a few any more. */
  readonly onFull: () => void;
}

export class Overlay {
  readonly #parts: OverlayParts;
  readonly #places: Places;
  #links: ReadonlySet<Member> = new Set();
  #isSparse = false;
  /** Members that no session is had with, and until when they are no neighbours; monotonic ms. */
  readonly #unfit = new Map<Member, number>();
  /** How far the neighbours on each ring are. */
  #nearest: { readonly back: number; readonly ahead: number }[] = [];
  #settledRevision = 0;
  #due = false;

  constructor(parts: OverlayParts) {
    this.#parts = parts;
    this.#places = placesOf(parts.nodeId);
  }

  /** Whether states reach most members through others. */
  get isSparse(): boolean {
    this.#notice();
    return this.#isSparse;
  }

  /** Neighbours; nobody where we talk to all. */
  get links(): ReadonlySet<Member> {
    this.#notice();
    return this.#links;
  }

  /** Whether our own state goes to it directly. */
  reaches(member: Member): boolean {
    return !this.isSparse || this.#links.has(member);
  }

  /** A neighbour takes no session, though something answers at its address: the next one is taken. */
  unfit(member: Member): void {
    if (!this.#links.has(member)) return;
    this.#unfit.set(member, this.#parts.kernel.now.monotonicMs + UNFIT_MS);
    this.#settle();
  }

  /** Neighbours that can be talked to; where we talk to all, everybody. */
  reached(): Member[] {
    if (!this.isSparse) return this.#candidates();
    return [...this.#links].filter(isAsked);
  }

  #candidates(): Member[] {
    return this.#parts.members.all().filter(isAsked);
  }

  /** Links follow soon when members have come or gone. */
  #notice(): void {
    const { members, kernel } = this.#parts;
    if (members.revision === this.#settledRevision) return;
    if (!this.#isSparse && members.presentCount < kernel.settings.meshMax) {
      this.#settledRevision = members.revision;
      return;
    }
    // Whoever gets to know a hundred nodes at once must not talk to all of them first.
    if (!this.#isSparse && members.presentCount >= kernel.settings.meshMax) {
      this.#settle();
    } else if (!this.#due) {
      this.#due = true;
      kernel.after(kernel.jitter(SETTLE_MS), () => {
        this.#due = false;
        this.#settle();
      });
    }
  }

  /** Chooses links among those who are there now. */
  #settle(): void {
    const { members, kernel, onLink, onFull } = this.#parts;
    this.#settledRevision = members.revision;
    const candidates = this.#candidates();
    const size = candidates.length + 1;
    const { meshMax } = kernel.settings;
    const wasSparse = this.#isSparse;
    this.#isSparse = size > (wasSparse ? meshMax * SHRINK : meshMax);
    const before = this.#links;
    const nowMs = kernel.now.monotonicMs;
    for (const [member, untilMs] of this.#unfit) if (untilMs <= nowMs) this.#unfit.delete(member);
    const fit = candidates.filter((member) => !this.#unfit.has(member));
    this.#links = this.#isSparse ? this.#neighboursAmong(fit) : new Set();
    for (const member of this.#links) {
      if (before.has(member)) continue;
      member.lazy = false;
      // With whom we have talked already, nothing has to be found out.
      if (wasSparse || member.sync.held === undefined) {
        // While many join, most links are soon replaced.
        kernel.after(kernel.jitter(LINK_MS), () => {
          if (this.#links.has(member)) onLink(member);
        });
      }
    }
    if (!this.#isSparse) this.#nearest = [];
    if (wasSparse && !this.#isSparse) onFull();
  }

  /** Whether a node that is not there would be a neighbour if it were, or was until just now. */
  isMissed({ places }: Member): boolean {
    return this.#nearest.some(({ back, ahead }, ring) => {
      const distance = this.#distance(ring, places);
      return distance <= ahead || -distance >>> 0 <= back;
    });
  }

  #distance(ring: number, { rings }: Places): number {
    return ((rings[ring] ?? 0) - (this.#places.rings[ring] ?? 0)) >>> 0;
  }

  #neighboursAmong(candidates: readonly Member[]): Set<Member> {
    const neighbours = new Set<Member>();
    this.#nearest = [];
    for (let ring = 0; ring < this.#parts.kernel.settings.rings; ring += 1) {
      let before: Member | undefined;
      let after: Member | undefined;
      const least = { back: Number.POSITIVE_INFINITY, ahead: Number.POSITIVE_INFINITY };
      for (const member of candidates) {
        const distance = this.#distance(ring, member.places);
        if (distance < least.ahead) {
          least.ahead = distance;
          after = member;
        }
        const back = -distance >>> 0;
        if (back < least.back) {
          least.back = back;
          before = member;
        }
      }
      this.#nearest.push(least);
      if (before !== undefined) neighbours.add(before);
      if (after !== undefined) neighbours.add(after);
    }
    return neighbours;
  }
}
