/**
 * One random peer a tick: states both ways, and whom it lists. What was lost anywhere is found so.
 * @module
 */
import type { Address } from "../wire/exchange.ts";
import { all, type Flow } from "./flow.ts";
import type { Joining } from "./joining.ts";
import type { Kernel } from "./kernel.ts";
import { isPresent, type Member, speaksNative } from "./member.ts";
import type { Members } from "./members.ts";
import type { Overlay } from "./overlay.ts";
import { isForgotten } from "./refusal.ts";
import type { Replication } from "./replication.ts";

/** Of the rounds of gossip, those in which states cross although ours is proved to be there. */
const SURE_EXCHANGE_SHARE = 0.1;

/** Of the rounds of gossip in a large network, those with anybody; more where links are few. */
const ANYBODY_SHARE = { usual: 0.1, fewLinks: 0.5 } as const;
const FEW_LINKS = 4;

export interface GossipParts {
  readonly kernel: Kernel;
  readonly members: Members;
  readonly joining: Joining;
  readonly replication: Replication;
  readonly overlay: Overlay;
}

export class Gossip {
  readonly #parts: GossipParts;

  constructor(parts: GossipParts) {
    this.#parts = parts;
  }

  /** Chooses one, and exchanges states with it. */
  tick(): void {
    const member = this.#parts.kernel.pick(this.#partners());
    if (member?.endpoint === undefined) return;
    this.#parts.kernel.spawn(this.#gossipWith(member, member.endpoint));
  }

  /** In a large network neighbours; now and then anybody, lest it has come apart unnoticed. */
  #partners(): readonly Member[] {
    const alive = this.#parts.members.present().filter(({ status }) => status === "alive");
    const { usual, fewLinks } = ANYBODY_SHARE;
    const share = this.#parts.overlay.links.size < FEW_LINKS ? fewLinks : usual;
    if (this.#parts.kernel.random() < share) return alive;
    return alive.filter((member) => !speaksNative(member) || this.#parts.overlay.reaches(member));
  }

  *#gossipWith(member: Member, endpoint: Address): Flow {
    if (member.native === undefined || member.push.needsHello) {
      this.#parts.joining.visit(member);
      return;
    }
    if (speaksNative(member)) {
      // Both at once: two messages in one packet wake a peer that is at rest only once.
      yield* all([this.#compare(member, endpoint), this.#parts.joining.listen(member, endpoint)]);
      return;
    }
    if (member.push.inFlight === 0 && this.#isExchangeDue(member))
      yield* this.#compare(member, endpoint);
    if (isPresent(member)) yield* this.#parts.joining.listen(member, endpoint);
  }

  *#compare(member: Member, endpoint: Address): Flow {
    const reply = yield* this.#parts.replication.exchange(member, endpoint);
    if (isForgotten(reply)) this.#parts.joining.forgotten(member);
  }

  /** Each owner pushes until it has proof; states cross again only in case a proof is out of date. */
  #isExchangeDue(member: Member): boolean {
    return (
      !this.#parts.replication.isHeldBy(member) || this.#parts.kernel.random() < SURE_EXCHANGE_SHARE
    );
  }
}
