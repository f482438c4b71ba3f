/**
 * What happens once a node answers: states both ways, then whom it lists.
 *
 * What others say of a node is a reason to call it, never a verdict.
 * @module
 */
import { DsnError } from "../errors.ts";
import { type Address, type Reply, sameAddress } from "../wire/exchange.ts";
import { Dials } from "./dials.ts";
import type { Greeted } from "./enrolment.ts";
import type { PeerStatus } from "./event.ts";
import { tellFeatures } from "./features.ts";
import { all, type Flow, wait } from "./flow.ts";
import type { JoiningParts } from "./joining-parts.ts";
import { hasCalled, isPresent, isReached, type Member, speaksNative } from "./member.ts";
import type { Named } from "./peer-lists.ts";
import { noteFailure } from "./push-state.ts";
import { isForgotten } from "./refusal.ts";
import { REFUSALS, troubleOf } from "./troubles.ts";

/** Who listens waits this long for the dials; they go on, but a list can be long and made up. */
const LISTEN_MS = 5_000;

export interface MeetingHooks {
  /** The peer answered as to a stranger. */
  readonly onForgotten: (member: Member) => void;
  /** Somebody names a member that is not present. */
  readonly onNamed: (member: Member) => void;
}

export class Meetings {
  readonly #parts: JoiningParts;
  readonly #hooks: MeetingHooks;
  readonly #dials: Dials;
  /** Members being met, with those who wait for the end of it. */
  readonly #meetings = new Map<Member, (() => void)[]>();

  /** Members that only others reach, and that we are about to call. */
  readonly #dialling = new Set<Member>();

  constructor(parts: JoiningParts, hooks: MeetingHooks) {
    this.#parts = parts;
    this.#hooks = hooks;
    this.#dials = new Dials(parts.kernel);
  }

  isMeeting(member: Member): boolean {
    return this.#meetings.has(member);
  }

  isDialling(member: Member): boolean {
    return this.#dialling.has(member);
  }

  /** We dialled `endpoint` and the member answered there. */
  settleEndpoint({ member, restarted }: Greeted, endpoint: Address): void {
    // An address that works is kept: one machine has many names.
    const isReached = isPresent(member) && member.status !== "relayed";
    if (restarted || !isReached || member.endpoint === undefined) member.endpoint = endpoint;
  }

  /**
   * Exchanges states with a member that answers at its endpoint, lists it, and hears whom it
   * lists. The state comes first, so that whoever learns of the peer can read it.
   */
  *meet(member: Member): Flow {
    const meeting = this.#meetings.get(member);
    if (meeting !== undefined) {
      yield* wait<void>((resume) => meeting.push(() => resume()));
      return;
    }
    this.#meetings.set(member, []);
    try {
      yield* this.#exchangeAndList(member);
    } finally {
      const waiting = this.#meetings.get(member) ?? [];
      this.#meetings.delete(member);
      for (const resume of waiting) resume();
    }
  }

  *#exchangeAndList(member: Member): Flow {
    const { endpoint, status: before } = member;
    if (endpoint === undefined) return;
    if (this.#isBackInLarge(member)) return;
    const { now } = this.#parts.kernel;
    const hasBegun = hasCalled(member, now.monotonicMs) && member.replica !== undefined;
    if (hasBegun && !member.joinedBefore) {
      // It compares with us, and we have its state. Who comes back may have lost what we hold of it.
      this.#list(member, before);
    } else if (speaksNative(member)) {
      // Whom it knows comes first: then the states of all can be read as soon as they come.
      const { reply, named } = yield* this.#parts.directory.ask(member);
      this.#mustBeAnswer(member, endpoint, reply);
      yield* this.#exchangeAt(member, endpoint, before);
      if (!this.#parts.members.has(member)) return;
      yield* this.heard(member, named);
      // And whom it got to know while we did: who asked before we were listed has not heard of us.
    } else {
      yield* this.#exchangeAt(member, endpoint);
    }
    if (this.#parts.members.has(member)) yield* this.listen(member, endpoint);
  }

  /** In a large network its links bring its state, and it asks for ours if it needs to. */
  #isBackInLarge(member: Member): boolean {
    const { overlay, members } = this.#parts;
    if (!speaksNative(member) || !overlay.isSparse) return false;
    const isListed = isPresent(member) && member.status !== "relayed";
    if (members.has(member) && !isListed) this.#isBack(member);
    return true;
  }

  /** States both ways; then the member is listed. */
  *#exchangeAt(member: Member, endpoint: Address, before = member.status): Flow {
    const { replication, members } = this.#parts;
    const reply = yield* replication.exchange(member, endpoint);
    if (!members.has(member)) return;
    // One that greets us over HTTP, and whose session we do not get, is not reached.
    if (speaksNative(member)) this.#mustBeAnswer(member, endpoint, reply);
    this.#list(member, before);
  }

  /** @throws {DsnError} when it has said goodbye while it was met. */
  #list(member: Member, before: PeerStatus): void {
    const { replication } = this.#parts;
    if (member.status === "left" && before !== "left") throw hasLeft(member);
    this.#isBack(member);
    // Writes made while the exchange was under way.
    replication.pushAll();
  }

  #isBack(member: Member): void {
    const { members, alerts, kernel } = this.#parts;
    members.setStatus(member, "alive", undefined);
    alerts.clear(member.nodeId, "DSN_UNREACHABLE", ...REFUSALS);
    alerts.clear("", "DSN_NO_BOOTSTRAP");
    tellFeatures(kernel, member);
  }

  /** @throws {DsnError} the reason why it is none. */
  #mustBeAnswer(member: Member, endpoint: Address, reply: Reply): void {
    if (reply.kind === "answer") return;
    const { self, keyId } = this.#parts;
    const what = `reach ${member.nodeId}`;
    throw troubleOf(reply, { what, to: endpoint, nodeId: member.nodeId, me: self.nodeId, keyId });
  }

  /** Asks a member for its list and dials whoever is new. */
  *listen(member: Member, endpoint: Address): Flow {
    if (speaksNative(member) && this.#parts.overlay.isSparse) {
      // Links tell of those who come, and comparing shows whom they have missed. What its list said
      // of us while the network was small would make us call at each tick.
      member.seesUs = undefined;
      return;
    }
    if (speaksNative(member)) {
      const { reply, named } = yield* this.#parts.directory.ask(member);
      if (reply.kind === "answer") yield* this.heard(member, named);
      else if (isForgotten(reply)) this.#hooks.onForgotten(member);
      return;
    }
    const heard = yield* this.#parts.peerLists.ask(member, endpoint);
    if (heard.kind === "list") yield* this.heard(member, heard.named);
    else if (isForgotten(heard.reply)) this.#hooks.onForgotten(member);
    else noteFailure(member, this.#parts.kernel.now.monotonicMs);
  }

  /** Takes what a member listed: that it lists us, and whom else. */
  *heard(member: Member, named: readonly Named[]): Flow {
    // A Python peer answers only those that it lists.
    if (member.native === undefined) member.push.needsHello = false;
    if (member.seesUs === true) this.#parts.alerts.clear(member.nodeId, "DSN_ONE_WAY");
    const dials: Flow[] = [];
    for (const one of named) {
      const dial = this.#dialNamed(one, member.nodeId);
      // Whose state can be read already is not waited for.
      if (this.#parts.members.get(one.nodeId)?.status === "relayed") this.#parts.kernel.spawn(dial);
      else dials.push(dial);
    }
    if (dials.length > 0) yield* this.#parts.kernel.within(LISTEN_MS, all(dials));
  }

  *#dialNamed({ nodeId, endpoint }: Named, namer: string): Flow {
    const known = this.#parts.members.get(nodeId);
    if (known !== undefined && known.status !== "relayed") {
      // What others say is a reason to look, never a verdict.
      if (!isPresent(known)) this.#lookAgain(known, endpoint, namer);
      return;
    }
    if (this.#dials.failedLately(nodeId, endpoint)) return;
    if (known !== undefined) {
      if (this.#dialling.has(known)) return;
      this.#dialling.add(known);
    }
    try {
      yield* this.#dialInTurn(known, { nodeId, endpoint }, namer);
    } finally {
      if (known !== undefined) this.#dialling.delete(known);
    }
  }

  *#dialInTurn(known: Member | undefined, { nodeId, endpoint }: Named, namer: string): Flow {
    if (!(yield* this.#dials.enter(namer))) return;
    try {
      if (this.#parts.members.get(nodeId) !== known) return;
      if (known !== undefined && known.status !== "relayed") return;
      if (this.#dials.failedLately(nodeId, endpoint)) return;
      const greeted = yield* this.#parts.greeting.greet(endpoint, nodeId);
      this.settleEndpoint(greeted, endpoint);
      yield* this.#inLine(greeted.member);
    } catch (error) {
      if (!(error instanceof DsnError)) throw error;
      this.#dials.rememberFailure(nodeId, endpoint);
      // Others reach it: so shall we, one day. It may have answered our HELLO and nothing more.
      const named = this.#parts.members.get(nodeId);
      const isSought = named !== undefined && !isReached(named) && !isGoneOrRefused(named);
      if (isSought) this.#hooks.onNamed(named);
    } finally {
      this.#dials.leave();
    }
  }

  /** Like {@link meet}, without asking for another list: the tick does that, one at a time. */
  *#inLine(member: Member): Flow {
    const { endpoint } = member;
    if (endpoint === undefined || this.#meetings.has(member)) return;
    if (this.#isBackInLarge(member)) return;
    yield* this.#exchangeAt(member, endpoint);
  }

  #lookAgain(member: Member, endpoint: Address, namer: string): void {
    member.endpoint ??= endpoint;
    if (!sameAddress(member.endpoint, endpoint)) {
      this.#parts.kernel.spawn(this.#tryElsewhere(member, endpoint, namer));
    } else if (member.status !== "refused") {
      this.#hooks.onNamed(member);
    }
  }

  /** A node that is not reached may have moved: whoever answers there with its key is that node. */
  *#tryElsewhere(member: Member, endpoint: Address, namer: string): Flow {
    if (this.#dials.failedLately(member.nodeId, endpoint)) return;
    if (!(yield* this.#dials.enter(namer))) return;
    try {
      if (isPresent(member) || this.#dials.failedLately(member.nodeId, endpoint)) return;
      this.#dials.rememberFailure(member.nodeId, endpoint);
      yield* this.#parts.greeting.greet(endpoint, member.nodeId);
      if (!this.#parts.members.has(member) || isPresent(member)) return;
      yield* this.meetAt(member, endpoint);
    } catch (error) {
      if (!(error instanceof DsnError)) throw error;
    } finally {
      this.#dials.leave();
    }
  }

  /** The member itself answered there, so that is where it is. */
  *meetAt(member: Member, endpoint: Address): Flow {
    member.endpoint = endpoint;
    member.candidates = [];
    yield* this.meet(member);
  }
}

function hasLeft({ nodeId }: Member): DsnError {
  return new DsnError("DSN_UNREACHABLE", `Cannot meet ${nodeId}`, {
    why: "it has said goodbye meanwhile",
    nodeId,
  });
}

/** It has said goodbye, or will have nothing to do with us: no news of it. */
function isGoneOrRefused({ status }: Member): boolean {
  return status === "left" || status === "refused";
}
