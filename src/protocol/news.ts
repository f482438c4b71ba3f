/**
 * How what a node hears of others reaches everybody in a large network: along a tree of links at
 * once, and offered along all others a moment later.
 *
 * The tree makes itself. Who gets what it has already says so, and is offered such things from then
 * on; who lacks what it is offered gets it, and is sent the next ones at once. So each version
 * comes to each node about once, and a broken branch costs a moment.
 *
 * Source: Leitão, Pereira and Rodrigues, Epidemic Broadcast Trees (2007): eager push, lazy push,
 * prune and graft.
 * @module
 */
import type { Reply } from "../wire/exchange.ts";
import { encodeIntroduce, type MemberEntry } from "../wire/native-members.ts";
import { decodeOffers, encodeOffers, type Offer } from "../wire/native-offer.ts";
import {
  decodeStateAcks,
  encodeStates,
  type StateAck,
  type StateItem,
} from "../wire/native-states.ts";
import { NativeType } from "../wire/native-type.ts";
import type { Flow } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import {
  isPresent,
  isReached,
  type Member,
  speaksNative,
  targetOf,
  versionHeld,
} from "./member.ts";
import type { Members } from "./members.ts";
import { inBatches, type NativeItems, NO_ROOT } from "./native-items.ts";
import type { NativePush } from "./native-push.ts";
import type { Overlay } from "./overlay.ts";
import * as refusals from "./refusal.ts";
import { LIMITS } from "./settings.ts";

/** States that come within so long are passed on together. */
const TOGETHER_MS = 5;
/** Nodes that come: a whole rack may be switched on at once. */
const NEWCOMERS_MS = 50;
/** From what is passed on to when it is offered to those who probably have it. */
const OFFER_MS = 250;
/** HELLOs of one message. */
const HELLOS_MAX = 1_000;

export interface NewsParts {
  readonly kernel: Kernel;
  readonly members: Members;
  readonly overlay: Overlay;
  readonly items: NativeItems;
  readonly push: NativePush;
  readonly nodeId: string;
  /** A node with a whitelist passes nothing on. */
  readonly relays: boolean;
}

/** Whose state is to be passed on, and who brought it. */
type Fresh = Map<Member, Member | undefined>;

/** What is passed on together. */
class Queue {
  readonly #kernel: Kernel;
  readonly #ms: number;
  readonly #onDue: (fresh: Fresh) => void;
  #fresh: Fresh = new Map();

  constructor(kernel: Kernel, ms: number, onDue: (fresh: Fresh) => void) {
    this.#kernel = kernel;
    this.#ms = ms;
    this.#onDue = onDue;
  }

  has(member: Member): boolean {
    return this.#fresh.has(member);
  }

  add(member: Member, from: Member | undefined): void {
    if (this.#fresh.size === 0) {
      this.#kernel.after(this.#ms, () => {
        const fresh = this.#fresh;
        this.#fresh = new Map();
        this.#onDue(fresh);
      });
    }
    this.#fresh.set(member, from);
  }
}

export class News {
  readonly #parts: NewsParts;
  readonly #fresh: Queue;
  /** First versions that we heard of. */
  readonly #firsts: Queue;
  /** Members whom others may not know: their HELLOs go first. */
  readonly #newcomers: Queue;
  /** By link: whose versions it is to be offered. `undefined` stands for ourselves. */
  readonly #offers = new Map<Member, Set<Member | undefined>>();
  readonly #offering = new Set<Member>();
  #isOfferDue = false;

  constructor(parts: NewsParts) {
    this.#parts = parts;
    const { kernel } = parts;
    this.#fresh = new Queue(kernel, TOGETHER_MS, (fresh) => this.#tell(fresh, []));
    this.#firsts = new Queue(kernel, NEWCOMERS_MS, (fresh) => this.#tell(fresh, []));
    this.#newcomers = new Queue(kernel, NEWCOMERS_MS, (fresh) =>
      this.#tell(fresh, [...fresh.keys()]),
    );
  }

  // ---- passing on -----------------------------------------------------------------------------

  /** A member has come, or is another process than before. */
  arrived(member: Member): void {
    if (!this.passesOn) return;
    const { members } = this.#parts;
    const from = member.helper === undefined ? undefined : members.get(member.helper);
    this.#newcomers.add(member, from);
  }

  /** An owner has proven a version. */
  proven(owner: Member, from: Member): void {
    if (!this.passesOn || this.#newcomers.has(owner)) return;
    // First versions come in crowds, as newcomers do.
    const queue = owner.passedOn === 0 ? this.#firsts : this.#fresh;
    queue.add(owner, from);
  }

  /** Whether others hear from us of those who come, and of what they write. */
  get passesOn(): boolean {
    return this.#parts.relays && this.#parts.overlay.isSparse;
  }

  /** A version of ours has its signature: those who may get it from others are offered it. */
  provenOwn(): void {
    const { overlay } = this.#parts;
    if (!overlay.isSparse) return;
    for (const link of overlay.reached()) if (link.lazy) this.#offer(link, undefined);
  }

  /** At once along the tree; offered to the other links later. Nobody is told what it has brought. */
  #tell(fresh: Fresh, hellos: readonly Member[]): void {
    const items = new Map([...fresh.keys()].map((owner) => [owner, this.#itemOf(owner)]));
    const groups = new Map<string, { links: Member[]; owners: Member[] }>();
    for (const link of this.#parts.overlay.reached()) {
      const owners = [...fresh].flatMap(([owner, from]) =>
        owner === link || from === link ? [] : [owner],
      );
      if (link.lazy) for (const owner of owners) this.#offer(link, owner);
      else if (owners.length > 0) {
        const names = owners.map(({ nodeId }) => nodeId).join("\n");
        const group = groups.get(names) ?? { links: [], owners };
        group.links.push(link);
        groups.set(names, group);
      }
    }
    for (const { links, owners } of groups.values()) {
      const states = owners.flatMap((owner) => items.get(owner) ?? []);
      if (hellos.length === 0) this.#broadcast(links, states);
      else {
        for (const link of links)
          this.#parts.kernel.spawn(this.#tellNewcomers(link, owners, states));
      }
    }
  }

  /** The newest proven version, as changes since the one that was passed on before it. */
  #itemOf(owner: Member): StateItem | undefined {
    const { passedOn, nodeId } = owner;
    const before = { owner: nodeId, version: passedOn, root: NO_ROOT };
    const item = this.#parts.items.lacking(nodeId, passedOn === 0 ? undefined : before, "");
    if (item === undefined || item.form === "proof" || item.form === "python") return undefined;
    owner.passedOn = item.version;
    return item;
  }

  #broadcast(links: readonly Member[], states: readonly StateItem[]): void {
    const options = { answerBytesMax: LIMITS.nativeAnswerBytesMax };
    for (const items of inBatches(states)) {
      this.#parts.kernel.broadcast(
        links.map(targetOf),
        NativeType.STATES,
        encodeStates(items),
        options,
        (index, reply) => {
          const link = links[index];
          if (link !== undefined) this.#passedOn(link, reply);
        },
      );
    }
  }

  #passedOn(link: Member, reply: Reply): void {
    // What was not answered is found missing by the next comparison.
    if (reply.kind !== "answer") return;
    const acks = readAcks(reply.payload);
    if (acks.length > 0 && acks.every(({ wants }) => wants === "less")) link.lazy = true;
    const lacking = acks.filter(({ wants }) => wants === "snapshot" || wants === "member");
    if (lacking.length > 0) this.#parts.kernel.spawn(this.deliver(link, lacking));
  }

  *#tellNewcomers(link: Member, members: readonly Member[], states: readonly StateItem[]): Flow {
    if (yield* this.#introduce(link, members)) this.#broadcast([link], states);
    else link.lazy = true;
  }

  /** @returns whether any of them was news. */
  *#introduce(link: Member, members: readonly Member[]): Flow<boolean> {
    const entries = members.flatMap((member) => entryOf(member));
    let isNews = false;
    for (let index = 0; index < entries.length; index += HELLOS_MAX) {
      const reply = yield* this.#parts.kernel.request(
        targetOf(link),
        NativeType.INTRODUCE,
        encodeIntroduce(entries.slice(index, index + HELLOS_MAX)),
        { answerBytesMax: LIMITS.smallAnswerBytesMax },
      );
      isNews ||= reply.kind === "answer" && reply.payload[0] === 1;
    }
    return isNews;
  }

  /** Sends a peer what it has said that it lacks, and the HELLOs of those whom it does not know. */
  *deliver(link: Member, acks: readonly StateAck[]): Flow {
    const { kernel, items, members } = this.#parts;
    const unknown = acks.filter(({ wants }) => wants === "member");
    if (unknown.length > 0) {
      yield* this.#introduce(
        link,
        unknown.flatMap(({ owner }) => members.get(owner) ?? []),
      );
    }
    let lacking = acks;
    // At first from what they hold; if that does not fit, whole.
    for (const fromHeld of [true, false]) {
      const states = lacking.flatMap(({ owner, held }) => {
        const theirs = { owner, version: fromHeld ? held : 0, root: NO_ROOT };
        return items.lacking(owner, theirs, link.nodeId) ?? [];
      });
      lacking = [];
      for (const batch of inBatches(states)) {
        const reply = yield* kernel.request(
          targetOf(link),
          NativeType.STATES,
          encodeStates(batch),
          { answerBytesMax: LIMITS.nativeAnswerBytesMax },
        );
        if (reply.kind !== "answer") return;
        lacking = [
          ...lacking,
          ...readAcks(reply.payload).filter(({ wants }) => wants === "snapshot"),
        ];
      }
      if (lacking.length === 0) return;
    }
  }

  // ---- offering -------------------------------------------------------------------------------

  #offer(link: Member, owner: Member | undefined): void {
    const owners = this.#offers.get(link) ?? new Set();
    this.#offers.set(link, owners);
    owners.add(owner);
    if (this.#isOfferDue) return;
    this.#isOfferDue = true;
    this.#parts.kernel.after(OFFER_MS, () => this.#offerAll());
  }

  #offerAll(): void {
    this.#isOfferDue = false;
    for (const [link, owners] of this.#offers) {
      if (this.#offering.has(link)) {
        this.#offerAgain();
        continue;
      }
      this.#offers.delete(link);
      if (this.#parts.overlay.links.has(link)) {
        this.#parts.kernel.spawn(this.#offerTo(link, [...owners]));
      }
    }
  }

  #offerAgain(): void {
    if (this.#isOfferDue) return;
    this.#isOfferDue = true;
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
    yield* this.deliver(
      link,
      lacking.filter(({ owner }) => owner !== nodeId),
    );
  }

  /** Answers an OFFER: what we lack of it. */
  answerOffer(from: Member, payload: Uint8Array): StateAck[] {
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
        return this.#parts.members.mayShowInLarge(owner)
          ? [{ owner, held: 0, wants: "member" }]
          : [];
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

/** The version that may be passed on; 0 for none. */
function provenVersion({ replica }: Member): number {
  if (replica?.kind !== "native") return 0;
  return replica.proof?.version ?? 0;
}

/** How a member is shown to others; empty when it is not. */
export function entryOf(member: Member): MemberEntry[] {
  const { hello, endpoint } = member;
  if (hello === undefined || endpoint === undefined || !isReached(member)) return [];
  return [{ role: hello.role, hello: hello.bytes, endpoint }];
}

function readAcks(payload: Uint8Array): StateAck[] {
  try {
    return decodeStateAcks(payload);
  } catch {
    return [];
  }
}
