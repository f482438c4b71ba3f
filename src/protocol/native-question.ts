/**
 * One question to a native node: does it live?
 * @module
 */
import type { DsnError } from "../errors.ts";
import type { Reply, Target } from "../wire/exchange.ts";
import { MessageType } from "../wire/message-type.ts";
import { NativeType } from "../wire/native-type.ts";
import { PING_REQUEST } from "../wire/ping.ts";
import { countsByDatagram, hasWorker, noteAnswer } from "./busy.ts";
import { tellFeatures } from "./features.ts";
import type { Flow } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import { type Member, noteProven, noteRoundTrip, targetOf } from "./member.ts";
import type { Members } from "./members.ts";
import { isForgotten } from "./refusal.ts";
import { LIMITS } from "./settings.ts";
import { troubleOf } from "./troubles.ts";
import { pinProven, type Trust } from "./trust.ts";

/** A native member must prove this often, in milliseconds, that its answers are no recordings. */
export const PROOF_MS = 30_000;

export interface NativeQuestionParts {
  readonly kernel: Kernel;
  readonly members: Members;
  readonly trust: Trust;
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
  /** It did because nothing listens there, or something else. */
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
    if (!this.takesDatagrams(member)) return false;
    // Nobody could prove anything while its program is busy.
    if (member.busySinceMs !== undefined) return countsByDatagram(member, nowMs);
    return nowMs - member.provenMs < PROOF_MS && nowMs >= member.datagramsLostUntilMs;
  }

  takesDatagrams({ endpoint, native }: Member): boolean {
    const takes = native?.features.includes("udp") === true;
    return takes && this.#parts.sendsDatagrams && endpoint !== undefined;
  }

  *answersDatagram(member: Member, timeoutMs: number): Flow<boolean> {
    return (yield* this.#ping(member, timeoutMs, true))?.kind === "answer";
  }

  /**
   * Asks a node that no session is kept with, without beginning one. Nobody has it prove itself each
   * minute: in a large network `looks.ts` does, now and then. @returns what is wrong.
   */
  *knock(member: Member, timeoutMs: number): Flow<Unanswered | undefined> {
    const sentMs = this.#parts.kernel.now.monotonicMs;
    const reply = yield* this.#ping(member, timeoutMs, false);
    if (reply?.kind === "answer") return undefined;
    const failed = reply ?? NOWHERE;
    return this.#unanswered(member, targetOf(member), failed, { sentMs, timeoutMs });
  }

  *#ping(member: Member, timeoutMs: number, mustBeProven: boolean): Flow<Reply | undefined> {
    const { kernel } = this.#parts;
    const { endpoint, native } = member;
    if (endpoint === undefined) return undefined;
    const sentMs = kernel.now.monotonicMs;
    const reply = yield* kernel.request(endpoint, MessageType.PING, PING_REQUEST, {
      answerBytesMax: LIMITS.smallAnswerBytesMax,
      timeoutMs,
    });
    if (member.native?.incarnation !== native?.incarnation) return undefined;
    if (reply.kind !== "answer") {
      // The way of datagrams is tried again although nothing else answers: only they reach a worker,
      // and on bad links they get through long before a connection does.
      tellFeatures(kernel, member);
      return reply;
    }
    const nowMs = kernel.now.monotonicMs;
    if (mustBeProven && !countsByDatagram(member, nowMs)) return undefined;
    noteAnswer(member, reply.payload, nowMs);
    member.answeredMs = nowMs;
    // A worker waits for its program before it answers.
    if (member.busySinceMs === undefined) noteRoundTrip(member, nowMs - sentMs);
    return reply;
  }

  /** Whether a worker says that the member's program is busy. */
  *isBusy(member: Member, timeoutMs: number): Flow<boolean> {
    if (!hasWorker(member) || !this.takesDatagrams(member)) return false;
    return (yield* this.answersDatagram(member, timeoutMs)) && member.busySinceMs !== undefined;
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
    const nowMs = kernel.now.monotonicMs;
    noteProven(member, nowMs);
    const { members, trust } = this.#parts;
    // Another key may have the name by now, or nobody.
    if (members.has(member)) pinProven(trust, member);
    if (reply.peerUnixSeconds !== undefined) {
      member.clockOffsetSeconds = reply.peerUnixSeconds - Math.floor(kernel.now.unixSeconds);
    }
    noteRoundTrip(member, nowMs - sentMs);
    member.answeredMs = nowMs;
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
    const trouble = this.#trouble(member, to, reply);
    const isUnreachable = reply.kind === "failed" && reply.reason === "unreachable";
    // What says that it is no node is not the one that we had a session with.
    const refused = quick && (isUnreachable || trouble.code === "DSN_NOT_DSN");
    return { trouble, quick, refused };
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
}

const NOTHING = new Uint8Array();
const NOWHERE = { kind: "failed", reason: "unreachable", detail: "no address is known" } as const;
