/**
 * Those who do not reach an owner that we reach, and have asked for it: they get what it says from us.
 * @module
 */
import { decodeStateAcks, encodeStates } from "../wire/native-states.ts";
import { NativeType } from "../wire/native-type.ts";
import type { Flow } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import { type Member, targetOf } from "./member.ts";
import type { Members } from "./members.ts";
import { type NativeItems, NO_ROOT } from "./native-items.ts";
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

export interface SubscribersParts {
  readonly kernel: Kernel;
  readonly members: Members;
  readonly items: NativeItems;
}

export class Subscribers {
  readonly #parts: SubscribersParts;
  /** By owner, then by asker. */
  readonly #byOwner = new Map<string, Map<string, Subscriber>>();

  constructor(parts: SubscribersParts) {
    this.#parts = parts;
  }

  /** Owners whose states somebody gets from us. */
  get size(): number {
    return this.#byOwner.size;
  }

  /** For some ticks, or until it asks again. */
  add(owner: Member, asker: Member, held: number): void {
    const { kernel } = this.#parts;
    const untilMs = kernel.now.monotonicMs + SUBSCRIBED_TICKS * kernel.settings.tickMs;
    const subscribers = this.#byOwner.get(owner.nodeId) ?? new Map<string, Subscriber>();
    if (subscribers.size === 0) this.#forgetLater(owner.nodeId);
    this.#byOwner.set(owner.nodeId, subscribers);
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
      const subscribers = this.#byOwner.get(nodeId);
      if (subscribers === undefined) return;
      for (const [asker, { untilMs, sending }] of subscribers) {
        if (untilMs < kernel.now.monotonicMs && !sending) subscribers.delete(asker);
      }
      if (subscribers.size === 0) this.#byOwner.delete(nodeId);
      else this.#forgetLater(nodeId);
    });
  }

  /** Those to whom we pass on what an owner says. */
  of(owner: Member): Member[] {
    const { members, kernel } = this.#parts;
    const subscribers = this.#byOwner.get(owner.nodeId) ?? new Map<string, Subscriber>();
    return [...subscribers].flatMap(([nodeId, { untilMs }]) => {
      const asker = members.get(nodeId);
      return asker === undefined || untilMs < kernel.now.monotonicMs ? [] : [asker];
    });
  }

  /** An owner has a newer version that it has signed: whoever does not reach it gets it from us. */
  proven(owner: Member): void {
    const subscribers = this.#byOwner.get(owner.nodeId);
    if (subscribers === undefined) return;
    for (const [nodeId, subscriber] of subscribers) {
      const asker = this.#parts.members.get(nodeId);
      const isOver = subscriber.untilMs < this.#parts.kernel.now.monotonicMs;
      if (asker === undefined || isOver) subscribers.delete(nodeId);
      else if (!subscriber.sending) this.#parts.kernel.spawn(this.#send(owner, asker, subscriber));
    }
    if (subscribers.size === 0) this.#byOwner.delete(owner.nodeId);
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

function heldAt(acks: Uint8Array, owner: string): number {
  try {
    return decodeStateAcks(acks).find((ack) => ack.owner === owner)?.held ?? 0;
  } catch {
    return 0;
  }
}
