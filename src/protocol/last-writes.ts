/**
 * What a node that stops has written last: those who are sent it take it before the node is gone.
 *
 * A goodbye is small and overtakes what is large, and after it nothing of its node is taken.
 * @module
 */
import { type Flow, wait } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import { isPresent, type Member, speaksNative } from "./member.ts";
import type { NativePush } from "./native-push.ts";
import type { OwnState } from "./own-state.ts";

export class LastWrites {
  readonly #kernel: Kernel;
  readonly #own: OwnState;
  readonly #push: NativePush;
  readonly #waiting = new Map<Member, () => void>();

  constructor(kernel: Kernel, own: OwnState, push: NativePush) {
    this.#kernel = kernel;
    this.#own = own;
    this.#push = push;
  }

  /** Waits until the member has taken our newest version, if it is to get it; no longer than `ms`. */
  *taken(member: Member, ms: number): Flow {
    if (!this.#isTaking(member)) return;
    yield* this.#kernel.within(
      ms,
      wait<void>((resume) => void this.#waiting.set(member, resume)),
    );
  }

  /** The member has answered to a state of ours, and what follows from that has been done. */
  answered(member: Member): void {
    const resume = this.#waiting.get(member);
    if (resume === undefined || this.#isTaking(member)) return;
    this.#waiting.delete(member);
    resume();
  }

  #isTaking(member: Member): boolean {
    if (speaksNative(member)) return this.#push.isTaking(member);
    const { endpoint, push, status } = member;
    if (push.inFlight > 0) return true;
    // Who answered nothing to it holds it already, or never takes it.
    const isOpen = push.held !== this.#own.version && push.doubtful !== this.#own.version;
    return isOpen && endpoint !== undefined && isPresent(member) && status !== "one-way";
  }
}
