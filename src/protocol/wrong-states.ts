/**
 * Who has brought a wrong state of somebody else. A copy and its root cost much more than the few
 * bytes of a wrong change: whoever has brought one must show the whole, and whoever has shown a
 * forgery is not heard, for a tick.
 *
 * By peer and owner, so that nobody keeps anybody else from bringing what is right.
 * @module
 */
import type { Kernel } from "./kernel.ts";
import type { Member } from "./member.ts";

interface Wrong {
  readonly isWhole: boolean;
  /** Monotonic ms. */
  readonly untilMs: number;
}

export class WrongStates {
  readonly #kernel: Kernel;
  /** By peer, then by the owner's name. */
  readonly #wrongs = new WeakMap<Member, Map<string, Wrong>>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** A signature does not fit what came with it. */
  note(from: Member, owner: string, isWhole: boolean): void {
    const { now, settings } = this.#kernel;
    const ofPeer = this.#wrongs.get(from) ?? new Map<string, Wrong>();
    this.#wrongs.set(from, ofPeer);
    for (const [other, { untilMs }] of ofPeer) {
      if (untilMs <= now.monotonicMs) ofPeer.delete(other);
    }
    ofPeer.set(owner, { isWhole, untilMs: now.monotonicMs + settings.tickMs });
  }

  /** What it brought last was right. */
  clear(from: Member, owner: string): void {
    this.#wrongs.get(from)?.delete(owner);
  }

  /** What is taken of that owner from that peer. */
  takes(from: Member, owner: string): "all" | "wholes" | "nothing" {
    const wrong = this.#wrongs.get(from)?.get(owner);
    if (wrong === undefined || wrong.untilMs <= this.#kernel.now.monotonicMs) return "all";
    return wrong.isWhole ? "nothing" : "wholes";
  }
}
