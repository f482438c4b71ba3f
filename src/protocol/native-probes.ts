/**
 * Whether a native node is there: one question, and many before it is given up.
 * @module
 */
import { DsnError } from "../errors.ts";
import { BusyNodes } from "./busy.ts";
import type { Flow } from "./flow.ts";
import { isPresent, isReached, type Member } from "./member.ts";
import { NativeQuestion, type NativeQuestionParts, type Unanswered } from "./native-question.ts";
import type { Overlay } from "./overlay.ts";
import { ProbeRounds } from "./probe-rounds.ts";
import type { Relays } from "./relays.ts";
import { Rumours } from "./rumours.ts";
import { Suspicions } from "./suspicions.ts";

/** A peer whose answer to a datagram did not come is asked on its session for so long. */
const DATAGRAMS_LOST_MS = 60_000;
/** The first question waits for several round trips, as the last ones were. */
const FIRST_TRY_MS = { min: 200, max: 500 } as const;
const FIRST_TRY_ROUND_TRIPS = 4;
/** Of a node that is far away, for two: one satellite alone takes more than the above. */
const FAR_TRY_MS_MAX = 2_000;
const FAR_ROUND_TRIPS = 2;
/** Both machines may be late, on the way there and back. */
const LATENESS_PER_TRY = 4;
/** Questions to a node that no session is kept with, and from each to the next. */
const KNOCKS = 4;
const KNOCK_MS = 75;
const KNOCK_WAITS_MS = 500;

/** No question has come back, not even as a failure. */
const SILENT: Unanswered = {
  trouble: new DsnError("DSN_UNREACHABLE", "A node does not answer", { why: "no answer in time" }),
  quick: false,
  refused: false,
};

/** What was tried in vain. */
export interface FailedTries {
  readonly trouble: DsnError;
  /** A fresh word of the member after this shows that it lives; monotonic ms. */
  readonly sinceMs: number;
  /** Whether others reach it. */
  readonly others: Flow<boolean>;
}

export interface NativeProbesParts extends NativeQuestionParts {
  readonly relays: Relays;
  readonly overlay: Overlay;
  /** Has one member asked; nothing happens while it is. */
  readonly probe: (member: Member) => void;
  /** The same, and no datagram counts as an answer. */
  readonly askOnSession: (member: Member) => void;
  /** It takes no session, and yet something answers at its address. */
  readonly onNoSession: (member: Member) => void;
  /** It did not answer, and does again. */
  readonly onAnswered: (member: Member) => void;
}

export class NativeProbes {
  readonly rounds: ProbeRounds;
  readonly rumours: Rumours;
  readonly suspicions: Suspicions;
  readonly #parts: NativeProbesParts;
  readonly #question: NativeQuestion;
  readonly #busy: BusyNodes;

  constructor(parts: NativeProbesParts) {
    const { kernel, members, relays, overlay, probe } = parts;
    this.#parts = parts;
    this.#question = new NativeQuestion(parts);
    this.#busy = new BusyNodes(kernel, members, probe);
    this.rounds = new ProbeRounds(kernel, members, parts.me.nodeId, probe);
    this.rumours = new Rumours(kernel, members, overlay, parts.askOnSession);
    const { rumours } = this;
    this.suspicions = new Suspicions({
      kernel,
      relays,
      rumours,
      overlay,
      question: this.#question,
      holdMs: (member) => members.damping.holdMs(member),
    });
  }

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
    const { overlay } = this.#parts;
    const byKnocks = overlay.isSparse && !member.doubted;
    const bySession = overlay.reaches(member) || member.doubted;
    const isByDatagram = !bySession || this.#question.asksByDatagram(member);
    let failure = bySession ? yield* this.#firstTries(member, stands) : undefined;
    const isKnockDue = byKnocks && (failure !== undefined || !bySession);
    const hadNoSession = isKnockDue && failure !== undefined;
    if (isKnockDue && stands())
      failure = yield* this.#knocks(member, stands, hadNoSession ? KNOCKS / 2 : KNOCKS);
    if (failure === undefined && hadNoSession && stands()) {
      // The next one takes its place, and it has to say HELLO.
      overlay.unfit(member);
      this.#parts.onNoSession(member);
    }
    if (failure === undefined || !stands()) return undefined;
    if (isReached(member)) members.setStatus(member, "suspect", failure.trouble);
    this.rumours.tellAll(member);
    const suspicion = yield* this.suspicions.suspect(member, sinceMs, failure, stands);
    if (!stands()) return undefined;
    if (suspicion === undefined) {
      this.#note(member, false, isByDatagram);
      if (bySession) this.suspicions.noteOnSession(false);
      this.#lives(member);
      return undefined;
    }
    const { reachedByOthers = false } = suspicion;
    return { trouble: suspicion.last.trouble, sinceMs, others: settled(reachedByOthers) };
  }

  /**
   * A suspicion asks by datagram where it can: what a session brings over bad links says nothing of
   * how many datagrams get through.
   */
  #note(member: Member, answered: boolean, byDatagram: boolean): void {
    const counts = byDatagram || !this.#question.takesDatagrams(member);
    if (counts) this.suspicions.note(answered);
  }

  /** By datagram, then on the session. */
  *#firstTries(member: Member, stands: () => boolean): Flow<Unanswered | undefined> {
    const { kernel } = this.#parts;
    const byDatagram = this.#question.asksByDatagram(member);
    const firstTryMs = Math.round(firstTryMsOf(member) + LATENESS_PER_TRY * kernel.latenessMs);
    if (byDatagram && (yield* this.#question.answersDatagram(member, firstTryMs))) {
      this.suspicions.note(true);
      // Only what answers on a session is reached again.
      if (stands() && member.status !== "one-way") this.#lives(member);
      return undefined;
    }
    if (byDatagram) member.datagramsLostUntilMs = kernel.now.monotonicMs + DATAGRAMS_LOST_MS;
    if (!stands()) return undefined;
    const failure = yield* this.#question.ask(member, firstTryMs);
    if (!stands()) return undefined;
    if (failure === undefined) {
      this.#note(member, !byDatagram, byDatagram);
      this.suspicions.noteOnSession(true);
      this.#lives(member);
      return undefined;
    }
    // A connection that ended is no sign of much work.
    const busy = !failure.quick && (yield* this.#question.isBusy(member, firstTryMs));
    if (!busy || !stands()) return failure;
    if (byDatagram) this.suspicions.note(false);
    this.#lives(member);
    return undefined;
  }

  /**
   * In a large network a node is asked several times before anybody hears that it is silent: a
   * suspicion makes all others ask it too. Fewer times if it was asked on its session before.
   */
  *#knocks(member: Member, stands: () => boolean, count: number): Flow<Unanswered | undefined> {
    const { kernel } = this.#parts;
    const sinceMs = kernel.now.monotonicMs;
    const answered = () => member.answeredMs > sinceMs;
    const knocks: { failure?: Unanswered | undefined }[] = [];
    while (knocks.length < count && !answered()) {
      const knock = {};
      knocks.push(knock);
      kernel.spawn(this.#knock(member, knock));
      yield* kernel.sleep(KNOCK_MS + LATENESS_PER_TRY * kernel.latenessMs);
    }
    // The last one waits as long as all of them together, on a machine that has time.
    const untilMs =
      kernel.now.monotonicMs +
      count * KNOCK_MS +
      farMsOf(member) +
      LATENESS_PER_TRY * kernel.latenessMs;
    while (kernel.now.monotonicMs < untilMs && !answered()) yield* kernel.sleep(KNOCK_MS);
    if (!stands()) return undefined;
    if (!answered()) return knocks.find(({ failure }) => failure)?.failure ?? SILENT;
    this.suspicions.note(knocks.length === 1);
    this.#lives(member);
    return undefined;
  }

  *#knock(member: Member, knock: { failure?: Unanswered | undefined }): Flow {
    knock.failure = yield* this.#question.knock(member, KNOCK_WAITS_MS + farMsOf(member));
  }

  /** The member itself gave a sign of life, or its worker did. */
  #lives(member: Member): void {
    if (!this.#busy.note(member)) this.#parts.onAnswered(member);
  }
}

function firstTryMsOf({ rttMs, leastRttMs }: Member): number {
  const { min, max } = FIRST_TRY_MS;
  if (rttMs === undefined || leastRttMs === undefined) return max;
  const usualMs = Math.min(max, Math.max(min, FIRST_TRY_ROUND_TRIPS * rttMs));
  return Math.max(usualMs, Math.min(FAR_TRY_MS_MAX, FAR_ROUND_TRIPS * leastRttMs));
}

/** What it waits longer for because the node is far away. */
function farMsOf(member: Member): number {
  return Math.max(0, firstTryMsOf(member) - FIRST_TRY_MS.max);
}

// biome-ignore lint/correctness/useYield: a flow that has ended when it begins.
function* settled(value: boolean): Flow<boolean> {
  return value;
}
