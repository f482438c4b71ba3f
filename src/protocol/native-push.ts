/**
 * Our state to native peers, over sessions: every version is on its way in the turn it is made.
 *
 * A peer gets the changes since the version that was last written to it. When it is slow there is
 * no queue: what it may still take is one message from there to the newest version.
 * @module
 */
import type { Reply } from "../wire/exchange.ts";
import { decodeStateAcks, encodeStates, type StateItem } from "../wire/native-states.ts";
import { NativeType } from "../wire/native-type.ts";
import type { Kernel } from "./kernel.ts";
import { isAsked, isPresent, type Member, targetOf } from "./member.ts";
import type { Members } from "./members.ts";
import type { NativeItems } from "./native-items.ts";
import type { Overlay } from "./overlay.ts";
import type { OwnProofs } from "./own-proofs.ts";
import type { OwnState } from "./own-state.ts";
import { resetSync } from "./push-state.ts";
import { isForgotten } from "./refusal.ts";
import { LIMITS } from "./settings.ts";

export interface NativePushHooks {
  /** The peer does not know us (any more): say HELLO again. */
  readonly onForgotten: (member: Member) => void;
  /** The peer did not take a push: see whether it is there. */
  readonly onSilent: (member: Member) => void;
  /** The peer says that it holds a version of ours that we have not made. */
  readonly onNewerShown: (member: Member) => void;
  /** The peer has answered to a push, or will not. */
  readonly onAnswered: (member: Member) => void;
  /** A version has its signature. */
  readonly onProved: () => void;
}

export interface NativePushParts {
  readonly kernel: Kernel;
  readonly own: OwnState;
  readonly members: Members;
  readonly proofs: OwnProofs;
  readonly items: NativeItems;
  readonly overlay: Overlay;
  readonly nodeId: string;
}

export class NativePush {
  readonly #kernel: Kernel;
  readonly #own: OwnState;
  readonly #members: Members;
  readonly #proofs: OwnProofs;
  readonly #items: NativeItems;
  readonly #overlay: Overlay;
  readonly #nodeId: string;
  readonly #hooks: NativePushHooks;
  /** Those who have said that they lack our newest version, and are to get it from us. */
  readonly #owed = new Set<Member>();
  /** Nothing was written while the last version was signed. */
  #isQuiet = true;

  constructor(parts: NativePushParts, hooks: NativePushHooks) {
    this.#kernel = parts.kernel;
    this.#own = parts.own;
    this.#members = parts.members;
    this.#proofs = parts.proofs;
    this.#items = parts.items;
    this.#overlay = parts.overlay;
    this.#nodeId = parts.nodeId;
    this.#hooks = hooks;
  }

  /** Sends the newest version to every native peer that can take it and was not sent it. */
  pushAll(): void {
    if (this.#proofs.isSigning) return;
    this.#own.commit(this.#kernel.now.unixSeconds);
    if (!this.#waitsForProof()) this.#push();
    this.#proofs.signSoon();
  }

  /**
   * Links pass on what is proven, and a version and its signature would be two frames for each. But
   * who writes all the time would wait for ever.
   */
  #waitsForProof(): boolean {
    return this.#overlay.isSparse && this.#isQuiet && this.#proofs.current === undefined;
  }

  #push(): void {
    const byBase = new Map<number | undefined, Member[]>();
    for (const member of this.#receivers()) {
      if (!canTake(member) || member.sync.sent === this.#own.version) continue;
      const { sent } = member.sync;
      const group = byBase.get(sent);
      if (group === undefined) byBase.set(sent, [member]);
      else group.push(member);
    }
    for (const [base, group] of byBase) this.#send(group, this.#items.own(base));
  }

  /** In a large network only the links that are sent things at once. */
  #receivers(): readonly Member[] {
    // Who is gone compares when it comes back, and must not be kept in memory for it.
    for (const member of this.#owed) if (!isPresent(member)) this.#owed.delete(member);
    if (!this.#overlay.isSparse) return this.#members.all();
    const atOnce = this.#overlay.reached().filter(({ lazy }) => !lazy);
    return [...new Set([...atOnce, ...this.#owed])];
  }

  /** Our state went to this peer by another way. */
  noteSent({ sync }: Member, version: number): void {
    sync.sent = version;
  }

  /** The peer has told that it lacks our newest version, and what it holds: {@link pushAll} sends it. */
  lacks(member: Member, held: number): void {
    const { sync } = member;
    sync.held = held;
    sync.sent = held === 0 ? undefined : held;
    this.#owed.add(member);
  }

  /** The peer has told what it holds of our state. */
  noteHeld(member: Member, version: number): void {
    const { sync } = member;
    sync.held = version;
    if (version > this.#own.version) this.#hooks.onNewerShown(member);
    else if (sync.sent === undefined || sync.sent < version) sync.sent = version;
  }

  /** Something of ours is on its way to the peer, or our newest version is about to be. */
  isTaking(member: Member): boolean {
    const { sent, inFlight } = member.sync;
    if (inFlight > 0) return true;
    return sent !== this.#own.version && isAsked(member) && this.#receivers().includes(member);
  }

  /** A version has its signature, which follows it to whoever got it. */
  proved(): void {
    this.#prove(this.#members.all());
    this.#hooks.onProved();
    this.#own.commit(this.#kernel.now.unixSeconds);
    this.#isQuiet = this.#proofs.current !== undefined;
    // Versions that waited for this one to be signed.
    this.pushAll();
  }

  /** Those who were sent the version that was signed last get its signature, once they take it. */
  #prove(members: readonly Member[]): void {
    const proof = this.#proofs.newest;
    if (proof === undefined) return;
    const { version, signature } = proof;
    const receivers = members.filter((member) => {
      const { sent, proofSent } = member.sync;
      return sent === version && proofSent !== version && canTake(member);
    });
    for (const { sync } of receivers) sync.proofSent = version;
    this.#send(receivers, { form: "proof", owner: this.#nodeId, version, signature });
  }

  #send(receivers: readonly Member[], item: StateItem): void {
    if (item.form === "python" || receivers.length === 0) return;
    const { version } = item;
    const payload = encodeStates([item]);
    for (const member of receivers) {
      const { sync } = member;
      this.#owed.delete(member);
      sync.sent = version;
      if (item.signature !== undefined) sync.proofSent = version;
      sync.inFlight += 1;
      sync.inFlightBytes += payload.length;
    }
    this.#kernel.broadcast(
      receivers.map(targetOf),
      NativeType.STATES,
      payload,
      { answerBytesMax: LIMITS.smallAnswerBytesMax },
      (index, reply) => {
        const member = receivers[index];
        if (member === undefined) return;
        member.sync.inFlight -= 1;
        member.sync.inFlightBytes -= payload.length;
        this.#sent(member, item.form === "snapshot", reply);
        this.#hooks.onAnswered(member);
      },
    );
  }

  #sent(member: Member, whole: boolean, reply: Reply): void {
    const { sync } = member;
    if (reply.kind === "answer") {
      this.#acknowledged(member, whole, reply.payload);
      return;
    }
    if (isForgotten(reply)) {
      resetSync(member);
      this.#hooks.onForgotten(member);
    } else {
      // Whether it came is not known; what it was sure to hold it holds still.
      sync.sent = sync.held;
      this.#hooks.onSilent(member);
    }
  }

  #acknowledged(member: Member, whole: boolean, payload: Uint8Array): void {
    const { sync } = member;
    for (const { owner, held, wants } of readAcks(payload)) {
      if (owner !== this.#nodeId) continue;
      this.noteHeld(member, held);
      if (wants === "snapshot" && !whole) sync.sent = undefined;
      if (wants === "less") member.lazy = true;
    }
    if (sync.sent !== this.#own.version) this.pushAll();
    else if (sync.proofSent !== this.#own.version) this.#prove([member]);
  }
}

function canTake(member: Member): boolean {
  const { sync } = member;
  return (
    isAsked(member) &&
    sync.inFlight < LIMITS.statesInFlightMax &&
    sync.inFlightBytes < LIMITS.stateBytesInFlightMax
  );
}

function readAcks(payload: Uint8Array): ReturnType<typeof decodeStateAcks> {
  try {
    return decodeStateAcks(payload);
  } catch {
    return [];
  }
}
