/**
 * How many of our first questions to nodes that are there are answered: what links lose, seen from
 * here.
 *
 * Two averages, and the worse one counts. The quick one sees at once that links have become bad; by
 * chance it is too high now and then, and a verdict that comes too early is not taken back by the
 * average of the next minute. The steady one errs less, and comes later.
 * @module
 */

const WEIGHTS = { quick: 1 / 8, steady: 1 / 48 } as const;
/** Nobody is sure of links, and nobody waits for ever. */
const SHARE = { min: 0.05, max: 0.99 } as const;
/** No chance of good links: four of the last 48 were lost. */
const LOW = 0.93;

export class AnsweredShare {
  #quick: number;
  #steady: number;

  /** @param share Before anything was asked, 0 to 1. */
  constructor(share: number = SHARE.max) {
    this.#quick = share;
    this.#steady = share;
  }

  /** How many are answered, 0 to 1. */
  get share(): number {
    return Math.min(this.#quick, this.#steady);
  }

  note(answered: boolean): void {
    this.#quick = follow(this.#quick, answered, WEIGHTS.quick);
    this.#steady = follow(this.#steady, answered, WEIGHTS.steady);
  }

  /** Links are bad for sure, and not only by chance lately. */
  get isLow(): boolean {
    return this.#steady < LOW;
  }

  /**
   * How many questions in a row go unanswered by a node that is there so seldom: more where links
   * lose more.
   *
   * @param falseShare How often, 0 to 1.
   */
  tries(falseShare: number): number {
    return Math.ceil(Math.log(falseShare) / Math.log(1 - this.share));
  }
}

function follow(share: number, answered: boolean, weight: number): number {
  const next = share + ((answered ? 1 : 0) - share) * weight;
  return Math.min(SHARE.max, Math.max(SHARE.min, next));
}
