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
import { all, type Flow } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import type { LastWrites } from "./last-writes.ts";
import { isPresent, type Member, speaksNative, targetOf } from "./member.ts";
import type { Members } from "./members.ts";
import type { Overlay } from "./overlay.ts";
import * as refusals from "./refusal.ts";
import type { Relays } from "./relays.ts";
import type { Self } from "./self.ts";
import { LIMITS } from "./settings.ts";

/** Who stops waits no longer than this for the others to hear it. */
const GOODBYE_MS = 500;
/** So much of it is for what was written last, where that takes long. */
const LAST_WRITES_MS = 350;
const REQUEST = { answerBytesMax: LIMITS.smallAnswerBytesMax, timeoutMs: GOODBYE_MS };

export interface GoodbyeParts {
  readonly kernel: Kernel;
  readonly self: Self;
  readonly members: Members;
  readonly relays: Relays;
  readonly overlay: Overlay;
  readonly lastWrites: LastWrites;
  /** It has left: it is called again later, in case that it comes back. */
  readonly onLeft: (member: Member) => void;
}

export class Goodbye {
  readonly #parts: GoodbyeParts;

  constructor(parts: GoodbyeParts) {
    this.#parts = parts;
  }

  /**
   * Tells all peers with sessions that we leave, each once it has taken what was written last. Ends
   * when all have heard it and the other peers have taken the last version too, or after a while.
   */
  *say(): Flow {
    yield* this.#parts.kernel.within(GOODBYE_MS, this.#sayToAll());
  }

  *#sayToAll(): Flow {
    const { kernel, self, overlay, members, lastWrites } = this.#parts;
    const statement = {
      owner: self.nodeId,
      incarnation: fromHex(self.incarnation),
      issued: self.leave(),
    };
    const signature = yield* kernel.sign("native", leaveSignedPart(statement));
    const payload = encodeLeave({ ...statement, signature });
    const others = members.present().filter((member) => !speaksNative(member));
    yield* all<unknown>([
      ...overlay.reached().map((member) => this.#sayTo(member, payload)),
      ...others.map((member) => lastWrites.taken(member, GOODBYE_MS)),
    ]);
  }

  *#sayTo(member: Member, payload: Uint8Array): Flow {
    const { kernel, lastWrites } = this.#parts;
    yield* lastWrites.taken(member, LAST_WRITES_MS);
    yield* kernel.request(targetOf(member), NativeType.LEAVE, payload, REQUEST);
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
      this.#passOn([...links, ...relays.subscribers.of(member)], kept);
    }
    onLeft(member);
    return NOTHING;
  }

  #passOn(to: readonly Member[], payload: Uint8Array): void {
    if (to.length === 0) return;
    const { kernel } = this.#parts;
    kernel.broadcast(to.map(targetOf), NativeType.LEAVE, payload, REQUEST, () => undefined);
  }
}

/** It is of the process that we know, and later than all that this has said. */
function isNews({ status, native }: Member, { incarnation, issued }: LeaveMessage): boolean {
  if (native === undefined || status === "left" || status === "refused") return false;
  return native.incarnation === toHex(incarnation) && issued > native.issued;
}

const NOTHING = new Uint8Array();
