/**
 * A native node that did not answer is asked again and again, by datagram and on its session, and
 * through others, until something comes of it or enough was tried: as often as would be silent by
 * chance once in ten million times, which depends on how many first tries are answered on these
 * links; and for longer than a busy program may block.
 *
 * Source: SWIM (Das et al. 2002), Lifeguard (Dadgar et al. 2018): suspicion, local health.
 * @module
 */
import { AnsweredShare } from "./answered-share.ts";
import { isBusy } from "./busy.ts";
import { type Flow, wait } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import type { Member } from "./member.ts";
import type { NativeQuestion, Unanswered } from "./native-question.ts";
import type { Overlay } from "./overlay.ts";
import type { Relays } from "./relays.ts";
import type { Rumours } from "./rumours.ts";

/** From one question to the next while it is suspect. */
const TRY_MS = 300;
/** A machine that is late asks less often: all that it asks comes back to it. */
const LATENESS_PER_TRY = 8;
/** A session holds up what is lost and brings it later. */
const SESSION_TRY_MS = 1_500;
/** From one round through others to the next. */
const ROUND_MS = 1_000;
/** A program that computes for three seconds answers nobody meanwhile, and is not dead. */
const SILENCE_MS = 3_100;
/**
 * A busy program answers on no session, so only datagrams speak for it; and once some were lost,
 * their way begins anew, which takes seconds on a bad link. If it dies, its connections say so.
 */
const BUSY_SILENCE_MS = 10_000;
/** Datagrams are repeated; where they are lost nevertheless, their way begins anew, for so long. */
const WAY_ANEW_MS = 3_000;
/** A machine that refuses connections runs no such process, unless a firewall does. */
const REFUSALS = 3;
const QUICK_PAUSE_MS = 50;
const FALSE_VERDICTS = 1e-7;
/** What was seen longer ago says nothing of links as they are, if something else is seen. */
const SEEN_MS = 20_000;
const SUSPICION_MS_MAX = 60_000;

export interface SuspicionsParts {
  readonly kernel: Kernel;
  readonly question: NativeQuestion;
  readonly relays: Relays;
  readonly rumours: Rumours;
  readonly overlay: Overlay;
  /** How long a node must have been silent at least, in milliseconds. */
  readonly holdMs: (member: Member) => number;
}

/** How a suspicion stands. */
export interface Suspicion {
  readonly member: Member;
  readonly sinceMs: number;
  readonly isCurrent: () => boolean;
  /** Why the last question on the session was not answered. */
  last: Unanswered;
  /** Connections refused in a row. */
  refusals: number;
  /** Of the last round through others; undefined while the first is under way. */
  reachedByOthers: boolean | undefined;
  over: boolean;
  /** Those of its flows that sleep; its end wakes them, so that nothing of it is left over. */
  readonly sleepers: Set<() => void>;
  readonly end: (answered: boolean) => void;
}

export class Suspicions {
  readonly #parts: SuspicionsParts;
  /** Of the first questions to nodes that were there, as a suspicion asks: by datagram where it can. */
  readonly answered = new AnsweredShare();
  #answeredMs = Number.NEGATIVE_INFINITY;
  /** Of those on sessions: few where datagrams pass. */
  readonly #onSessions = new AnsweredShare();
  #onSessionsMs = Number.NEGATIVE_INFINITY;

  constructor(parts: SuspicionsParts) {
    this.#parts = parts;
  }

  /** A first question, as a suspicion asks. */
  note(answered: boolean): void {
    this.answered.note(answered);
    this.#answeredMs = this.#parts.kernel.now.monotonicMs;
  }

  /** A first question on a session. */
  noteOnSession(answered: boolean): void {
    this.#onSessions.note(answered);
    this.#onSessionsMs = this.#parts.kernel.now.monotonicMs;
  }

  /** How many first questions on sessions are answered by nodes that are there, 0 to 1. */
  get answeredOnSessions(): number {
    const { share } = this.#onSessions;
    const { monotonicMs } = this.#parts.kernel.now;
    const isOld = monotonicMs - this.#onSessionsMs > SEEN_MS;
    const isOtherSeen = monotonicMs - this.#answeredMs <= SEEN_MS / 2;
    return isOld && isOtherSeen ? Math.max(share, this.answered.share) : share;
  }

  /**
   * @param sinceMs When it was asked first.
   * @param isCurrent False once nobody wants to know any more.
   * @returns undefined when the member has shown that it lives.
   */
  *suspect(
    member: Member,
    sinceMs: number,
    first: Unanswered,
    isCurrent: () => boolean,
  ): Flow<Suspicion | undefined> {
    return yield* wait<Suspicion | undefined>((resume) => {
      const suspicion: Suspicion = {
        member,
        sinceMs,
        isCurrent,
        last: first,
        refusals: first.refused ? 1 : 0,
        reachedByOthers: undefined,
        over: false,
        sleepers: new Set(),
        end: (answered) => {
          if (suspicion.over) return;
          suspicion.over = true;
          for (const wake of suspicion.sleepers) wake();
          resume(answered ? undefined : suspicion);
        },
      };
      const { kernel } = this.#parts;
      kernel.spawn(this.#askOthers(suspicion));
      kernel.spawn(this.#askOnSession(suspicion));
      kernel.spawn(this.#askOften(suspicion));
      kernel.spawn(this.#awaitVerdict(suspicion));
    });
  }

  /** Silence is a verdict when it has lasted, and we were there to hear. */
  *#awaitVerdict(suspicion: Suspicion): Flow {
    const { kernel } = this.#parts;
    const { member, sinceMs } = suspicion;
    for (;;) {
      const lastsMs = this.#lastsMs(member);
      // A machine that is late itself hears late.
      const dueMs = Math.max(sinceMs, kernel.lastLateMs) + lastsMs;
      yield* this.#sleep(suspicion, Math.max(0, dueMs - kernel.now.monotonicMs));
      if (this.#isOver(suspicion)) return;
      const heardMs = Math.max(sinceMs, kernel.lastLateMs);
      const onTime = kernel.now.monotonicMs - heardMs >= lastsMs && !kernel.isLate();
      // One that is late all the time would never find out that anybody is gone.
      const isLong = kernel.now.monotonicMs - sinceMs >= SUSPICION_MS_MAX;
      const isDue = (onTime || isLong) && suspicion.reachedByOthers !== undefined;
      if (isDue) suspicion.end(false);
      yield* this.#sleep(suspicion, TRY_MS);
    }
  }

  /** Until then, or until the suspicion has ended. */
  *#sleep({ over, sleepers }: Suspicion, ms: number): Flow {
    if (over) return;
    yield* wait<void>((resume) => {
      const wake = () => {
        cancel();
        sleepers.delete(wake);
        resume();
      };
      const cancel = this.#parts.kernel.after(ms, wake);
      sleepers.add(wake);
    });
  }

  #lastsMs(member: Member): number {
    const { kernel, holdMs } = this.#parts;
    const silenceMs = isBusy(member, kernel.now.monotonicMs) ? BUSY_SILENCE_MS : SILENCE_MS;
    const triesMs = this.answered.tries(FALSE_VERDICTS) * TRY_MS;
    const wayMs = this.answered.isLow ? WAY_ANEW_MS : 0;
    const wantedMs = Math.max(silenceMs, triesMs + wayMs, holdMs(member));
    return Math.min(SUSPICION_MS_MAX, wantedMs);
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
      yield* this.#sleep(suspicion, TRY_MS + LATENESS_PER_TRY * kernel.latenessMs);
    }
  }

  *#askOnceMore(suspicion: Suspicion): Flow {
    const { member } = suspicion;
    const { question } = this.#parts;
    // A neighbour of a large network that answers, and gives no session over bad links, is there.
    const isKnockedAt = this.#parts.overlay.isSparse && !member.doubted;
    if (isKnockedAt) yield* question.knock(member, SESSION_TRY_MS);
    else if (question.takesDatagrams(member))
      yield* question.answersDatagram(member, SESSION_TRY_MS);
    else yield* question.ask(member, SESSION_TRY_MS);
    this.#isOver(suspicion);
  }

  *#askOnSession(suspicion: Suspicion): Flow {
    const { question } = this.#parts;
    const { member } = suspicion;
    for (;;) {
      // A connection that ended under a question says nothing yet, and costs no waiting.
      const isQuick = suspicion.last.quick && suspicion.refusals < REFUSALS;
      yield* this.#sleep(suspicion, isQuick ? QUICK_PAUSE_MS : TRY_MS);
      if (this.#isOver(suspicion)) return;
      const failure = this.#hasSession(member)
        ? yield* question.ask(member, SESSION_TRY_MS)
        : yield* question.knock(member, SESSION_TRY_MS);
      if (failure === undefined) suspicion.end(true);
      if (this.#isOver(suspicion) || failure === undefined) return;
      suspicion.last = failure;
      suspicion.refusals = failure.refused ? suspicion.refusals + 1 : 0;
      if (this.#endIfRefused(suspicion)) return;
    }
  }

  /** Nobody begins a session only to find out that nobody is there. */
  #hasSession(member: Member): boolean {
    return this.#parts.overlay.reaches(member) || member.doubted;
  }

  #endIfRefused(suspicion: Suspicion): boolean {
    const { member, sinceMs, refusals, reachedByOthers } = suspicion;
    if (refusals < REFUSALS || reachedByOthers === undefined) return false;
    // One that closes connections may only have no time for them, as we have none.
    if (this.#parts.kernel.isLate()) return false;
    if (this.#parts.kernel.now.monotonicMs - sinceMs < this.#parts.holdMs(member)) return false;
    suspicion.end(false);
    return true;
  }

  *#askOthers(suspicion: Suspicion): Flow {
    const { relays, rumours } = this.#parts;
    while (!this.#isOver(suspicion)) {
      suspicion.reachedByOthers = yield* relays.reach(suspicion.member);
      if (this.#isOver(suspicion) || this.#endIfRefused(suspicion)) return;
      yield* this.#sleep(suspicion, ROUND_MS);
      if (!this.#isOver(suspicion)) rumours.tellSome(suspicion.member);
    }
  }
}
