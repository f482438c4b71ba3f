/**
 * One question to a native node: does it live?
 * @module
 */
import type { DsnError } from "../errors.ts";
import type { Reply, Target } from "../wire/exchange.ts";
import { MessageType } from "../wire/message-type.ts";
import { NativeType } from "../wire/native-type.ts";
import { PING_REQUEST } from "../wire/ping.ts";
import type { Flow } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import { type Member, targetOf } from "./member.ts";
import { isForgotten } from "./refusal.ts";
import { LIMITS } from "./settings.ts";
import { troubleOf } from "./troubles.ts";

/** A native member must prove this often, in milliseconds, that its answers are no recordings. */
export const PROOF_MS = 30_000;

export interface NativeQuestionParts {
  readonly kernel: Kernel;
  readonly me: { readonly nodeId: string; readonly keyId: string | undefined };
  /** We send datagrams. */
  readonly sendsDatagrams: boolean;
  /** It lives, and has just told us that it does not know us. */
  readonly onForgotten: (member: Member) => void;
}

/** Why a question on a session was not answered. */
export interface Unanswered {
  readonly trouble: DsnError;
  /** It failed before its time was over. */
  readonly quick: boolean;
  /** It did because nothing listens there. */
  readonly refused: boolean;
}

export class NativeQuestion {
  readonly #parts: NativeQuestionParts;

  constructor(parts: NativeQuestionParts) {
    this.#parts = parts;
  }

  /**
   * A datagram asks without waiting behind anything. It proves the network key and not who
   * answers, so a session is asked every now and then, and when no datagram comes back.
   */
  asksByDatagram(member: Member): boolean {
    const nowMs = this.#parts.kernel.now.monotonicMs;
    const isProven = nowMs - member.provenMs < PROOF_MS;
    return this.takesDatagrams(member) && isProven && nowMs >= member.datagramsLostUntilMs;
  }

  takesDatagrams({ endpoint, native }: Member): boolean {
    const takes = native?.features.includes("udp") === true;
    return takes && this.#parts.sendsDatagrams && endpoint !== undefined;
  }

  *answersDatagram(member: Member, timeoutMs: number): Flow<boolean> {
    return (yield* this.#ping(member, timeoutMs))?.kind === "answer";
  }

  /** Asks a node that no session is kept with, without beginning one. @returns what is wrong. */
  *knock(member: Member, timeoutMs: number): Flow<Unanswered | undefined> {
    const sentMs = this.#parts.kernel.now.monotonicMs;
    const reply = yield* this.#ping(member, timeoutMs);
    if (reply?.kind === "answer") return undefined;
    const failed = reply ?? NOWHERE;
    return this.#unanswered(member, targetOf(member), failed, { sentMs, timeoutMs });
  }

  *#ping(member: Member, timeoutMs: number): Flow<Reply | undefined> {
    const { kernel } = this.#parts;
    const { endpoint, native } = member;
    if (endpoint === undefined) return undefined;
    const sentMs = kernel.now.monotonicMs;
    const reply = yield* kernel.request(endpoint, MessageType.PING, PING_REQUEST, {
      answerBytesMax: LIMITS.smallAnswerBytesMax,
      timeoutMs,
    });
    if (reply.kind !== "answer") return reply;
    if (member.native?.incarnation !== native?.incarnation) return undefined;
    this.#heard(member, sentMs);
    return reply;
  }

  /** Nobody can have recorded an answer on a session. @returns what is wrong. */
  *ask(member: Member, timeoutMs: number): Flow<Unanswered | undefined> {
    const { kernel } = this.#parts;
    const sentMs = kernel.now.monotonicMs;
    const to = targetOf(member);
    const reply = yield* kernel.request(to, NativeType.ALIVE, NOTHING, {
      answerBytesMax: LIMITS.smallAnswerBytesMax,
      timeoutMs,
    });
    if (isForgotten(reply)) {
      this.#parts.onForgotten(member);
      return undefined;
    }
    if (reply.kind !== "answer") return this.#unanswered(member, to, reply, { sentMs, timeoutMs });
    member.provenMs = kernel.now.monotonicMs;
    if (reply.peerUnixSeconds !== undefined) {
      member.clockOffsetSeconds = reply.peerUnixSeconds - Math.floor(kernel.now.unixSeconds);
    }
    this.#heard(member, sentMs);
    return undefined;
  }

  #unanswered(
    member: Member,
    to: Target,
    reply: Exclude<Reply, { kind: "answer" }>,
    { sentMs, timeoutMs }: { readonly sentMs: number; readonly timeoutMs: number },
  ): Unanswered {
    // Not one that only ran out of time before it could be asked.
    const quick = this.#parts.kernel.now.monotonicMs - sentMs < timeoutMs;
    const refused = quick && reply.kind === "failed" && reply.reason === "unreachable";
    return { trouble: this.#trouble(member, to, reply), quick, refused };
  }

  #trouble({ nodeId }: Member, to: Target, reply: Exclude<Reply, { kind: "answer" }>): DsnError {
    const { me } = this.#parts;
    return troubleOf(reply, {
      what: `reach ${nodeId}`,
      to,
      nodeId,
      me: me.nodeId,
      keyId: me.keyId,
    });
  }

  #heard(member: Member, sentMs: number): void {
    const nowMs = this.#parts.kernel.now.monotonicMs;
    member.rttMs = nowMs - sentMs;
    member.answeredMs = nowMs;
  }
}

const NOTHING = new Uint8Array();
const NOWHERE = { kind: "failed", reason: "unreachable", detail: "no address is known" } as const;
