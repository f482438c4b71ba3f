/**
 * Which native nodes are asked for a sign of life, and when: a few in each round, all in turn.
 * @module
 */
import type { Kernel } from "./kernel.ts";
import { isAsked, isUnanswered, type Member } from "./member.ts";
import type { Members } from "./members.ts";

/** Members that are asked in a round; the rounds go through all in turn. */
const PROBES_PER_ROUND = 3;
/** Besides them, members that others have shown and that have not answered anything yet. */
const NEW_PER_ROUND = 16;

export class ProbeRounds {
  readonly #kernel: Kernel;
  readonly #members: Members;
  readonly #probe: (member: Member) => void;
  /** Members that are still to be asked before all are asked again. */
  #turn: Member[] = [];
  #cancel: () => void = () => undefined;

  /** @param probe Has one member asked; nothing happens while it is. */
  constructor(kernel: Kernel, members: Members, probe: (member: Member) => void) {
    this.#kernel = kernel;
    this.#members = members;
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

  /** A few of all: what it costs does not grow with the network, and each is asked by somebody. */
  #round(): void {
    this.#schedule(this.#kernel.settings.probeMs);
    const asked = new Set<Member>();
    while (asked.size < PROBES_PER_ROUND) {
      const member = this.#next();
      if (member === undefined || asked.has(member)) break;
      asked.add(member);
      this.#probe(member);
    }
    this.#probeNew();
  }

  /** Whoever is made up must not be shown for long. */
  #probeNew(): void {
    let left = NEW_PER_ROUND;
    for (const member of this.#members.all()) {
      if (left === 0) return;
      if (member.probing || !isUnanswered(member) || !isAsked(member)) continue;
      left -= 1;
      this.#probe(member);
    }
  }

  #next(): Member | undefined {
    if (this.#turn.length === 0) {
      this.#turn = this.#members.present().filter(isAsked);
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
