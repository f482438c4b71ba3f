/**
 * Members that only others reach: each is asked through them, in turn, and given up when it has
 * proved nothing so for long enough.
 *
 * Its pursuit goes on meanwhile: whatever reaches it directly ends this.
 * @module
 */
import { AnsweredShare } from "./answered-share.ts";
import type { Flow } from "./flow.ts";
import type { Joining } from "./joining.ts";
import type { Kernel } from "./kernel.ts";
import { isUnproven, type Member } from "./member.ts";
import type { Members } from "./members.ts";
import type { Relays } from "./relays.ts";

/** One is given up when it has proved nothing for so many ticks at least. */
const SILENT_TICKS = 3;
/** And when all that was asked in vain since would be so with so few of those that are there. */
const FALSE_VERDICTS = 1e-6;
/** Or was asked so often: what links lose is never known well. */
const VAIN_MAX = 40;
/** How often those who are asked do not reach one that is there: where a few do, or only just. */
const UNREACHED = 0.1;
/** What links let through before anything was seen of them: those of whom others speak are bad. */
const ANSWERED = 0.5;
/** Once it did not answer, it is asked so often in each tick: chance is found out sooner. */
const ASKED_PER_TICK = 3;

export interface RelayedCareParts {
  readonly kernel: Kernel;
  readonly members: Members;
  readonly relays: Relays;
  readonly joining: Joining;
  /** How many first questions on sessions are answered by nodes that are there, 0 to 1. */
  readonly answered: () => number;
  /** Grows at each resume of this machine. */
  readonly epoch: () => number;
}

/** What was asked in vain since it proved itself last, or became one of them. */
interface Vain {
  readonly sinceMs: number;
  readonly count: number;
  /** Questions that were not answered in time. */
  readonly lost: number;
  /** How likely all of that is if it is there, 0 to 1. */
  readonly chance: number;
}

export class RelayedCare {
  readonly #parts: RelayedCareParts;
  /** Who is still to be asked before all are asked again. */
  #turn: Member[] = [];
  readonly #vain = new WeakMap<Member, Vain>();
  /** Of the questions through others to nodes that were there. */
  readonly #answered = new AnsweredShare(ANSWERED);

  constructor(parts: RelayedCareParts) {
    this.#parts = parts;
  }

  /**
   * As many as a small network has: each costs a signature, three questions to others and one of
   * each of them.
   */
  tick(present: readonly Member[]): void {
    const { kernel, joining } = this.#parts;
    // Many are named at once, and called one after the other.
    const isDue = (member: Member) => member.status === "relayed" && !joining.isDialling(member);
    if (this.#turn.length === 0) this.#turn = present.filter(isDue);
    const asked = this.#turn.splice(0, kernel.settings.meshMax).filter(isDue);
    for (const member of asked) kernel.spawn(this.#ask(member));
    const silent = asked.filter((member) => this.#vain.has(member));
    if (silent.length > 0) kernel.spawn(this.#askAgain(silent));
  }

  /** The next questions are sent whether those before are answered or not. */
  *#askAgain(silent: readonly Member[]): Flow {
    const { kernel } = this.#parts;
    for (let asked = 1; asked < ASKED_PER_TICK; asked += 1) {
      yield* kernel.sleep(kernel.settings.tickMs / ASKED_PER_TICK);
      for (const member of silent) {
        if (this.#isAsked(member)) kernel.spawn(this.#ask(member));
      }
    }
  }

  #isAsked(member: Member): boolean {
    return member.status === "relayed" && this.#parts.members.has(member);
  }

  *#ask(member: Member): Flow {
    const { kernel, members, relays, joining, epoch } = this.#parts;
    if (kernel.isLate()) return;
    const before = epoch();
    const askedMs = kernel.now.monotonicMs;
    const reached = yield* relays.ask(member);
    // Where those who reach it do not answer us either, they say nothing of it; nor does whatever
    // was asked before we were suspended.
    if (reached === "reached") this.#noteReached(member);
    if (reached === "reached" || reached === "unheard" || before !== epoch()) return;
    if (!this.#isAsked(member) || kernel.isLate()) return;
    if (!this.#isGivenUp(member, askedMs, reached === "no answer")) return;
    if (isUnproven(member)) {
      members.removeUnproven(member);
      return;
    }
    members.setStatus(member, "down", member.reason);
    joining.pursue(member);
  }

  /** It was there, so those before were lost. */
  #noteReached(member: Member): void {
    const lost = this.#vain.get(member)?.lost ?? 0;
    for (let count = 0; count < lost; count += 1) this.#answered.note(false);
    this.#answered.note(true);
    this.#vain.delete(member);
  }

  #isGivenUp(member: Member, askedMs: number, isLost: boolean): boolean {
    const { kernel } = this.#parts;
    const sinceMs = Math.max(member.provenMs, member.sinceMs);
    // It has proved itself since.
    if (askedMs < sinceMs) return false;
    const { count, chance } = this.#countVain(member, sinceMs, isLost);
    const silentMs = kernel.now.monotonicMs - Math.max(sinceMs, kernel.lastLateMs);
    const isLong = silentMs >= SILENT_TICKS * kernel.settings.tickMs;
    return isLong && (chance <= FALSE_VERDICTS || count >= VAIN_MAX);
  }

  #countVain(member: Member, sinceMs: number, isLost: boolean): Vain {
    const known = this.#vain.get(member);
    const before = known?.sinceMs === sinceMs ? known : { count: 0, lost: 0, chance: 1 };
    // Whoever passes a question on asks one of its own: both must be answered.
    const answered = Math.min(this.#parts.answered() ** 2, this.#answered.share);
    const vain: Vain = {
      sinceMs,
      count: before.count + 1,
      lost: before.lost + (isLost ? 1 : 0),
      chance: before.chance * (isLost ? 1 - answered : UNREACHED),
    };
    this.#vain.set(member, vain);
    return vain;
  }
}
