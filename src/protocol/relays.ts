/**
 * A node that we do not reach, and others do: they pass our HELLO on to it, and its answer, which
 * signs our nonce, proves that it lives. Whoever passed it on also passes on its state.
 * @module
 */

import { decodeRelay, encodeRelay } from "../wire/native-relay.ts";
import { NativeType } from "../wire/native-type.ts";
import { countsByDatagram } from "./busy.ts";
import { type Flow, run, wait } from "./flow.ts";
import {
  isUnproven,
  type Member,
  noteProven,
  speaksNative,
  targetOf,
  versionHeld,
} from "./member.ts";
import type { Overlay } from "./overlay.ts";
import * as refusals from "./refusal.ts";
import type { OpenHello, RelayedGreeting } from "./relayed-greeting.ts";
import { LIMITS } from "./settings.ts";
import { Subscribers, type SubscribersParts } from "./subscribers.ts";

export interface RelaysParts extends SubscribersParts {
  readonly greeting: RelayedGreeting;
  readonly overlay: Overlay;
  readonly nodeId: string;
  /** We pass nothing on. */
  readonly isClosed: () => boolean;
}

/**
 * What came of asking others for a member: it has proved itself; its program is busy, as one of them
 * says, which is believed for as long as of a node that we ask ourselves; most of those asked say
 * that they do not reach it; most of them, or it, did not answer in time; none has said anything of it.
 */
export type Reached = "reached" | "busy" | "no answer" | "not reached" | "unheard";

export class Relays {
  readonly #parts: RelaysParts;
  /** Those whom we pass on what an owner says. */
  readonly subscribers: Subscribers;

  constructor(parts: RelaysParts) {
    this.#parts = parts;
    this.subscribers = new Subscribers(parts);
  }

  // ---- asking ---------------------------------------------------------------------------------

  /** Whether somebody else reaches the member, as it has just proved to us. */
  *reach(member: Member): Flow<boolean> {
    return (yield* this.ask(member)) === "reached";
  }

  /**
   * The same, and what others say of it if not.
   *
   * @param isLong It was silent for so long that even a machine that is late asks.
   */
  *ask(member: Member, isLong = false): Flow<Reached> {
    // Six messages and as many signatures: a machine that is late itself would only be later.
    const isLate = !isLong && this.#parts.kernel.isLate();
    if (!speaksNative(member) || isLate) return "unheard";
    const helpers = this.#helpers(member);
    if (helpers.length === 0) return this.#mayBeHelped() ? "unheard" : "not reached";
    const hello = yield* this.#parts.greeting.open();
    const heard = new Map<string, Reached>();
    // The first that brings a proof is enough; the others are not waited for.
    const reached = yield* wait<Reached>((resume, fail) => {
      for (const helper of helpers) {
        const ended = (one: Reached) => {
          heard.set(helper.nodeId, one);
          if (one === "reached") resume(one);
          else if (heard.size === helpers.length) resume(most([...heard.values()]));
        };
        run(this.#through(helper, member, hello), ended, fail);
      }
    });
    return reached === "not reached" ? this.#refusedBut(member, heard) : reached;
  }

  /**
   * Where one alone reaches it, the others have nothing else to say: they do not outweigh whoever has
   * brought its last proof and is silent, or suspect itself.
   */
  #refusedBut(member: Member, heard: ReadonlyMap<string, Reached>): Reached {
    const helper = this.#parts.members.get(member.helper ?? "");
    const mayHelp = helper?.status === "alive" || HELPS_LATER.has(helper?.status ?? "");
    if (!mayHelp) member.helper = undefined;
    if (helper === undefined || !mayHelp || isUnproven(member)) return "not reached";
    const isSilent = heard.get(helper.nodeId) === "no answer";
    if (helper.status === "alive") return isSilent ? "no answer" : "not reached";
    return "unheard";
  }

  /** Nobody answers us now, and somebody may yet. */
  #mayBeHelped(): boolean {
    return this.#parts.members.all().some(({ status }) => HELPS_LATER.has(status));
  }

  #helpers(member: Member): Member[] {
    const { overlay, kernel } = this.#parts;
    const candidates = overlay
      .reached()
      .filter((other) => other !== member && other.status === "alive");
    // Few may reach it: one that did is asked again before chance chooses.
    const helpers = candidates.filter(({ nodeId }) => nodeId === member.helper);
    for (const helper of helpers) candidates.splice(candidates.indexOf(helper), 1);
    while (helpers.length < LIMITS.relaysMax) {
      const helper = kernel.pick(candidates);
      if (helper === undefined) break;
      candidates.splice(candidates.indexOf(helper), 1);
      helpers.push(helper);
    }
    return helpers;
  }

  *#through(helper: Member, member: Member, hello: OpenHello): Flow<Reached> {
    const { kernel, greeting, members } = this.#parts;
    const held = versionHeld(member);
    const payload = encodeRelay({ to: member.nodeId, held, hello: hello.payload });
    const reply = yield* kernel.request(targetOf(helper), NativeType.RELAY, payload, {
      answerBytesMax: LIMITS.smallAnswerBytesMax,
    });
    // One that waits for a dead node for as long as we wait for it is silent, and there.
    if (reply.kind === "failed") return helper.status === "alive" ? "no answer" : "unheard";
    if (reply.kind === "refused") {
      if (reply.status === refusals.STATUS_NOT_REACHED) return "no answer";
      const isVouched = countsByDatagram(member, kernel.now.monotonicMs);
      if (reply.status === refusals.STATUS_BUSY && isVouched) return "busy";
      return noHelp(helper, member);
    }
    if (!members.has(member)) return "not reached";
    if (!(yield* greeting.answers(member, reply.payload, hello))) return noHelp(helper, member);
    noteProven(member, kernel.now.monotonicMs);
    member.helper = helper.nodeId;
    return "reached";
  }

  // ---- passing on -----------------------------------------------------------------------------

  /** Answers a RELAY: for ourselves, or by asking the node that it is for. */
  *answer(asker: Member, payload: Uint8Array): Flow<Uint8Array> {
    let request: ReturnType<typeof decodeRelay>;
    try {
      request = decodeRelay(payload);
    } catch {
      throw refusals.malformed();
    }
    const { to, held, hello } = request;
    const { kernel, greeting, nodeId } = this.#parts;
    if (to === nodeId) return yield* greeting.answer(hello);
    const owner = this.#ownerFor(asker, to);
    const reply = yield* kernel.request(targetOf(owner), NativeType.RELAY, payload.slice(), {
      answerBytesMax: LIMITS.smallAnswerBytesMax,
    });
    if (reply.kind !== "answer") throw refusals.notReached(to);
    this.subscribers.add(owner, asker, held);
    return reply.payload;
  }

  /** Whom a RELAY is for. @throws {Refusal} when we do not reach it, which says why. */
  #ownerFor(asker: Member, to: string): Member {
    const owner = this.#parts.members.get(to);
    if (owner === undefined || owner === asker || !speaksNative(owner) || this.#parts.isClosed()) {
      throw refusals.notInAddressBook(to, true);
    }
    if (owner.status === "busy") throw refusals.isBusy(to);
    // It may only be slow: it is asked itself just now.
    if (owner.status === "suspect") throw refusals.notReached(to);
    if (owner.status !== "alive") throw refusals.notInAddressBook(to, true);
    return owner;
  }
}

/** One of them that is silent must not outweigh the others: it may have made the member up. */
function most(all: readonly Reached[]): Reached {
  if (all.includes("busy")) return "busy";
  const count = (kind: Reached) => all.filter((one) => one === kind).length;
  const [refused, silent] = [count("not reached"), count("no answer")];
  if (refused > silent) return "not reached";
  return silent > 0 ? "no answer" : "unheard";
}

/** Those that may be asked again soon. */
const HELPS_LATER: ReadonlySet<string> = new Set(["suspect", "joining", "busy"]);

/** It does not reach it any more, or said so and never did. */
function noHelp(helper: Member, member: Member): Reached {
  if (member.helper === helper.nodeId) member.helper = undefined;
  return "not reached";
}
