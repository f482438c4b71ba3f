/**
 * HELLOs that others pass on: of nodes that we do not reach, and to them.
 *
 * They prove as much as any, but were said to somebody else: nobody is pinned by one.
 * @module
 */
import { PROTOCOL_VERSION } from "../wire/message-type.ts";
import type { Enrolment, Greeted } from "./enrolment.ts";
import type { Flow } from "./flow.ts";
import { type ProvenHello, proveHello } from "./hello-proof.ts";
import type { Kernel } from "./kernel.ts";
import type { Member, SignedHello } from "./member.ts";
import * as refusals from "./refusal.ts";
import type { Self } from "./self.ts";
import { sameBytes, type Trust } from "./trust.ts";
import { proveRequest } from "./welcome.ts";

/** A HELLO of ours that asks, until its answer has come. */
export interface OpenHello {
  readonly payload: Uint8Array;
  readonly nonce: Uint8Array;
}

export class RelayedGreeting {
  readonly #kernel: Kernel;
  readonly #self: Self;
  readonly #trust: Trust;
  readonly #enrolment: Enrolment;

  constructor(kernel: Kernel, self: Self, trust: Trust, enrolment: Enrolment) {
    this.#kernel = kernel;
    this.#self = self;
    this.#trust = trust;
    this.#enrolment = enrolment;
  }

  /**
   * A HELLO of another node that a native peer has shown us.
   *
   * @returns undefined when it proves nothing, or is of a node that is not let in.
   */
  *shown(signed: SignedHello): Flow<ProvenHello | undefined> {
    const proven = yield* proveHello(this.#kernel, signed.bytes, signed.role);
    if (proven === undefined || typeof proven === "string") return undefined;
    const { nodeId, publicKey, version } = proven.hello;
    const welcome =
      version === PROTOCOL_VERSION &&
      nodeId !== this.#self.nodeId &&
      this.#trust.admits(nodeId, publicKey) &&
      this.#trust.accepts(nodeId, publicKey);
    return welcome ? proven : undefined;
  }

  /** Enters a node that only others have met, or what they know of it newer than we do. */
  enter(proven: ProvenHello): Greeted | undefined {
    return this.#enrolment.enter(proven, "is shown");
  }

  /** A HELLO that others are to pass on to a node that we do not reach. */
  *open(): Flow<OpenHello> {
    return yield* this.#self.hello("request", undefined, "");
  }

  /** The answer to {@link open}, passed on by others: whether it proves that the member lives. */
  *answers(member: Member, payload: Uint8Array, { nonce }: OpenHello): Flow<boolean> {
    const proven = yield* proveHello(this.#kernel, payload, "answer");
    if (proven === undefined || typeof proven === "string") return false;
    const { hello, block } = proven;
    const answered = block?.answered;
    if (answered === undefined || !sameBytes(answered, nonce)) return false;
    if (hello.nodeId !== member.nodeId || !sameBytes(hello.publicKey, member.publicKey)) {
      return false;
    }
    return this.#enrolment.enter(proven, "is shown")?.member === member;
  }

  /** Answers a HELLO that a native peer passes on for a node that does not reach us. */
  *answer(payload: Uint8Array): Flow<Uint8Array> {
    const { hello, block, signed } = yield* proveRequest(this.#kernel, payload);
    const proven = block === undefined ? undefined : yield* this.shown(signed);
    if (proven === undefined) throw refusals.notWhitelisted(hello.nodeId, this.#self.nodeId);
    return (yield* this.#self.hello("answer", block?.nonce, "")).payload;
  }
}
