/**
 * Answers what comes on sessions. Who sends has proved who it is, so nothing in a message has to.
 * @module
 */
import type { ProvenPeer } from "../wire/exchange.ts";
import { decodeAlive } from "../wire/native-alive.ts";
import {
  decodeStates,
  encodeStateAcks,
  type StateAck,
  type StateItem,
} from "../wire/native-states.ts";
import { NativeType } from "../wire/native-type.ts";
import type { Directory } from "./directory.ts";
import type { Flow } from "./flow.ts";
import type { Goodbye } from "./goodbye.ts";
import type { Kernel } from "./kernel.ts";
import { isPresent, type Member, noteProven } from "./member.ts";
import type { Members } from "./members.ts";
import type { Messaging } from "./messaging.ts";
import type { NativeReplication } from "./native-replication.ts";
import * as refusals from "./refusal.ts";
import type { Relays } from "./relays.ts";
import { pinProven, sameBytes, type Trust } from "./trust.ts";

const NOTHING = new Uint8Array();

export interface NativeServingParts {
  readonly kernel: Kernel;
  readonly nodeId: string;
  readonly members: Members;
  readonly trust: Trust;
  readonly replication: NativeReplication;
  readonly directory: Directory;
  readonly relays: Relays;
  readonly messaging: Messaging;
  readonly goodbye: Goodbye;
  /** The process that calls is not the one that we know by its HELLO. */
  readonly onOtherProcess: (member: Member) => void;
  /** A peer suspects these nodes. */
  readonly onSuspects: (nodeIds: readonly string[], from: Member) => void;
  /** The process has proved that it has that key. */
  readonly onProved: (member: Member, incarnation: string) => void;
  /** A node that we do not list is there after all. */
  readonly onAbsentPeer: (member: Member) => void;
}

/** What is answered, and what is done once that is on its way. */
export interface Served {
  readonly payload: Uint8Array;
  readonly afterwards?: (() => void) | undefined;
}

export class NativeServing {
  readonly #parts: NativeServingParts;

  constructor(parts: NativeServingParts) {
    this.#parts = parts;
  }

  /**
   * Most is answered at once, without the cost of a flow.
   *
   * @throws {Refusal} of a peer that has to say HELLO first, or of bytes that say nothing.
   */
  answer(type: NativeType, payload: Uint8Array, peer: ProvenPeer): Served | Flow<Served> {
    const member = this.#memberOf(peer);
    const { replication, directory, relays, messaging, goodbye } = this.#parts;
    switch (type) {
      case NativeType.ALIVE:
        this.#parts.onSuspects(readSuspects(payload), member);
        return { payload: NOTHING };
      case NativeType.BYTES:
        return { payload: NOTHING, afterwards: messaging.answerBytes(payload, peer) };
      case NativeType.STATES: {
        const { take } = replication;
        const items = readStates(payload);
        const answer = (acks: readonly StateAck[]) => {
          // It need not send us such things at once, nor we it.
          if (acks.length > 0 && acks.every(({ wants }) => wants === "less")) member.lazy = true;
          return encodeStateAcks(acks);
        };
        return items.every(({ owner }) => owner === member.nodeId)
          ? { payload: answer(take.takeOwn(member, items)) }
          : served(take.take(member, items), answer);
      }
      case NativeType.DIGEST:
        return { payload: replication.antiEntropy.answer(member, payload) };
      case NativeType.MEMBERS:
        return { payload: directory.answer(member, payload) };
      case NativeType.LEAVE:
        return served(goodbye.answer(payload), (payload) => payload);
      case NativeType.OFFER:
        return { payload: encodeStateAcks(replication.news.answerOffer(member, payload)) };
      case NativeType.INTRODUCE:
        return served(directory.introduced(member, payload), (isNews) => {
          if (!isNews) member.lazy = true;
          return Uint8Array.of(Number(isNews));
        });
      case NativeType.RELAY:
        return served(relays.answer(member, payload), (payload) => payload);
    }
  }

  /** The process that has proved itself must be the one that we know by its HELLO. */
  #memberOf({ nodeId, publicKey, incarnation }: ProvenPeer): Member {
    const { members, trust, kernel } = this.#parts;
    if (!trust.admits(nodeId, publicKey)) {
      throw refusals.notWhitelisted(nodeId, this.#parts.nodeId);
    }
    const member = members.get(nodeId);
    if (member === undefined || !sameBytes(member.publicKey, publicKey)) {
      throw refusals.notInAddressBook(nodeId, true);
    }
    if (member.native?.incarnation !== incarnation) {
      // Its HELLO is on its way; or its clock went back, and only one that answers ours will count.
      this.#parts.onOtherProcess(member);
      throw refusals.notInAddressBook(nodeId, true);
    }
    pinProven(trust, member);
    if (member.provenIncarnation !== incarnation) this.#parts.onProved(member, incarnation);
    // What comes on a session is no recording, whoever asks.
    member.heardMs = kernel.now.monotonicMs;
    member.calledMs = kernel.now.monotonicMs;
    noteProven(member, kernel.now.monotonicMs);
    // Of one that has left, what it said before may still come.
    const isMissed = !isPresent(member) && member.status !== "left";
    if (isMissed || member.status === "relayed") this.#parts.onAbsentPeer(member);
    return member;
  }
}

function* served<T>(flow: Flow<T>, encode: (value: T) => Uint8Array): Flow<Served> {
  return { payload: encode(yield* flow) };
}

function readSuspects(payload: Uint8Array): string[] {
  try {
    return decodeAlive(payload);
  } catch {
    throw refusals.malformed();
  }
}

function readStates(payload: Uint8Array): StateItem[] {
  try {
    return decodeStates(payload);
  } catch {
    throw refusals.malformed();
  }
}
