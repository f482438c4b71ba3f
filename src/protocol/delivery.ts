/**
 * Brings a peer what it says that it lacks: states, and the HELLOs of those whom it does not know.
 * @module
 */
import { encodeIntroduce } from "../wire/native-members.ts";
import { decodeStateAcks, encodeStates, type StateAck } from "../wire/native-states.ts";
import { NativeType } from "../wire/native-type.ts";
import type { Flow } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import { type Member, targetOf } from "./member.ts";
import type { Members } from "./members.ts";
import { inBatches, type NativeItems, NO_ROOT } from "./native-items.ts";
import { LIMITS } from "./settings.ts";
import { entriesOf, HELLOS_MAX } from "./shown-members.ts";

export interface DeliveryParts {
  readonly kernel: Kernel;
  readonly members: Members;
  readonly items: NativeItems;
}

export class Delivery {
  readonly #parts: DeliveryParts;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
  }

  /** @returns whether any of them was news. */
  *introduce(link: Member, members: readonly Member[]): Flow<boolean> {
    let isNews = false;
    for (let index = 0; index < members.length; index += HELLOS_MAX) {
      const entries = entriesOf(members.slice(index, index + HELLOS_MAX));
      if (entries.length === 0) continue;
      const reply = yield* this.#parts.kernel.request(
        targetOf(link),
        NativeType.INTRODUCE,
        encodeIntroduce(entries),
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
      yield* this.introduce(
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
}

/** What a peer has answered to states; nothing when that cannot be read. */
export function readAcks(payload: Uint8Array): StateAck[] {
  try {
    return decodeStateAcks(payload);
  } catch {
    return [];
  }
}
