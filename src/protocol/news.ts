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
import { encodeStates, type StateAck, type StateItem } from "../wire/native-states.ts";
import { NativeType } from "../wire/native-type.ts";
import { Delivery, readAcks } from "./delivery.ts";
import type { Flow } from "./flow.ts";
import { type Fresh, FreshQueue } from "./fresh-queue.ts";
import type { Kernel } from "./kernel.ts";
import { type Member, targetOf } from "./member.ts";
import type { Members } from "./members.ts";
import { inBatches, type NativeItems, NO_ROOT } from "./native-items.ts";
import type { NativePush } from "./native-push.ts";
import { Offers } from "./offers.ts";
import type { Overlay } from "./overlay.ts";
import { LIMITS } from "./settings.ts";

/** States that come within so long are passed on together. */
const TOGETHER_MS = 5;
/** Nodes that come: a whole rack may be switched on at once. */
const NEWCOMERS_MS = 50;

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

export class News {
  readonly #parts: NewsParts;
  readonly #fresh: FreshQueue;
  /** First versions that we heard of. */
  readonly #firsts: FreshQueue;
  /** Members whom others may not know: their HELLOs go first. */
  readonly #newcomers: FreshQueue;
  readonly #delivery: Delivery;
  readonly #offers: Offers;

  constructor(parts: NewsParts) {
    this.#parts = parts;
    const { kernel } = parts;
    this.#delivery = new Delivery(parts);
    this.#offers = new Offers({ ...parts, delivery: this.#delivery });
    this.#fresh = new FreshQueue(kernel, TOGETHER_MS, (fresh) => this.#tell(fresh, []));
    this.#firsts = new FreshQueue(kernel, NEWCOMERS_MS, (fresh) => this.#tell(fresh, []));
    this.#newcomers = new FreshQueue(kernel, NEWCOMERS_MS, (fresh) =>
      this.#tell(fresh, [...fresh.keys()]),
    );
  }

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
    for (const link of overlay.reached()) if (link.lazy) this.#offers.offer(link, undefined);
  }

  /** At once along the tree; offered to the other links later. Nobody is told what it has brought. */
  #tell(fresh: Fresh, hellos: readonly Member[]): void {
    const items = new Map([...fresh.keys()].map((owner) => [owner, this.#itemOf(owner)]));
    const groups = new Map<string, { links: Member[]; owners: Member[] }>();
    for (const link of this.#parts.overlay.reached()) {
      const owners = [...fresh].flatMap(([owner, from]) =>
        owner === link || from === link ? [] : [owner],
      );
      if (link.lazy) for (const owner of owners) this.#offers.offer(link, owner);
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
    if (lacking.length > 0) this.#parts.kernel.spawn(this.#delivery.deliver(link, lacking));
  }

  *#tellNewcomers(link: Member, members: readonly Member[], states: readonly StateItem[]): Flow {
    if (yield* this.#delivery.introduce(link, members)) this.#broadcast([link], states);
    else link.lazy = true;
  }

  /** Sends a peer what it has said that it lacks, and the HELLOs of those whom it does not know. */
  deliver(link: Member, acks: readonly StateAck[]): Flow {
    return this.#delivery.deliver(link, acks);
  }

  /** Answers an OFFER: what we lack of it. */
  answerOffer(from: Member, payload: Uint8Array): StateAck[] {
    return this.#offers.answer(from, payload);
  }
}
