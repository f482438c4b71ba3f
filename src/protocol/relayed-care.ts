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

/**
 * One is given up when it has proved nothing for so many ticks, and was asked as often in vain:
 * more where links lose much, for each proof crosses four of them.
 */
const TICKS = { min: 3, max: 20 } as const;
/** Of those that are there, who may be given up by chance. */
const FALSE_VERDICTS = 1e-3;

export interface RelayedCareParts {
  readonly kernel: Kernel;
  readonly members: Members;
  readonly relays: Relays;
  readonly joining: Joining;
  /** How many questions on sessions in a row go unanswered so seldom, 0 to 1. */
  readonly tries: (falseShare: number) => number;
  /** Grows at each resume of this machine. */
  readonly epoch: () => number;
}

export class RelayedCare {
  readonly #parts: RelayedCareParts;
  /** Who is still to be asked before all are asked again. */
  #turn: Member[] = [];
  /** How often each was asked in vain since it proved itself last, or became one of them. */
  readonly #vain = new WeakMap<Member, { readonly sinceMs: number; readonly count: number }>();
  /** Of the questions through others to nodes that were there. */
  readonly #answered = new AnsweredShare();

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
    for (const member of this.#turn.splice(0, kernel.settings.meshMax)) {
      if (isDue(member)) kernel.spawn(this.#ask(member));
    }
  }

  *#ask(member: Member): Flow {
    const { kernel, members, relays, joining, epoch } = this.#parts;
    if (kernel.isLate()) return;
    const before = epoch();
    const reached = yield* relays.ask(member);
    // Where those who reach it do not answer us either, they say nothing of it; nor does whatever
    // was asked before we were suspended.
    if (reached === "reached") this.#noteReached(member);
    if (reached !== "not reached" || before !== epoch()) return;
    if (member.status !== "relayed" || kernel.isLate() || !this.#isGivenUp(member)) return;
    if (isUnproven(member)) {
      members.removeUnproven(member);
      return;
    }
    members.setStatus(member, "down", member.reason);
    joining.pursue(member);
  }

  /** It was there, so those before were lost. */
  #noteReached(member: Member): void {
    const lost = this.#vain.get(member)?.count ?? 0;
    for (let count = 0; count < lost; count += 1) this.#answered.note(false);
    this.#answered.note(true);
    this.#vain.delete(member);
  }

  /** Counts one more question in vain. */
  #isGivenUp(member: Member): boolean {
    const { kernel, tries } = this.#parts;
    const sinceMs = Math.max(member.provenMs, member.sinceMs);
    const before = this.#vain.get(member);
    const count = before?.sinceMs === sinceMs ? before.count + 1 : 1;
    this.#vain.set(member, { sinceMs, count });
    const needed = Math.max(tries(FALSE_VERDICTS), this.#answered.tries(FALSE_VERDICTS));
    const ticks = Math.min(TICKS.max, Math.max(TICKS.min, needed));
    const aliveMs = Math.max(sinceMs, kernel.lastLateMs);
    const silentMs = kernel.now.monotonicMs - aliveMs;
    return count >= ticks && silentMs >= ticks * kernel.settings.tickMs;
  }
}
