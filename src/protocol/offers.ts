/**
 * Versions that are offered to those who probably have them: what the tree did not bring, they ask
 * for.
 *
 * Source: Leitão, Pereira and Rodrigues, Epidemic Broadcast Trees (2007): lazy push and graft.
 * @module
 */
import { decodeOffers, encodeOffers, type Offer } from "../wire/native-offer.ts";
import type { StateAck } from "../wire/native-states.ts";
import { NativeType } from "../wire/native-type.ts";
import { type Delivery, readAcks } from "./delivery.ts";
import type { Flow } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import {
  isPresent,
  type Member,
  provenVersion,
  speaksNative,
  targetOf,
  versionHeld,
} from "./member.ts";
import type { Members } from "./members.ts";
import type { NativeItems } from "./native-items.ts";
import type { NativePush } from "./native-push.ts";
import type { Overlay } from "./overlay.ts";
import * as refusals from "./refusal.ts";
import { LIMITS } from "./settings.ts";

/** From what is passed on to when it is offered to those who probably have it. */
const OFFER_MS = 250;

export interface OffersParts {
  readonly kernel: Kernel;
  readonly members: Members;
  readonly overlay: Overlay;
  readonly items: NativeItems;
  readonly push: NativePush;
  readonly delivery: Delivery;
  readonly nodeId: string;
}

export class Offers {
  readonly #parts: OffersParts;
  /** By link: whose versions it is to be offered. `undefined` stands for ourselves. */
  readonly #offers = new Map<Member, Set<Member | undefined>>();
  readonly #offering = new Set<Member>();
  #isDue = false;

  constructor(parts: OffersParts) {
    this.#parts = parts;
  }

  /** Later. @param owner Whose version; `undefined` stands for ourselves. */
  offer(link: Member, owner: Member | undefined): void {
    const owners = this.#offers.get(link) ?? new Set();
    this.#offers.set(link, owners);
    owners.add(owner);
    this.#offerSoon();
  }

  #offerAll(): void {
    this.#isDue = false;
    for (const [link, owners] of this.#offers) {
      if (this.#offering.has(link)) {
        this.#offerSoon();
        continue;
      }
      this.#offers.delete(link);
      if (this.#parts.overlay.links.has(link)) {
        this.#parts.kernel.spawn(this.#offerTo(link, [...owners]));
      }
    }
  }

  #offerSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#parts.kernel.after(OFFER_MS, () => this.#offerAll());
  }

  *#offerTo(link: Member, owners: readonly (Member | undefined)[]): Flow {
    const { kernel, items, push, nodeId } = this.#parts;
    const offers = owners.flatMap((owner): Offer[] => {
      if (owner === undefined) return [{ owner: nodeId, version: items.ownProvenVersion }];
      return isPresent(owner) ? [{ owner: owner.nodeId, version: provenVersion(owner) }] : [];
    });
    if (offers.length === 0) return;
    this.#offering.add(link);
    const reply = yield* kernel.request(targetOf(link), NativeType.OFFER, encodeOffers(offers), {
      answerBytesMax: LIMITS.nativeAnswerBytesMax,
    });
    this.#offering.delete(link);
    if (reply.kind !== "answer") return;
    const lacking = readAcks(reply.payload).filter(({ wants }) => wants !== "nothing");
    if (lacking.length === 0) return;
    // It gets too little from others.
    link.lazy = false;
    const own = lacking.find(({ owner }) => owner === nodeId);
    if (own !== undefined) {
      push.lacks(link, own.held);
      push.pushAll();
    }
    yield* this.#parts.delivery.deliver(
      link,
      lacking.filter(({ owner }) => owner !== nodeId),
    );
  }

  /** Answers an OFFER: what we lack of it. */
  answer(from: Member, payload: Uint8Array): StateAck[] {
    let offers: Offer[];
    try {
      offers = decodeOffers(payload);
    } catch {
      throw refusals.malformed();
    }
    const ours = this.#offers.get(from);
    const acks = offers.flatMap(({ owner, version }): StateAck[] => {
      const member = this.#parts.members.get(owner);
      if (owner === this.#parts.nodeId) return [];
      if (member === undefined) {
        return this.#parts.members.mayHearOf(owner) ? [{ owner, held: 0, wants: "member" }] : [];
      }
      const held = versionHeld(member);
      const lacks = isPresent(member) && speaksNative(member) && provenVersion(member) < version;
      // Who offers a version need not be offered it.
      if (!lacks && provenVersion(member) === version) ours?.delete(member);
      return [{ owner, held, wants: lacks ? "snapshot" : "nothing" }];
    });
    if (acks.some(({ wants }) => wants !== "nothing")) from.lazy = false;
    return acks;
  }
}
