/**
 * Answers a HELLO: who is let in, and how the others are refused.
 *
 * Source: `dsnode.py`, `handle_hello`, which verifies nothing; `docs/protocol.md`, HELLO.
 * @module
 */
import { isPort } from "../wire/address.ts";
import type { Address } from "../wire/exchange.ts";
import { PROTOCOL_VERSION } from "../wire/message-type.ts";
import type { Alerts } from "./alerts.ts";
import type { Enrolment, Greeted } from "./enrolment.ts";
import type { Flow } from "./flow.ts";
import { type ProvenHello, proveHello } from "./hello-proof.ts";
import { downgraded, identityChanged, otherVersion } from "./identity-troubles.ts";
import type { Kernel } from "./kernel.ts";
import type { Member } from "./member.ts";
import type { Members } from "./members.ts";
import * as refusals from "./refusal.ts";
import { Refusal } from "./refusal.ts";
import type { Self } from "./self.ts";
import { LIMITS } from "./settings.ts";
import type { Trust } from "./trust.ts";
import type { Twins } from "./twins.ts";

export interface WelcomeParts {
  readonly kernel: Kernel;
  readonly self: Self;
  readonly members: Members;
  readonly trust: Trust;
  readonly alerts: Alerts;
  readonly twins: Twins;
  readonly enrolment: Enrolment;
  /** Asks a member itself whose name somebody else claims. */
  readonly onContested: (member: Member) => void;
}

export class Welcome {
  readonly #parts: WelcomeParts;

  constructor(parts: WelcomeParts) {
    this.#parts = parts;
  }

  /** Answers a HELLO. Returns the payload to answer with, and who greeted us. */
  *answer(
    payload: Uint8Array,
    from: string,
  ): Flow<{
    readonly payload: Uint8Array;
    readonly greeted: Greeted;
    readonly endpoint: Address | undefined;
  }> {
    const { self, members, trust, alerts } = this.#parts;
    const proven = yield* proveRequest(this.#parts.kernel, payload);
    const { hello, block } = proven;
    const me = self.nodeId;
    if (hello.nodeId === me) throw this.#parts.twins.refusalOf(proven, from);
    if (!trust.admits(hello.nodeId, hello.publicKey)) {
      throw refusals.notWhitelisted(hello.nodeId, me);
    }
    if (hello.version !== PROTOCOL_VERSION) {
      alerts.raise(otherVersion(hello, from), hello.nodeId);
      throw refusals.versionMismatch(hello.version, hello.nodeId, PROTOCOL_VERSION, me);
    }
    if (!trust.accepts(hello.nodeId, hello.publicKey)) {
      const pinned = trust.keyOf(hello.nodeId);
      alerts.raise(identityChanged(hello, pinned, from), hello.nodeId);
      throw refusals.keyChanged(hello.nodeId);
    }
    if (block === undefined && trust.isNative(hello.nodeId)) {
      alerts.raise(downgraded(hello.nodeId, from), hello.nodeId);
      throw refusals.sessionsOnly();
    }
    const holder = this.#parts.enrolment.holderOf(proven);
    if (holder !== undefined) {
      if (holder.provisional) this.#parts.onContested(holder);
      else alerts.raise(identityChanged(hello, holder.publicKey, from), hello.nodeId);
      throw refusals.keyChanged(hello.nodeId);
    }
    if (members.get(hello.nodeId) === undefined)
      members.makeRoomFor(from, LIMITS.joiningPerSourceMax);
    const greeted = this.#parts.enrolment.enter(proven, "asks");
    if (greeted === undefined) throw new Refusal(503, "Too many nodes", true);
    greeted.member.source = from;
    const endpoint = isPort(hello.port) ? { address: from, port: hello.port } : undefined;
    const answer = yield* self.hello("answer", block?.nonce, from);
    return { payload: answer.payload, greeted, endpoint };
  }
}

/** A HELLO that asks, proven. @throws {Refusal} when it is none. */
export function* proveRequest(kernel: Kernel, payload: Uint8Array): Flow<ProvenHello> {
  const proven = yield* proveHello(kernel, payload, "request");
  if (typeof proven === "string") throw refusals.malformed();
  if (proven === undefined) {
    throw new Refusal(401, "Could not verify ECDSA signature of packet", false);
  }
  return proven;
}
