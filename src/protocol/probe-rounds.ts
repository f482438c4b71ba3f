/**
 * Which native nodes are asked for a sign of life, and when.
 *
 * All nodes stand on a ring, and each asks the one behind it in every round: so everybody is asked
 * once a second by somebody, at the price of one question. Besides, all are asked in turn, for a
 * link may be broken, and whoever stands before a node may be gone, or lie.
 * @module
 */
import type { Kernel } from "./kernel.ts";
import { isAsked, type Member } from "./member.ts";
import type { Members } from "./members.ts";
import { placesOf } from "./places.ts";

/** Of all in turn, more are asked in a round while somebody is suspect: many may have gone. */
const TURNS_IN_TROUBLE = { min: 3, max: 8, share: 1 / 4 } as const;
/** Besides them, members that have not answered anything since they are listed. */
const NEW_PER_ROUND = 16;
const LATENESS_PER_ROUND = 8;
/** Places on a ring. */
const CIRCLE = 2 ** 32;

export class ProbeRounds {
  readonly #kernel: Kernel;
  readonly #members: Members;
  readonly #place: number;
  readonly #probe: (member: Member) => void;
  /** Members that are still to be asked before all are asked again. */
  #turn: Member[] = [];
  #cancel: () => void = () => undefined;

  /** @param probe Has one member asked; nothing happens while it is. */
  constructor(kernel: Kernel, members: Members, nodeId: string, probe: (member: Member) => void) {
    this.#kernel = kernel;
    this.#members = members;
    this.#place = placeOf(placesOf(nodeId).rings);
    this.#probe = probe;
  }

  start(): void {
    // Anywhere in the interval, so that nodes started together do not march in step.
    this.#schedule(this.#kernel.random() * this.#kernel.settings.probeMs);
  }

  stop(): void {
    this.#cancel();
  }

  #schedule(ms: number): void {
    this.#cancel = this.#kernel.after(ms, () => this.#round());
  }

  /** What it costs does not grow with the network. */
  #round(): void {
    const { latenessMs } = this.#kernel;
    const lateMs = this.#kernel.isLate() ? LATENESS_PER_ROUND * latenessMs : 0;
    this.#schedule(this.#kernel.settings.probeMs + lateMs);
    const present = this.#members.present().filter(isAsked);
    const asked = new Set<Member>();
    const behind = this.#behind(present);
    if (behind !== undefined) asked.add(behind);
    for (let left = this.#turnsOf(present); left > 0; left -= 1) {
      const member = this.#next(present);
      if (member !== undefined) asked.add(member);
    }
    for (const member of asked) this.#probe(member);
    this.#probeNew();
  }

  /** Of those that answer: one that is being asked already need not be asked by us. */
  #behind(present: readonly Member[]): Member | undefined {
    let nearest: Member | undefined;
    let nearestAway = CIRCLE;
    for (const member of present) {
      if (member.probing) continue;
      const away = (placeOf(member.places.rings) - this.#place + CIRCLE) % CIRCLE;
      if (away < nearestAway) [nearest, nearestAway] = [member, away];
    }
    return nearest;
  }

  #turnsOf(present: readonly Member[]): number {
    const { min, max, share } = TURNS_IN_TROUBLE;
    const isLate = this.#kernel.isLate();
    if (!isLate && present.some(({ status }) => status === "suspect")) {
      return Math.min(max, Math.max(min, Math.ceil(present.length * share)));
    }
    return 1;
  }

  /** Whoever is not there must not be shown for long. */
  #probeNew(): void {
    let left = this.#kernel.roomFor(NEW_PER_ROUND);
    for (const member of this.#members.all()) {
      if (left === 0) return;
      if (member.probing || !isAsked(member) || !isSilentSinceListed(member)) continue;
      left -= 1;
      this.#probe(member);
    }
  }

  #next(present: readonly Member[]): Member | undefined {
    if (this.#turn.length === 0) {
      this.#turn = [...present];
      // In another order each time: nodes that join together must not ask the same ones together.
      for (let index = this.#turn.length - 1; index > 0; index -= 1) {
        const other = Math.floor(this.#kernel.random() * (index + 1));
        const [a, b] = [this.#turn[index], this.#turn[other]];
        if (a !== undefined && b !== undefined) [this.#turn[index], this.#turn[other]] = [b, a];
      }
    }
    for (let member = this.#turn.pop(); member !== undefined; member = this.#turn.pop()) {
      if (this.#members.has(member) && isAsked(member)) return member;
    }
    return undefined;
  }
}

/**
 * Nothing has come from it since it is listed: perhaps it is made up, or was gone before. In a large
 * network nobody else may list it, and its turn comes late.
 */
function isSilentSinceListed({ sinceMs, answeredMs, provenMs }: Member): boolean {
  return answeredMs < sinceMs && provenMs < sinceMs;
}

function placeOf([place = 0]: readonly number[]): number {
  return place;
}
