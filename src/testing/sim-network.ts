/** A network on a virtual clock that delays, reorders, duplicates, drops, cuts and heals. */
import type { VirtualClock } from "./virtual-clock.ts";

/** How well links work. */
export interface LinkOptions {
  /** Shortest and longest time of one message on its way, in milliseconds. */
  readonly delayMs?: readonly [number, number] | undefined;
  /** Share of messages that vanish, each way. */
  readonly lossRate?: number | undefined;
  /** Share of messages that arrive twice; those on sessions never do. */
  readonly duplicateRate?: number | undefined;
  /** Share of messages that are overtaken by others; those on sessions never are. */
  readonly reorderRate?: number | undefined;
}

/** How a firewall turns a connection away: with a word, or without. */
export type Barrier = "reject" | "silent";

const DEFAULT_DELAY_MS: readonly [number, number] = [1, 10];
/** What is overtaken comes so many times later than the slowest, at most. */
const OVERTAKEN_FACTOR = 10;

/** Links between hosts, by IP address, with all that can go wrong on them. Change it at any time. */
export class SimNetwork {
  /** Shortest and longest time of one message on its way, in milliseconds. */
  delayMs: readonly [number, number];
  /** Share of messages that vanish, 0 to 1, each way. */
  lossRate: number;
  /** Share of messages that arrive twice, 0 to 1; those on sessions never do. */
  duplicateRate: number;
  /** Share of messages that are held up so that others overtake them, 0 to 1; not on sessions. */
  reorderRate: number;
  readonly #clock: VirtualClock;
  readonly #random: () => number;
  /** Pairs `from>to` that carry nothing. */
  readonly #cuts = new Set<string>();
  readonly #barriers = new Map<string, Barrier>();
  /** Pairs `from>to` that carry no datagrams. */
  readonly #undatagrammed = new Set<string>();
  /** What a host sends leaves it so much later. */
  readonly #slow = new Map<string, number>();

  /** A `Simulation` makes its own. */
  constructor(clock: VirtualClock, random: () => number, options: LinkOptions) {
    this.#clock = clock;
    this.#random = random;
    this.delayMs = options.delayMs ?? DEFAULT_DELAY_MS;
    this.lossRate = options.lossRate ?? 0;
    this.duplicateRate = options.duplicateRate ?? 0;
    this.reorderRate = options.reorderRate ?? 0;
  }

  /** Carries something from one host to another; perhaps twice, perhaps never, in any order. */
  carry(from: string, to: string, arrive: () => void): void {
    const copies = this.#random() < this.duplicateRate ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      if (this.#random() < this.lossRate) continue;
      const heldUpMs =
        this.#random() < this.reorderRate ? this.#random() * OVERTAKEN_FACTOR * this.delayMs[1] : 0;
      this.#clock.in(this.#delayMs(from) + heldUpMs, () => {
        if (!this.isCut(from, to)) arrive();
      });
    }
  }

  /**
   * For connections, which lose nothing: the time of that many packets on their way, in
   * milliseconds, or undefined when one of them is lost. Whether the link is cut is theirs to ask.
   */
  transitMs(from: string, _to: string, packets: number): number | undefined {
    const lossRate = packets === 1 ? this.lossRate : 1 - (1 - this.lossRate) ** packets;
    return this.#random() < lossRate ? undefined : this.#delayMs(from);
  }

  #delayMs(from: string): number {
    const [min, max] = this.delayMs;
    const slowMs = this.#slow.size === 0 ? 0 : (this.#slow.get(from) ?? 0);
    return min + this.#random() * (max - min) + slowMs;
  }

  /** All that a host sends leaves it late, its answers too. @param ms How late; 0 ends it. */
  slow(host: string, ms: number): void {
    if (ms === 0) this.#slow.delete(host);
    else this.#slow.set(host, ms);
  }

  /** Whether that direction of that link is cut. */
  isCut(from: string, to: string): boolean {
    return this.#cuts.size > 0 && this.#cuts.has(`${from}>${to}`);
  }

  /** Stops one direction of one link: requests that way and answers to requests the other way. */
  cut(from: string, to: string): void {
    this.#cuts.add(`${from}>${to}`);
  }

  /** Ends a {@link cut}. */
  uncut(from: string, to: string): void {
    this.#cuts.delete(`${from}>${to}`);
  }

  /** A firewall: `from` cannot call `to`; what `to` asks it answers. */
  block(from: string, to: string, barrier: Barrier): void {
    this.#barriers.set(`${from}>${to}`, barrier);
  }

  /** Ends a {@link block}. */
  unblock(from: string, to: string): void {
    this.#barriers.delete(`${from}>${to}`);
  }

  /** The firewall between two hosts, if there is one. */
  barrier(from: string, to: string): Barrier | undefined {
    return this.#barriers.size === 0 ? undefined : this.#barriers.get(`${from}>${to}`);
  }

  /** Drops the datagrams between two hosts, both ways; all else passes. */
  dropDatagrams(a: string, b: string): void {
    this.#undatagrammed.add(`${a}>${b}`).add(`${b}>${a}`);
  }

  /** Whether datagrams from one host to another vanish, whatever becomes of HTTP. */
  dropsDatagrams(from: string, to: string): boolean {
    return this.#undatagrammed.size > 0 && this.#undatagrammed.has(`${from}>${to}`);
  }

  /** Stops both directions of every link between the two sides. */
  partition(left: readonly string[], right: readonly string[]): void {
    for (const a of left) {
      for (const b of right) {
        this.cut(a, b);
        this.cut(b, a);
      }
    }
  }

  /** Ends all cuts, partitions and firewalls. */
  mend(): void {
    this.#cuts.clear();
    this.#barriers.clear();
    this.#undatagrammed.clear();
  }

  /** Ends all faults of the network. */
  heal(): void {
    this.mend();
    this.#slow.clear();
    this.lossRate = 0;
    this.duplicateRate = 0;
    this.reorderRate = 0;
    this.delayMs = DEFAULT_DELAY_MS;
  }
}
