/**
 * Nodes that come and go again and again: what is told of them is bounded, what they write is not
 * held back.
 *
 * One that went down several times lately stays `suspect`, and so listed and read, for longer
 * before it is down again; and short silences are told a few times only.
 *
 * Source: Lifeguard (Dadgar et al. 2018) for the growing time of a suspicion.
 * @module
 */
import type { PeerStatus } from "./event.ts";
import type { Kernel } from "./kernel.ts";
import type { Member } from "./member.ts";

/** What is longer ago is forgiven. */
const LATELY_MS = 600_000;
/** Verdicts lately that are reached as fast as ever. */
const FREE_VERDICTS = 4;
/** The next takes at least so long, each further one twice as long. */
const HOLD_MS = { min: 15_000, max: 60_000 } as const;
/** Silences lately that are told. */
const SILENCES_TOLD = 5;

interface Record {
  /** Monotonic ms of each time that it went down, newest last. */
  downsMs: number[];
  /** Of each silence that was told. */
  silencesMs: number[];
  /** It is suspect, and the application was not told. */
  hushed: boolean;
}

export class Damping {
  readonly #kernel: Kernel;
  readonly #records = new WeakMap<Member, Record>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** How long it must have been silent before it is down, in milliseconds; 0 for as ever. */
  holdMs(member: Member): number {
    const downs = this.#lately(this.#records.get(member)?.downsMs ?? []).length;
    if (downs < FREE_VERDICTS) return 0;
    return Math.min(HOLD_MS.max, HOLD_MS.min * 2 ** (downs - FREE_VERDICTS));
  }

  /**
   * Takes note of a change of status.
   *
   * @returns the status that the application knows from before, or undefined when it is told nothing.
   */
  changed(member: Member, before: PeerStatus): PeerStatus | undefined {
    const record = this.#records.get(member) ?? { downsMs: [], silencesMs: [], hushed: false };
    this.#records.set(member, record);
    if (member.status === "down") record.downsMs = this.#withNow(record.downsMs);
    const { hushed } = record;
    record.hushed = false;
    if (hushed) return member.status === "alive" ? undefined : "alive";
    if (before !== "alive" || member.status !== "suspect") return before;
    if (this.#lately(record.silencesMs).length >= SILENCES_TOLD) {
      record.hushed = true;
      return undefined;
    }
    record.silencesMs = this.#withNow(record.silencesMs);
    return before;
  }

  #withNow(timesMs: readonly number[]): number[] {
    return [...this.#lately(timesMs), this.#kernel.now.monotonicMs];
  }

  #lately(timesMs: readonly number[]): number[] {
    return timesMs.filter((ms) => this.#kernel.now.monotonicMs - ms < LATELY_MS);
  }
}
