/**
 * Members that only others reach: each is asked through them, in turn, and given up when it has
 * proved nothing so for long enough.
 *
 * Its pursuit goes on meanwhile: whatever reaches it directly ends this.
 * @module
 */
import type { Flow } from "./flow.ts";
import type { Joining } from "./joining.ts";
import { isUnproven, type Member } from "./member.ts";
import type { Members } from "./members.ts";
import type { Relays } from "./relays.ts";
import { VainQuestions, type VainQuestionsParts } from "./vain-questions.ts";

/** One is given up when it has proved nothing for so many ticks at least. */
const SILENT_TICKS = 3;
/** And when what was asked in vain since is as unlikely if it is there: one in a million. */
const DOUBT = 6;
/**
 * Then nothing excuses it any more: not that this machine is late again and again, that it is about
 * to be called, or that those who could speak for it are silent themselves.
 */
const SILENT_TICKS_MAX = 20;
/** Nor that links are bad, once it was asked so often: what they lose is never known well. */
const VAIN_MAX = 40;
/** Once it did not answer, it is asked so often in each tick: chance is found out sooner. */
const ASKED_PER_TICK = 3;

export interface RelayedCareParts extends VainQuestionsParts {
  readonly members: Members;
  readonly relays: Relays;
  readonly joining: Joining;
}

export class RelayedCare {
  readonly #parts: RelayedCareParts;
  readonly #vain: VainQuestions;
  /** Who is still to be asked before all are asked again. */
  #turn: Member[] = [];

  constructor(parts: RelayedCareParts) {
    this.#parts = parts;
    this.#vain = new VainQuestions(parts);
  }

  /**
   * As many as a small network has: each costs a signature, three questions to others and one of
   * each of them.
   */
  tick(present: readonly Member[]): void {
    const { kernel, joining } = this.#parts;
    // Many are named at once, and called one after the other.
    const isDue = (member: Member) =>
      member.status === "relayed" && (!joining.isDialling(member) || this.#isInexcusable(member));
    if (this.#turn.length === 0) this.#turn = present.filter(isDue);
    const asked = this.#turn.splice(0, kernel.settings.meshMax).filter(isDue);
    for (const member of asked) kernel.spawn(this.#ask(member));
    const silent = asked.filter((member) => this.#vain.isSilent(member));
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

  *#ask(member: Member): Flow {
    const { kernel, members, relays, joining, epoch } = this.#parts;
    if (this.#isLateFor(member)) return;
    const before = epoch();
    const askedMs = kernel.now.monotonicMs;
    const reached = yield* relays.ask(member, this.#isInexcusable(member));
    if (reached === "reached") this.#vain.reached(member);
    if (reached === "reached" || reached === "busy") return;
    // Where those who reach it do not answer us either, they say nothing of it; nor does whatever
    // was asked before we were suspended.
    if (reached === "unheard" && !this.#isInexcusable(member)) return;
    if (before !== epoch() || !this.#isAsked(member) || this.#isLateFor(member)) return;
    if (!this.#isGivenUp(member, askedMs, reached !== "not reached")) return;
    if (isUnproven(member)) {
      members.removeUnproven(member);
      return;
    }
    members.setStatus(member, "down", member.reason);
    joining.pursue(member);
  }

  #isAsked(member: Member): boolean {
    return member.status === "relayed" && this.#parts.members.has(member);
  }

  #isGivenUp(member: Member, askedMs: number, isLost: boolean): boolean {
    const vain = this.#vain.count(member, askedMs, isLost);
    if (vain === undefined) return false;
    if (this.#isInexcusable(member)) return vain.doubt >= DOUBT || vain.count >= VAIN_MAX;
    const { kernel } = this.#parts;
    const heardMs = Math.max(vain.sinceMs, kernel.lastLateMs);
    const isLong = kernel.now.monotonicMs - heardMs >= SILENT_TICKS * kernel.settings.tickMs;
    return isLong && vain.doubt >= DOUBT;
  }

  /** A machine that is late itself hears late. */
  #isLateFor(member: Member): boolean {
    return this.#parts.kernel.isLate() && !this.#isInexcusable(member);
  }

  #isInexcusable(member: Member): boolean {
    const { kernel } = this.#parts;
    const silentMs = kernel.now.monotonicMs - Math.max(member.provenMs, member.sinceMs);
    return silentMs >= SILENT_TICKS_MAX * kernel.settings.tickMs;
  }
}
