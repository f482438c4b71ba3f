/**
 * State from its owner to everybody: push what is ours, take what is theirs.
 *
 * Each peer has at most one of our states in flight, always the newest; there is no queue. A slow
 * peer costs the others nothing (D14). A push is repeated at each tick until the peer has proved
 * to hold it (D24).
 *
 * Source: `dsnode.py`, `update_data`, `handle_update`; `docs/protocol.md`, UPDATE.
 * @module
 */
import type { Address, Reply } from "../wire/exchange.ts";
import { MessageType } from "../wire/message-type.ts";
import { decodeEntries } from "../wire/python-json.ts";
import type { StatePacket } from "../wire/state-packet.ts";
import type { Alerts } from "./alerts.ts";
import type { Flow } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import { isGone, isPresent, type Member, speaksNative } from "./member.ts";
import type { Members } from "./members.ts";
import type { NativeReplication } from "./native-replication.ts";
import { OwnPacket, type SignedState } from "./own-packet.ts";
import type { OwnSightings } from "./own-sightings.ts";
import type { OwnState } from "./own-state.ts";
import { mayNotListUs, noteFailure } from "./push-state.ts";
import { EMPTY, PythonTake, readPacket, type Verdict } from "./python-take.ts";
import * as refusals from "./refusal.ts";
import { isForgotten, Refusal } from "./refusal.ts";
import type { Senders } from "./senders.ts";
import { LIMITS } from "./settings.ts";
import { forgedState } from "./state-troubles.ts";
import { sameBytes } from "./trust.ts";

const NOTHING = new Uint8Array();

export interface ReplicationHooks {
  /** The peer does not know us (any more): say HELLO again. */
  readonly onForgotten: (member: Member, reply: Reply) => void;
  /** The peer may not list us: make sure that it does, then send it the newest state. */
  readonly onMayNotListUs: (member: Member) => void;
  /** The peer did not take a push: see whether it is there. */
  readonly onSilent: (member: Member) => void;
  /** The peer has answered to our state, or will not. */
  readonly onAnswered: (member: Member) => void;
  /** A verified state came from a node that is not present (yet, or any more). */
  readonly onAbsentOwner: (member: Member) => void;
}

export interface ReplicationOptions {
  readonly nodeId: string;
  readonly publicKey: Uint8Array;
  readonly replicaBytesMax: number;
}

/** Whether a version in Python form can go to it now; it has one on its way at a time. */
function canTake(member: Member): boolean {
  const { endpoint, push, status } = member;
  return (
    endpoint !== undefined && push.inFlight === 0 && status !== "one-way" && !speaksNative(member)
  );
}

export class Replication {
  readonly #kernel: Kernel;
  readonly #own: OwnState;
  readonly #members: Members;
  readonly #senders: Senders;
  readonly #alerts: Alerts;
  readonly #options: ReplicationOptions;
  readonly #hooks: ReplicationHooks;
  readonly #sightings: OwnSightings;
  readonly #native: NativeReplication;
  readonly #packet: OwnPacket;
  readonly #take: PythonTake;

  constructor(
    kernel: Kernel,
    own: OwnState,
    members: Members,
    senders: Senders,
    alerts: Alerts,
    sightings: OwnSightings,
    native: NativeReplication,
    options: ReplicationOptions,
    hooks: ReplicationHooks,
  ) {
    this.#kernel = kernel;
    this.#own = own;
    this.#members = members;
    this.#senders = senders;
    this.#alerts = alerts;
    this.#options = options;
    this.#hooks = hooks;
    this.#sightings = sightings;
    this.#native = native;
    // While all peers are busy with a version, those after it need no signature but the last.
    this.#packet = new OwnPacket(kernel, own, options.nodeId, {
      isWanted: () => members.present().some(canTake),
      onSigned: (signed) => this.#pushSigned(signed),
    });
    const { replicaBytesMax } = options;
    this.#take = new PythonTake({ kernel, members, alerts, replicaBytesMax });
  }

  // ---- ours to them ---------------------------------------------------------------------------

  /** Makes one version of all writes since the last, and sends it to everybody. */
  flush(): void {
    this.#own.commit(this.#kernel.now.unixSeconds);
    this.#native.push.pushAll();
    this.#packet.publish();
  }

  /** Sends the newest version to every present peer that has not proved to hold it. */
  pushAll(): void {
    this.#native.push.pushAll();
    const signed = this.#packet.current;
    if (signed === undefined) this.#packet.publish();
    else this.#pushSigned(signed);
  }

  #pushSigned(signed: SignedState): void {
    const receivers: { member: Member; endpoint: Address }[] = [];
    for (const member of this.#members.present()) {
      const { endpoint, push } = member;
      if (endpoint === undefined || !canTake(member)) continue;
      if (push.held !== undefined && push.held >= signed.version) continue;
      if (mayNotListUs(member, this.#kernel.now.monotonicMs)) this.#hooks.onMayNotListUs(member);
      else receivers.push({ member, endpoint });
    }
    if (receivers.length > 0) this.#push(signed, receivers);
  }

  /** The member has proved to hold our newest version. */
  isHeldBy(member: Member): boolean {
    const { held } = speaksNative(member) ? member.sync : member.push;
    return held === this.#own.version;
  }

  #push(signed: SignedState, receivers: readonly { member: Member; endpoint: Address }[]): void {
    for (const { member } of receivers) member.push.inFlight += 1;
    this.#kernel.broadcast(
      receivers.map(({ endpoint }) => endpoint),
      MessageType.UPDATE,
      signed.packet,
      { answerBytesMax: LIMITS.stateAnswerBytesMax },
      (index, reply) => {
        const member = receivers[index]?.member;
        if (member === undefined) return;
        member.push.inFlight -= 1;
        this.#kernel.spawn(this.#pushed(member, signed, reply));
      },
    );
  }

  *#pushed(member: Member, signed: SignedState, reply: Reply): Flow {
    if (reply.kind === "answer") {
      yield* this.#taken(member, signed, reply);
      if (this.#own.version !== signed.version) this.pushAll();
    } else if (reply.kind === "refused" && isForgotten(reply)) {
      this.#hooks.onForgotten(member, reply);
    } else {
      this.#untaken(member, signed);
      this.#hooks.onSilent(member);
    }
    this.#hooks.onAnswered(member);
  }

  #untaken(member: Member, signed: SignedState): void {
    member.push.unanswered = signed.version;
    noteFailure(member, this.#kernel.now.monotonicMs);
  }

  /**
   * Sends our state to one peer and takes the state that it answers with; from a native peer, the
   * states of all.
   *
   * @returns the reply, for callers that want to know why it failed.
   */
  *exchange(member: Member, endpoint: Address): Flow<Reply> {
    if (speaksNative(member)) {
      return yield* this.#native.antiEntropy.compare(member, member.replica === undefined);
    }
    const signed = yield* this.#packet.newest();
    member.push.inFlight += 1;
    const reply = yield* this.#kernel.request(endpoint, MessageType.UPDATE, signed.packet, {
      answerBytesMax: LIMITS.stateAnswerBytesMax,
    });
    member.push.inFlight -= 1;
    if (reply.kind === "answer") yield* this.#taken(member, signed, reply);
    else if (!isForgotten(reply)) this.#untaken(member, signed);
    if (this.#own.version !== signed.version) this.pushAll();
    this.#hooks.onAnswered(member);
    return reply;
  }

  *#taken(member: Member, signed: SignedState, reply: Extract<Reply, { kind: "answer" }>): Flow {
    const { push } = member;
    if (reply.payload.length > 0) {
      yield* this.#ingestAnswer(member, reply.payload, signed);
      return;
    }
    // The peer refused in silence. If it has proved to hold this version, or one that overtook it
    // on the way, all is well.
    if (push.held !== undefined && push.held >= signed.version) return;
    // Another request of ours is on its way, and may have brought this version first: its answer
    // tells, for answers overtake each other.
    if (push.inFlight > 0) return;
    // Python takes an empty state every time, unless it holds a newer time.
    const changed = signed.text === EMPTY || (push.heldText ?? signed.text) !== signed.text;
    // It may hold this very version, if only its answer was lost.
    const unsure = push.unanswered === signed.version && signed.text !== EMPTY;
    const again = push.doubtful === signed.version;
    push.doubtful = signed.version;
    const first = push.heldText === undefined;
    // Of two contents refused one after the other, at most one is what it holds.
    push.heldText ??= signed.text;
    if (again || unsure || !(changed || first)) return;
    if (changed) {
      // It holds other content under a time that is not older: our clock is behind what it saw.
      if (this.#sightings.refusedAsOld(member, reply.peerUnixSeconds)) this.#packet.publish();
    } else if (this.#sightings.refusedAtFirst(reply.peerUnixSeconds)) this.#packet.publish();
    if (!this.#sightings.isLeapDue) return;
    // What we would have done at once is done the next time.
    push.doubtful = undefined;
    if (first) push.heldText = undefined;
  }

  // ---- theirs to us ---------------------------------------------------------------------------

  /** An answer to our UPDATE carries the state of the node asked, or one of ours that is newer. */
  *#ingestAnswer(member: Member, payload: Uint8Array, signed: SignedState): Flow {
    const decoded = readPacket(payload);
    if (decoded === undefined) return;
    const { packet, signedPart } = decoded;
    if (packet.nodeId === this.#options.nodeId) {
      yield* this.#sawOwn(packet, signedPart);
      return;
    }
    // D05: only the node that was asked may answer, and only for itself.
    if (packet.nodeId !== member.nodeId || !this.#members.has(member)) return;
    // The usual answer: the very packet that was verified when it came first.
    const { replica } = member;
    if (replica?.kind === "python" && sameBytes(replica.packet, payload)) {
      this.#proved(member, signed);
      return;
    }
    const valid = yield* this.#kernel.verify(
      member.publicKey,
      "python",
      signedPart,
      packet.signature,
    );
    if (!valid) {
      this.#alerts.raise(forgedState(member.nodeId), member.nodeId);
      return;
    }
    this.#proved(member, signed);
    this.#take.accept(member, packet, payload);
  }

  /** An answer with the state of the peer says that it took ours. */
  #proved(member: Member, signed: SignedState): void {
    const { push } = member;
    if (push.held !== undefined && push.held > signed.version) return;
    push.held = signed.version;
    push.heldText = signed.text;
    push.doubtful = undefined;
    this.#alerts.clear(member.nodeId, "DSN_CLOCK_BEHIND");
  }

  /** Somebody shows a state of ours. Only our own signature makes it more than a rumour. */
  *#sawOwn(packet: StatePacket, signedPart: Uint8Array): Flow<boolean> {
    const { publicKey } = this.#options;
    const valid = yield* this.#kernel.verify(publicKey, "python", signedPart, packet.signature);
    if (valid && this.#sightings.shown(packet.version, readEntries(packet))) this.pushAll();
    return valid;
  }

  /** A state packet of a Python owner that a native peer has passed on. */
  takePacket(member: Member, payload: Uint8Array): Flow {
    return this.#take.takePacket(member, payload);
  }

  /** Answers an UPDATE. */
  *answer(payload: Uint8Array): Flow<Uint8Array> {
    const decoded = readPacket(payload);
    if (decoded === undefined) throw refusals.malformed();
    const { packet, signedPart } = decoded;
    const { nodeId } = packet;
    if (nodeId === this.#options.nodeId) {
      throw refusals.ownId(yield* this.#sawOwn(packet, signedPart));
    }
    const member = yield* this.#senders.of(packet, signedPart, refusals.unsignedState);
    // D15: it believes that we know it. The reference never says HELLO again, so we do.
    if (!isPresent(member)) this.#hooks.onAbsentOwner(member);
    // One that refuses us is answered: it may just have refused our first HELLO by mistake.
    if (isGone(member)) throw refusals.notInAddressBook(nodeId, true);
    return yield* this.#answerTo(member, this.#take.accept(member, packet, payload));
  }

  *#answerTo(member: Member, verdict: Verdict): Flow<Uint8Array> {
    // Python answers 500 and goes on.
    if (verdict === "unreadable") throw new Refusal(500, "", true);
    if (verdict === "accepted") return (yield* this.#packet.newest()).packet;
    // Python takes any answer for its state having been accepted; a native peer wants ours anyway.
    if (member.native === undefined) return NOTHING;
    if (verdict === "stale") {
      return member.replica?.kind === "python" ? member.replica.packet : NOTHING;
    }
    return (yield* this.#packet.newest()).packet;
  }
}

/** The entries of a state of ours that a peer shows; none if they cannot be read. */
function readEntries({ text }: StatePacket): ReadonlyMap<string, string> {
  try {
    return decodeEntries(text);
  } catch {
    return new Map();
  }
}
