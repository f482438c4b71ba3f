/**
 * What it says of a member that questions through others are in vain: how unlikely that is if it is
 * there, which depends on what its links, and all links, let through.
 * @module
 */
import { AnsweredShare } from "./answered-share.ts";
import type { Kernel } from "./kernel.ts";
import type { Member } from "./member.ts";

/**
 * How seldom those who are asked do not reach one that is there, in powers of ten, where links are
 * good: few may. Where they are bad, and while a network forms on such links, most do not.
 */
const REFUSED_MAX = 1;
/** What links let through before anything was seen of them: those of whom others speak are bad. */
const ANSWERED = 0.5;

/** What was asked in vain since a member proved itself last, or became one of those asked for. */
export interface Vain {
  readonly sinceMs: number;
  /** Of this machine: what was so before it was suspended may be so no more. */
  readonly epoch: number;
  readonly count: number;
  /** Questions that were not answered in time. */
  readonly lost: number;
  /** How unlikely all of that is if it is there, in powers of ten: 6 for one in a million. */
  readonly doubt: number;
}

export interface VainQuestionsParts {
  readonly kernel: Kernel;
  /** How many first questions on sessions are answered by nodes that are there, 0 to 1. */
  readonly answered: () => number;
  /** Grows at each resume of this machine. */
  readonly epoch: () => number;
}

export class VainQuestions {
  readonly #parts: VainQuestionsParts;
  readonly #vain = new WeakMap<Member, Vain>();
  /** Of the questions to members that were there: to all of them, and to each. */
  readonly #answered = new AnsweredShare(ANSWERED);
  readonly #answeredBy = new WeakMap<Member, AnsweredShare>();

  constructor(parts: VainQuestionsParts) {
    this.#parts = parts;
  }

  /** Whether the last question was in vain. */
  isSilent(member: Member): boolean {
    return this.#vain.has(member);
  }

  /** It was there, so those before were lost. */
  reached(member: Member): void {
    const vain = this.#vain.get(member);
    // What was lost while it was gone says nothing of links.
    const lost = vain !== undefined && vain.sinceMs >= member.sinceMs ? vain.lost : 0;
    for (let count = 0; count < lost; count += 1) this.#note(member, false);
    this.#note(member, true);
    this.#vain.delete(member);
  }

  /**
   * One more was in vain.
   *
   * @param isLost It, or whoever was asked, did not answer in time.
   * @returns undefined when the member has proved itself since that question.
   */
  count(member: Member, askedMs: number, isLost: boolean): Vain | undefined {
    const sinceMs = Math.max(member.provenMs, member.sinceMs);
    if (askedMs < sinceMs) {
      if (isLost && askedMs < member.provenMs) this.#note(member, false);
      return undefined;
    }
    const known = this.#vain.get(member);
    const epoch = this.#parts.epoch();
    const isSame = known?.sinceMs === sinceMs && known.epoch === epoch;
    const before = isSame ? known : { count: 0, lost: 0, doubt: 0 };
    const vain: Vain = {
      sinceMs,
      epoch,
      count: before.count + 1,
      lost: before.lost + (isLost ? 1 : 0),
      doubt: before.doubt + (isLost ? unlikely(this.#shareOf(member)) : this.#refused),
    };
    this.#vain.set(member, vain);
    return vain;
  }

  get #refused(): number {
    return Math.min(REFUSED_MAX, unlikely(this.#parts.answered()));
  }

  /** Its links may be bad where those of all others are good, and the other way about. */
  #shareOf(member: Member): number {
    // Whoever passes a question on asks one of its own: both must be answered.
    const onSessions = this.#parts.answered() ** 2;
    const own = this.#answeredBy.get(member)?.share ?? ANSWERED;
    return Math.min(onSessions, this.#answered.share, own);
  }

  #note(member: Member, answered: boolean): void {
    const own = this.#answeredBy.get(member) ?? new AnsweredShare(ANSWERED);
    this.#answeredBy.set(member, own);
    own.note(answered);
    this.#answered.note(answered);
  }
}

/** How unlikely one is not answered where this share is, in powers of ten. */
function unlikely(share: number): number {
  return -Math.log10(1 - share);
}
