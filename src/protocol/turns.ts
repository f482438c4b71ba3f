/**
 * Room for attempts to reach nodes that are not there: a few at once, however many are gone.
 *
 * What a node spends on a thousand silent ones is what it spends on ten: each is tried more rarely.
 * @module
 */
import { type Flow, wait } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import { LIMITS } from "./settings.ts";

/** An attempt that takes longer goes on, but its place is free again. */
const TURN_MS = 3_000;

/** An attempt that waits for its turn, or has it. */
export class Turn {
  /** There is a reason to think that the node is there: others need not be waited for as long. */
  urgent: boolean;
  resume: (() => void) | undefined;
  end: () => void = () => undefined;

  constructor(urgent: boolean) {
    this.urgent = urgent;
  }
}

export class Turns {
  readonly #kernel: Kernel;
  /** In the order in which they began to wait. */
  readonly #waiting = new Set<Turn>();
  #taken = 0;
  #servedUrgent = false;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Waits until it is the turn of that attempt; {@link Turn.end} must follow. */
  *take(turn: Turn): Flow {
    if (this.#taken >= this.#kernel.roomFor(LIMITS.attemptsMax)) {
      this.#waiting.add(turn);
      yield* wait<void>((resume) => {
        turn.resume = () => resume();
      });
    } else {
      this.#taken += 1;
    }
    let over = false;
    const end = () => {
      if (over) return;
      over = true;
      cancel();
      this.#next();
    };
    const cancel = this.#kernel.after(TURN_MS, end);
    turn.end = end;
  }

  #next(): void {
    this.#taken -= 1;
    while (this.#taken < this.#kernel.roomFor(LIMITS.attemptsMax)) {
      const next = this.#choose();
      if (next === undefined) return;
      this.#waiting.delete(next);
      this.#taken += 1;
      next.resume?.();
    }
  }

  /**
   * Urgent ones and others alternate: whoever makes up reasons again and again must not keep those
   * away that nobody speaks for.
   */
  #choose(): Turn | undefined {
    this.#servedUrgent = !this.#servedUrgent;
    let first: Turn | undefined;
    for (const turn of this.#waiting) {
      if (turn.urgent === this.#servedUrgent) return turn;
      first ??= turn;
    }
    return first;
  }
}
