/**
 * Whether a native node is there: one question, and many before it is given up.
 *
 * A probe that is not answered makes its node suspect. Then it is asked again and again, by
 * datagram and on its session, and through others, until something comes of it or enough was tried:
 * as often as would be silent by chance once in ten million times, which depends on how many first
 * tries are answered on these links; and for longer than a busy program may block.
 *
 * Source: SWIM (Das et al. 2002), Lifeguard (Dadgar et al. 2018): suspicion, local health.
 * @module
 */
import type { DsnError } from "../errors.ts";
import type { Reply, Target } from "../wire/exchange.ts";
import { MessageType } from "../wire/message-type.ts";
import { encodeAlive } from "../wire/native-alive.ts";
import { NativeType } from "../wire/native-type.ts";
import { PING_REQUEST } from "../wire/ping.ts";
import { type Flow, wait } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import { isPresent, type Member, speaksNative, targetOf } from "./member.ts";
import type { Members } from "./members.ts";
import { isForgotten } from "./refusal.ts";
import type { Relays } from "./relays.ts";
import { LIMITS } from "./settings.ts";
import { troubleOf } from "./troubles.ts";

/** A native member must prove this often, in milliseconds, that it lives and is no recording. */
const PROOF_MS = 30_000;
/** A peer whose answer to a datagram did not come is asked on its session for so long. */
const DATAGRAMS_LOST_MS = 60_000;
/** The first question waits for several round trips, as the last ones were. */
const FIRST_TRY_MS = { min: 200, max: 500 } as const;
const FIRST_TRY_ROUND_TRIPS = 4;
/** Members that are asked in a round; the rounds go through all in turn. */
const PROBES_PER_ROUND = 3;
/** What others say of a node is old when it has answered since. */
const RUMOUR_MS = 300;
/** So long it need not be said again that a node is suspected. */
const TOLD_MS = 3_000;
/** Others that are told in each round through others. */
const TOLD_AGAIN = 5;
/** From one question to the next while it is suspect. */
const TRY_MS = 300;
/** The same on a session, which holds up what is lost and brings it later. */
const SESSION_TRY_MS = 1_500;
/** From one round through others to the next. */
const ROUND_MS = 1_000;
/** A program that computes for three seconds answers nobody meanwhile, and is not dead. */
const SILENCE_MS = 3_100;
/** A machine that refuses connections runs no such process, unless a firewall does. */
const REFUSALS = 3;
const REFUSAL_PAUSE_MS = 50;
const FALSE_VERDICTS = 1e-7;
const SUSPICION_MS_MAX = 60_000;
/** How fast the share of answered first tries follows what is seen. */
const SHARE_WEIGHT = 1 / 8;
const SHARE = { min: 0.05, max: 0.99 } as const;

/** What was tried in vain. */
export interface FailedTries {
  readonly trouble: DsnError;
  /** A fresh word of the member after this shows that it lives; monotonic ms. */
  readonly sinceMs: number;
  /** Whether others reach it. */
  readonly others: Flow<boolean>;
}

export interface NativeProbesParts {
  readonly kernel: Kernel;
  readonly members: Members;
  readonly relays: Relays;
  readonly me: { readonly nodeId: string; readonly keyId: string | undefined };
  /** Has one member asked; nothing happens while it is. */
  readonly probe: (member: Member) => void;
  /** We send datagrams. */
  readonly sendsDatagrams: boolean;
  /** It lives, and has just told us that it does not know us. */
  readonly onForgotten: (member: Member) => void;
  /** It did not answer, and does again. */
  readonly onAnswered: (member: Member) => void;
}

/** Why a question on a session was not answered. */
interface Failure {
  readonly trouble: DsnError;
  /** Nothing listens there: that was news at once. */
  readonly refused: boolean;
}

/** How a suspicion stands. */
interface Suspicion {
  readonly member: Member;
  readonly sinceMs: number;
  readonly isCurrent: () => boolean;
  trouble: DsnError;
  refusals: number;
  /** Of the last round through others; undefined while the first is under way. */
  reachedByOthers: boolean | undefined;
  over: boolean;
  readonly end: (answered: boolean) => void;
}

export class NativeProbes {
  readonly #parts: NativeProbesParts;
  /** Of the first questions to nodes that were there. */
  #answeredShare: number = SHARE.max;
  /** Members that are still to be asked before all are asked again. */
  #turn: Member[] = [];
  #cancelRound: () => void = () => undefined;

  constructor(parts: NativeProbesParts) {
    this.#parts = parts;
  }

  // ---- rounds ---------------------------------------------------------------------------------

  start(): void {
    // Anywhere in the interval, so that nodes started together do not march in step.
    const { kernel } = this.#parts;
    this.#scheduleRound(kernel.random() * kernel.settings.probeMs);
  }

  stop(): void {
    this.#cancelRound();
  }

  #scheduleRound(ms: number): void {
    this.#cancelRound = this.#parts.kernel.after(ms, () => this.#round());
  }

  /** A few of all: what it costs does not grow with the network, and each is asked by somebody. */
  #round(): void {
    this.#scheduleRound(this.#parts.kernel.settings.probeMs);
    const asked = new Set<Member>();
    while (asked.size < PROBES_PER_ROUND) {
      const member = this.#next();
      if (member === undefined || asked.has(member)) return;
      asked.add(member);
      this.#parts.probe(member);
    }
  }

  #next(): Member | undefined {
    if (this.#turn.length === 0) {
      this.#turn = this.#parts.members.present().filter(isProbed);
      // In another order each time: nodes that join together must not ask the same ones together.
      for (let index = this.#turn.length - 1; index > 0; index -= 1) {
        const other = Math.floor(this.#parts.kernel.random() * (index + 1));
        const [a, b] = [this.#turn[index], this.#turn[other]];
        if (a !== undefined && b !== undefined) [this.#turn[index], this.#turn[other]] = [b, a];
      }
    }
    for (let member = this.#turn.pop(); member !== undefined; member = this.#turn.pop()) {
      if (this.#parts.members.has(member) && isProbed(member)) return member;
    }
    return undefined;
  }

  /** Others say that they suspect these nodes: a reason to look, never a verdict. */
  hear(suspects: readonly string[]): void {
    const nowMs = this.#parts.kernel.now.monotonicMs;
    for (const nodeId of suspects) {
      const member = this.#parts.members.get(nodeId);
      if (member === undefined || !isProbed(member)) continue;
      if (nowMs - member.answeredMs < RUMOUR_MS) continue;
      member.rumouredMs = nowMs;
      this.#parts.probe(member);
    }
  }

  /** So that all begin to ask it together, however seldom each does in its rounds. */
  #tellAll(member: Member): void {
    const nowMs = this.#parts.kernel.now.monotonicMs;
    if (nowMs - member.rumouredMs < TOLD_MS) return;
    member.rumouredMs = nowMs;
    this.#tell(this.#othersThan(member), member);
  }

  /** Words get lost: whoever suspects a node tells some others again and again. */
  #tellSome(member: Member): void {
    const others = this.#othersThan(member);
    const some: Member[] = [];
    while (some.length < TOLD_AGAIN && others.length > 0) {
      some.push(...others.splice(Math.floor(this.#parts.kernel.random() * others.length), 1));
    }
    this.#tell(some, member);
  }

  #othersThan(member: Member): Member[] {
    return this.#parts.members.present().filter((other) => other !== member && isProbed(other));
  }

  #tell(to: readonly Member[], suspect: Member): void {
    if (to.length === 0) return;
    const options = { answerBytesMax: LIMITS.smallAnswerBytesMax };
    const payload = encodeAlive([suspect.nodeId]);
    const { kernel } = this.#parts;
    kernel.broadcast(to.map(targetOf), NativeType.ALIVE, payload, options, () => undefined);
  }

  // ---- one member -----------------------------------------------------------------------------

  /**
   * Asks the member for a sign of life.
   *
   * @param isCurrent False once verdicts of before count for nothing: we were suspended.
   * @returns what failed, or undefined when it is there.
   */
  *tries(member: Member, isCurrent: () => boolean): Flow<FailedTries | undefined> {
    const { kernel, members } = this.#parts;
    const sinceMs = kernel.now.monotonicMs;
    const stands = () => isCurrent() && isPresent(member);
    const byDatagram = this.#asksByDatagram(member);
    const firstTryMs = firstTryMsOf(member);
    if (byDatagram && (yield* this.#answersDatagram(member, firstTryMs))) {
      this.#note(true);
      return undefined;
    }
    if (byDatagram) member.datagramsLostUntilMs = kernel.now.monotonicMs + DATAGRAMS_LOST_MS;
    if (!stands()) return undefined;
    const failure = yield* this.#asked(member, firstTryMs);
    if (!stands()) return undefined;
    if (failure === undefined) {
      this.#note(!byDatagram);
      this.#parts.onAnswered(member);
      return undefined;
    }
    if (member.status === "alive") members.setStatus(member, "suspect", failure.trouble);
    this.#tellAll(member);
    const suspicion = yield* this.#suspect(member, sinceMs, failure, stands);
    if (!stands()) return undefined;
    if (suspicion === undefined) {
      this.#note(false);
      this.#parts.onAnswered(member);
      return undefined;
    }
    const { reachedByOthers = false } = suspicion;
    return { trouble: suspicion.trouble, sinceMs, others: settled(reachedByOthers) };
  }

  // ---- one question ---------------------------------------------------------------------------

  /**
   * A datagram asks without waiting behind anything. It proves the network key and not who
   * answers, so a session is asked every now and then, and when no datagram comes back.
   */
  #asksByDatagram(member: Member): boolean {
    const nowMs = this.#parts.kernel.now.monotonicMs;
    const isProven = nowMs - member.provenMs < PROOF_MS;
    return this.#takesDatagrams(member) && isProven && nowMs >= member.datagramsLostUntilMs;
  }

  #takesDatagrams({ endpoint, native }: Member): boolean {
    const takes = native?.features.includes("udp") === true;
    return takes && this.#parts.sendsDatagrams && endpoint !== undefined;
  }

  *#answersDatagram(member: Member, timeoutMs: number): Flow<boolean> {
    const { kernel } = this.#parts;
    const { endpoint, native } = member;
    if (endpoint === undefined) return false;
    const sentMs = kernel.now.monotonicMs;
    const reply = yield* kernel.request(endpoint, MessageType.PING, PING_REQUEST, {
      answerBytesMax: LIMITS.smallAnswerBytesMax,
      timeoutMs,
    });
    if (reply.kind !== "answer" || member.native?.incarnation !== native?.incarnation) return false;
    this.#heard(member, sentMs);
    return true;
  }

  /** Nobody can have recorded an answer on a session. @returns what is wrong. */
  *#asked(member: Member, timeoutMs: number): Flow<Failure | undefined> {
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
    if (reply.kind !== "answer") {
      // Not one that only ran out of time before it could be asked.
      const isQuick = kernel.now.monotonicMs - sentMs < timeoutMs;
      const refused = reply.kind === "failed" && reply.reason === "unreachable" && isQuick;
      return { trouble: this.#trouble(member, to, reply), refused };
    }
    member.provenMs = kernel.now.monotonicMs;
    if (reply.peerUnixSeconds !== undefined) {
      member.clockOffsetSeconds = reply.peerUnixSeconds - Math.floor(kernel.now.unixSeconds);
    }
    this.#heard(member, sentMs);
    return undefined;
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

  #note(answered: boolean): void {
    const share = this.#answeredShare + ((answered ? 1 : 0) - this.#answeredShare) * SHARE_WEIGHT;
    this.#answeredShare = Math.min(SHARE.max, Math.max(SHARE.min, share));
  }

  // ---- suspicion ------------------------------------------------------------------------------

  /** @returns undefined when the member has shown that it lives. */
  *#suspect(
    member: Member,
    sinceMs: number,
    { trouble, refused }: Failure,
    isCurrent: () => boolean,
  ): Flow<Suspicion | undefined> {
    return yield* wait<Suspicion | undefined>((resume) => {
      const suspicion: Suspicion = {
        member,
        sinceMs,
        isCurrent,
        trouble,
        refusals: refused ? 1 : 0,
        reachedByOthers: undefined,
        over: false,
        end: (answered) => {
          if (suspicion.over) return;
          suspicion.over = true;
          resume(answered ? undefined : suspicion);
        },
      };
      const { kernel } = this.#parts;
      kernel.spawn(this.#askOthers(suspicion));
      kernel.spawn(this.#askOnSession(suspicion));
      kernel.spawn(this.#askOften(suspicion));
      this.#awaitVerdict(suspicion);
    });
  }

  /** Silence is a verdict when it has lasted, and we were there to hear. */
  #awaitVerdict(suspicion: Suspicion): void {
    const { kernel } = this.#parts;
    const { sinceMs } = suspicion;
    const lastsMs = this.#lastsMs;
    // A machine that is late itself hears late.
    const dueMs = Math.max(sinceMs, kernel.lastLateMs) + lastsMs;
    kernel.after(Math.max(0, dueMs - kernel.now.monotonicMs), () => {
      if (this.#isOver(suspicion)) return;
      const onTime = kernel.now.monotonicMs - Math.max(sinceMs, kernel.lastLateMs) >= lastsMs;
      const isDue = onTime && suspicion.reachedByOthers !== undefined;
      if (isDue) suspicion.end(false);
      else kernel.after(TRY_MS, () => this.#awaitVerdict(suspicion));
    });
  }

  get #lastsMs(): number {
    const tries = Math.log(FALSE_VERDICTS) / Math.log(1 - this.#answeredShare);
    return Math.min(SUSPICION_MS_MAX, Math.max(SILENCE_MS, Math.ceil(tries) * TRY_MS));
  }

  /** Ends it too, when the member was heard or nobody wants to know any more. */
  #isOver(suspicion: Suspicion): boolean {
    const { member, sinceMs, isCurrent } = suspicion;
    if (!suspicion.over && (member.answeredMs > sinceMs || !isCurrent())) suspicion.end(true);
    return suspicion.over;
  }

  /** The next question is sent whether one is answered or not. */
  *#askOften(suspicion: Suspicion): Flow {
    const { kernel } = this.#parts;
    while (!this.#isOver(suspicion)) {
      // Where nothing listens, asking more often brings no more.
      if (suspicion.refusals === 0) kernel.spawn(this.#askOnceMore(suspicion));
      yield* kernel.sleep(TRY_MS);
    }
  }

  *#askOnceMore(suspicion: Suspicion): Flow {
    const { member } = suspicion;
    if (this.#takesDatagrams(member)) yield* this.#answersDatagram(member, SESSION_TRY_MS);
    else yield* this.#asked(member, SESSION_TRY_MS);
    this.#isOver(suspicion);
  }

  *#askOnSession(suspicion: Suspicion): Flow {
    const { kernel } = this.#parts;
    const { member } = suspicion;
    for (;;) {
      yield* kernel.sleep(suspicion.refusals > 0 ? REFUSAL_PAUSE_MS : TRY_MS);
      if (this.#isOver(suspicion)) return;
      const failure = yield* this.#asked(member, SESSION_TRY_MS);
      if (failure === undefined) suspicion.end(true);
      if (this.#isOver(suspicion) || failure === undefined) return;
      suspicion.trouble = failure.trouble;
      suspicion.refusals = failure.refused ? suspicion.refusals + 1 : 0;
      if (this.#endIfRefused(suspicion)) return;
    }
  }

  #endIfRefused(suspicion: Suspicion): boolean {
    const { refusals, reachedByOthers } = suspicion;
    if (refusals < REFUSALS || reachedByOthers === undefined) return false;
    suspicion.end(false);
    return true;
  }

  *#askOthers(suspicion: Suspicion): Flow {
    const { kernel, relays } = this.#parts;
    while (!this.#isOver(suspicion)) {
      suspicion.reachedByOthers = yield* relays.reach(suspicion.member);
      if (this.#isOver(suspicion) || this.#endIfRefused(suspicion)) return;
      yield* kernel.sleep(ROUND_MS);
      if (!this.#isOver(suspicion)) this.#tellSome(suspicion.member);
    }
  }
}

function isProbed(member: Member): boolean {
  return isPresent(member) && member.status !== "relayed" && speaksNative(member);
}

function firstTryMsOf({ rttMs = FIRST_TRY_MS.max }: Member): number {
  const { min, max } = FIRST_TRY_MS;
  return Math.min(max, Math.max(min, FIRST_TRY_ROUND_TRIPS * rttMs));
}

const NOTHING = new Uint8Array();

// biome-ignore lint/correctness/useYield: a flow that has ended when it begins.
function* settled(value: boolean): Flow<boolean> {
  return value;
}
