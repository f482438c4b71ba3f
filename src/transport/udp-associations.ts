/**
 * The associations that others began with us: how many there may be, and when they end.
 * @module
 */
import type { UdpLimits } from "./limits.ts";
import type { UdpAssociation } from "./udp-association.ts";
import { CHALLENGE_LIFE_MS } from "./udp-challenge.ts";
import type { UdpAsker } from "./udp-serving.ts";

/**
 * An association is kept at least this long after its last use, in milliseconds. Then its
 * challenge is dead, and a recorded FIRST cannot begin it again, with counters that start anew.
 */
const IDLE_MS_MIN = CHALLENGE_LIFE_MS;
/** And at most this long: longer than askers trust an idle one. */
const IDLE_MS_MAX = 15 * 60_000;
/** Pause between two looks for associations that nobody uses, in milliseconds. */
const SWEEP_MS = 1_000;

export interface Answering {
  readonly association: UdpAssociation;
  readonly asker: UdpAsker;
  /** IP address and port of the asker, as one name. */
  readonly source: string;
  /** When a datagram of it opened last, in milliseconds. */
  usedMs: number;
  /** Its asker began another one. It opens nothing, and stays so that nobody begins it again. */
  retired: boolean;
}

export class UdpAssociations {
  readonly #limits: UdpLimits;
  readonly #monotonicMs: () => number;
  readonly #byName = new Map<string, Answering>();
  readonly #current = new Map<string, Answering>();
  readonly #perAddress = new Map<string, number>();
  #sweepMs = -Infinity;

  constructor(limits: UdpLimits, monotonicMs: () => number) {
    this.#limits = limits;
    this.#monotonicMs = monotonicMs;
  }

  get size(): number {
    return this.#byName.size;
  }

  get(name: string): Answering | undefined {
    return this.#byName.get(name);
  }

  /** Whether somebody at this IP address may begin another association. */
  hasRoom(address: string): boolean {
    this.#sweep();
    return (
      this.#byName.size < this.#limits.associationsMax &&
      (this.#perAddress.get(address) ?? 0) < this.#limits.associationsPerSourceMax
    );
  }

  /** Enters one that has opened a datagram; the one that its asker had before is retired. */
  enter(answering: Answering): void {
    const { association, asker, source } = answering;
    const previous = this.#current.get(source);
    if (previous !== undefined) previous.retired = true;
    this.#current.set(source, answering);
    this.#byName.set(association.name, answering);
    this.#perAddress.set(asker.from, (this.#perAddress.get(asker.from) ?? 0) + 1);
  }

  #sweep(): void {
    const nowMs = this.#monotonicMs();
    if (nowMs < this.#sweepMs) return;
    this.#sweepMs = nowMs + SWEEP_MS;
    const isFull = this.#byName.size >= this.#limits.associationsMax;
    for (const answering of this.#byName.values()) {
      const idleMsMax = isFull || answering.retired ? IDLE_MS_MIN : IDLE_MS_MAX;
      if (nowMs - answering.usedMs >= idleMsMax) this.#drop(answering);
    }
  }

  #drop(answering: Answering): void {
    const { association, asker, source } = answering;
    this.#byName.delete(association.name);
    if (this.#current.get(source) === answering) this.#current.delete(source);
    const count = (this.#perAddress.get(asker.from) ?? 0) - 1;
    if (count > 0) this.#perAddress.set(asker.from, count);
    else this.#perAddress.delete(asker.from);
  }
}
