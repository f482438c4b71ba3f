/**
 * A node that we do not reach, and others do: they pass our HELLO on to it, and its answer, which
 * signs our nonce, proves that it lives. Whoever passed it on also passes on its state.
 * @module
 */

import { decodeRelay, encodeRelay } from "../wire/native-relay.ts";
import { decodeStateAcks, encodeStates } from "../wire/native-states.ts";
import { NativeType } from "../wire/native-type.ts";
import { type Flow, run, wait } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import { type Member, noteProven, speaksNative, targetOf, versionHeld } from "./member.ts";
import type { Members } from "./members.ts";
import { type NativeItems, NO_ROOT } from "./native-items.ts";
import type { Overlay } from "./overlay.ts";
import * as refusals from "./refusal.ts";
import type { OpenHello, RelayedGreeting } from "./relayed-greeting.ts";
import { LIMITS } from "./settings.ts";

/** Who asked to reach an owner is sent its state for so long, unless it asks again. */
const SUBSCRIBED_TICKS = 4;

/** So often it is looked who has not asked again. */
const FORGOTTEN_TICKS = 8;

/** Somebody who does not reach an owner, and what it holds of it. */
interface Subscriber {
  untilMs: number;
  held: number;
  sending: boolean;
}

export interface RelaysParts {
  readonly kernel: Kernel;
  readonly members: Members;
  readonly greeting: RelayedGreeting;
  readonly items: NativeItems;
  readonly overlay: Overlay;
  readonly nodeId: string;
  /** We pass nothing on. */
  readonly isClosed: () => boolean;
}

/**
 * What came of asking others for a member: it has proved itself; most of those asked say that they
 * do not reach it; most of them, or it, did not answer in time; none has said anything of it.
 */
export type Reached = "reached" | "not reached" | "no answer" | "unheard";

export class Relays {
  readonly #parts: RelaysParts;
  /** By owner, then by asker. */
  readonly #subscribers = new Map<string, Map<string, Subscriber>>();

  constructor(parts: RelaysParts) {
    this.#parts = parts;
  }

  /** Owners whose states somebody gets from us. */
  get size(): number {
    return this.#subscribers.size;
  }

  // ---- asking ---------------------------------------------------------------------------------

  /** Whether somebody else reaches the member, as it has just proved to us. */
  *reach(member: Member): Flow<boolean> {
    return (yield* this.ask(member)) === "reached";
  }

  /** The same, and what others say of it if not. */
  *ask(member: Member): Flow<Reached> {
    // Six messages and as many signatures: a machine that is late itself would only be later.
    if (!speaksNative(member) || this.#parts.kernel.isLate()) return "unheard";
    const helpers = this.#helpers(member);
    if (helpers.length === 0) return this.#mayBeHelped() ? "unheard" : "not reached";
    const hello = yield* this.#parts.greeting.open();
    // The first that brings a proof is enough; the others are not waited for.
    const reached = yield* wait<Reached>((resume, fail) => {
      const all: Reached[] = [];
      for (const helper of helpers) {
        const ended = (one: Reached) => {
          all.push(one);
          if (one === "reached") resume(one);
          else if (all.length === helpers.length) resume(most(all));
        };
        run(this.#through(helper, member, hello), ended, fail);
      }
    });
    // It does not reach it any more, or said so and never did.
    if (reached !== "reached") member.helper = undefined;
    return reached;
  }

  /** Nobody answers us now, and somebody may yet. */
  #mayBeHelped(): boolean {
    return this.#parts.members
      .all()
      .some(({ status }) => status === "suspect" || status === "joining");
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
      return reply.status === refusals.STATUS_NOT_REACHED ? "no answer" : "not reached";
    }
    if (!members.has(member)) return "not reached";
    if (!(yield* greeting.answers(member, reply.payload, hello))) return "not reached";
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
    const { kernel, members, greeting, nodeId } = this.#parts;
    if (to === nodeId) return yield* greeting.answer(hello);
    const owner = members.get(to);
    const reached = owner !== undefined && owner !== asker && owner.status === "alive";
    if (!reached || !speaksNative(owner) || this.#parts.isClosed()) {
      throw refusals.notInAddressBook(to, true);
    }
    const reply = yield* kernel.request(targetOf(owner), NativeType.RELAY, payload.slice(), {
      answerBytesMax: LIMITS.smallAnswerBytesMax,
    });
    if (reply.kind !== "answer") throw refusals.notReached(to);
    this.#subscribe(owner, asker, held);
    return reply.payload;
  }

  #subscribe(owner: Member, asker: Member, held: number): void {
    const { kernel } = this.#parts;
    const untilMs = kernel.now.monotonicMs + SUBSCRIBED_TICKS * kernel.settings.tickMs;
    const subscribers = this.#subscribers.get(owner.nodeId) ?? new Map<string, Subscriber>();
    if (subscribers.size === 0) this.#forgetLater(owner.nodeId);
    this.#subscribers.set(owner.nodeId, subscribers);
    const known = subscribers.get(asker.nodeId);
    if (known === undefined) {
      subscribers.set(asker.nodeId, { untilMs, held, sending: false });
    } else {
      known.untilMs = untilMs;
      if (!known.sending) known.held = held;
    }
    this.proven(owner);
  }

  /** An owner that never says anything again must not be remembered for ever. */
  #forgetLater(nodeId: string): void {
    const { kernel } = this.#parts;
    kernel.after(FORGOTTEN_TICKS * kernel.settings.tickMs, () => {
      const subscribers = this.#subscribers.get(nodeId);
      if (subscribers === undefined) return;
      for (const [asker, { untilMs, sending }] of subscribers) {
        if (untilMs < kernel.now.monotonicMs && !sending) subscribers.delete(asker);
      }
      if (subscribers.size === 0) this.#subscribers.delete(nodeId);
      else this.#forgetLater(nodeId);
    });
  }

  /** Those to whom we pass on what an owner says. */
  subscribersOf(owner: Member): Member[] {
    const { members, kernel } = this.#parts;
    const subscribers = this.#subscribers.get(owner.nodeId) ?? new Map<string, Subscriber>();
    return [...subscribers].flatMap(([nodeId, { untilMs }]) => {
      const asker = members.get(nodeId);
      return asker === undefined || untilMs < kernel.now.monotonicMs ? [] : [asker];
    });
  }

  /** An owner has a newer version that it has signed: whoever does not reach it gets it from us. */
  proven(owner: Member): void {
    const subscribers = this.#subscribers.get(owner.nodeId);
    if (subscribers === undefined) return;
    for (const [nodeId, subscriber] of subscribers) {
      const asker = this.#parts.members.get(nodeId);
      const isOver = subscriber.untilMs < this.#parts.kernel.now.monotonicMs;
      if (asker === undefined || isOver) subscribers.delete(nodeId);
      else if (!subscriber.sending) this.#parts.kernel.spawn(this.#send(owner, asker, subscriber));
    }
    if (subscribers.size === 0) this.#subscribers.delete(owner.nodeId);
  }

  /** One at a time, always the newest. */
  *#send(owner: Member, asker: Member, subscriber: Subscriber): Flow {
    subscriber.sending = true;
    try {
      for (;;) {
        const held = { owner: owner.nodeId, version: subscriber.held, root: NO_ROOT };
        const item = this.#parts.items.lacking(owner.nodeId, held, asker.nodeId);
        if (item === undefined || item.form === "proof") return;
        const reply = yield* this.#parts.kernel.request(
          targetOf(asker),
          NativeType.STATES,
          encodeStates([item]),
          { answerBytesMax: LIMITS.smallAnswerBytesMax },
        );
        const before = subscriber.held;
        if (reply.kind === "answer") subscriber.held = heldAt(reply.payload, owner.nodeId);
        if (subscriber.held <= before) return;
      }
    } finally {
      subscriber.sending = false;
    }
  }
}

/** One of them that is silent must not outweigh the others: it may have made the member up. */
function most(all: readonly Reached[]): Reached {
  const count = (kind: Reached) => all.filter((one) => one === kind).length;
  const [refused, silent] = [count("not reached"), count("no answer")];
  if (refused > silent) return "not reached";
  return silent > 0 ? "no answer" : "unheard";
}

function heldAt(acks: Uint8Array, owner: string): number {
  try {
    return decodeStateAcks(acks).find((ack) => ack.owner === owner)?.held ?? 0;
  } catch {
    return 0;
  }
}
