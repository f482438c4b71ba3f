/**
 * Goodbye: a node that stops says so, and is not suspected first.
 *
 * What it says is signed and names the process that ends, so that whoever hears it can pass it on,
 * and nobody can say it for another or say it again of the process that follows.
 * @module
 */
import { fromHex, toHex } from "../bytes/hex.ts";
import {
  decodeLeave,
  encodeLeave,
  type LeaveMessage,
  leaveSignedPart,
} from "../wire/native-leave.ts";
import { NativeType } from "../wire/native-type.ts";
import { type Flow, wait } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import { isPresent, type Member, targetOf } from "./member.ts";
import type { Members } from "./members.ts";
import type { Overlay } from "./overlay.ts";
import * as refusals from "./refusal.ts";
import type { Relays } from "./relays.ts";
import type { Self } from "./self.ts";
import { LIMITS } from "./settings.ts";

/** Who stops waits no longer than this for the others to hear it. */
const GOODBYE_MS = 500;

export interface GoodbyeParts {
  readonly kernel: Kernel;
  readonly self: Self;
  readonly members: Members;
  readonly relays: Relays;
  readonly overlay: Overlay;
  /** It has left: it is called again later, in case that it comes back. */
  readonly onLeft: (member: Member) => void;
}

export class Goodbye {
  readonly #parts: GoodbyeParts;

  constructor(parts: GoodbyeParts) {
    this.#parts = parts;
  }

  /** Tells all peers with sessions that we leave. Ends when all have heard it, or after a while. */
  *say(): Flow {
    yield* this.#parts.kernel.within(GOODBYE_MS, this.#sayToAll());
  }

  *#sayToAll(): Flow {
    const { kernel, self, overlay } = this.#parts;
    const statement = {
      owner: self.nodeId,
      incarnation: fromHex(self.incarnation),
      issued: self.leave(),
    };
    const signature = yield* kernel.sign("native", leaveSignedPart(statement));
    const payload = encodeLeave({ ...statement, signature });
    const hearers = overlay.reached();
    if (hearers.length === 0) return;
    yield* wait<void>((resume) => {
      let missing = hearers.length;
      this.#send(hearers, payload, () => {
        missing -= 1;
        if (missing === 0) resume();
      });
    });
  }

  /** Answers a LEAVE, of the node that says it or of another that it was told of. */
  *answer(payload: Uint8Array): Flow<Uint8Array> {
    let leave: LeaveMessage;
    try {
      leave = decodeLeave(payload);
    } catch {
      throw refusals.malformed();
    }
    const { kernel, members, relays, overlay, onLeft } = this.#parts;
    const member = members.get(leave.owner);
    if (member === undefined || !isNews(member, leave)) return NOTHING;
    // Kept while its signature is verified: the payload is somebody else's.
    const kept = payload.slice();
    const { publicKey } = member;
    const message = leaveSignedPart(leave);
    const signature = leave.signature.slice();
    const { issued } = leave;
    const valid = yield* kernel.verify(publicKey, "native", message, signature);
    if (!valid) throw refusals.malformed();
    if (!members.has(member) || !isNews(member, leave) || member.native === undefined) {
      return NOTHING;
    }
    const knew = isPresent(member);
    // HELLOs of that process are older than this: none of them brings it back.
    member.native = { ...member.native, issued };
    members.setStatus(member, "left", undefined);
    if (knew) {
      const links = overlay.isSparse ? overlay.reached() : [];
      this.#send([...links, ...relays.subscribers.of(member)], kept, () => undefined);
    }
    onLeft(member);
    return NOTHING;
  }

  #send(to: readonly Member[], payload: Uint8Array, onReply: () => void): void {
    if (to.length === 0) return;
    const { smallAnswerBytesMax: answerBytesMax } = LIMITS;
    const options = { answerBytesMax, timeoutMs: GOODBYE_MS };
    this.#parts.kernel.broadcast(to.map(targetOf), NativeType.LEAVE, payload, options, onReply);
  }
}

/** It is of the process that we know, and later than all that this has said. */
function isNews({ status, native }: Member, { incarnation, issued }: LeaveMessage): boolean {
  if (native === undefined || status === "left" || status === "refused") return false;
  return native.incarnation === toHex(incarnation) && issued > native.issued;
}

const NOTHING = new Uint8Array();
