/**
 * A network in memory that behaves like one: it encodes and copies every message, and delays,
 * reorders, duplicates, drops and cuts as told.
 *
 * It reads no clock, and draws no randomness of its own when `random` is handed in, so a
 * simulation replays from its seed.
 * @module
 */
import { createPlainSeal } from "../crypto/aes-cbc-seal.ts";
import { DsnError } from "../errors.ts";
import { formatAddress } from "../wire/exchange.ts";
import type { Address, Carrier } from "./carrier.ts";
import { createLabelSeal, MemoryCarrier, type MemoryLinks } from "./memory-carrier.ts";

/** Calls `fn` after `ms` milliseconds; the result takes the call back. */
export type SetTimer = (ms: number, fn: () => void) => () => void;

export interface MemoryNetworkOptions {
  /** Uniform in [0, 1), as `Math.random`; seeded in simulations. @default Math.random */
  readonly random?: (() => number) | undefined;
  /** @default setTimeout, or setImmediate for 0 ms */
  readonly setTimer?: SetTimer | undefined;
  /**
   * Shortest and longest time of one way, in milliseconds. Messages overtake each other when they
   * differ. @default [0, 0]
   */
  readonly delayMs?: readonly [min: number, max: number] | undefined;
  /** Part of the one-way trips that are lost, 0 to 1. @default 0 */
  readonly lossRate?: number | undefined;
  /** Part of the requests that arrive twice, 0 to 1. @default 0 */
  readonly duplicateRate?: number | undefined;
  /** True to refuse as a network with a key does, on carriers without a label too. @default false */
  readonly sealed?: boolean | undefined;
}

export interface MemoryCarrierOptions {
  /**
   * Stands for the network key: carriers with different labels cannot open each other's messages.
   * @default none
   */
  readonly networkKey?: string | undefined;
}

/** First of the ports that `listen` with port 0 gets. */
const FIRST_PORT = 40_000;

const WILDCARDS: ReadonlySet<string> = new Set(["0.0.0.0", "::", ""]);

/** Hosts, the carriers that listen on them, and the links between them. */
export class MemoryNetwork {
  readonly #random: () => number;
  readonly #setTimer: SetTimer;
  readonly #sealed: boolean;
  readonly #listening = new Map<string, MemoryCarrier>();
  readonly #cuts = new Set<string>();
  #delayMs: readonly [min: number, max: number];
  #lossRate: number;
  #duplicateRate: number;
  #hosts = 0;
  #ports = 0;

  constructor(options: MemoryNetworkOptions = {}) {
    this.#random = options.random ?? Math.random;
    this.#setTimer = options.setTimer ?? setRealTimer;
    this.#sealed = options.sealed ?? false;
    this.#delayMs = options.delayMs ?? [0, 0];
    this.#lossRate = options.lossRate ?? 0;
    this.#duplicateRate = options.duplicateRate ?? 0;
  }

  /** @param host IP address of the machine it runs on. @default one of its own, `10.0.0.1` on */
  createCarrier(host?: string, { networkKey }: MemoryCarrierOptions = {}): Carrier {
    const label = networkKey ?? (this.#sealed ? "" : undefined);
    const seal = label === undefined ? createPlainSeal() : createLabelSeal(label);
    return new MemoryCarrier(host ?? this.#nextHost(), seal, this.#links());
  }

  /** Changes delays and faults from here on. What is left out stays as it is. */
  set({
    delayMs = this.#delayMs,
    lossRate = this.#lossRate,
    duplicateRate = this.#duplicateRate,
  }: Pick<MemoryNetworkOptions, "delayMs" | "lossRate" | "duplicateRate">): void {
    this.#delayMs = delayMs;
    this.#lossRate = lossRate;
    this.#duplicateRate = duplicateRate;
  }

  /** Nothing passes from host `a` to host `b` any more, nor back unless `oneWay`. */
  cut(a: string, b: string, { oneWay = false }: { readonly oneWay?: boolean } = {}): void {
    this.#cuts.add(direction(a, b));
    if (!oneWay) this.#cuts.add(direction(b, a));
  }

  /** Mends the link between two hosts, or every link. */
  heal(a?: string, b?: string): void {
    if (a === undefined || b === undefined) {
      this.#cuts.clear();
    } else {
      this.#cuts.delete(direction(a, b));
      this.#cuts.delete(direction(b, a));
    }
  }

  #links(): MemoryLinks {
    return {
      bind: (carrier, at) => this.#bind(carrier, at),
      unbind: (at) => void this.#listening.delete(formatAddress(at)),
      find: (at) => this.#listening.get(formatAddress(at)),
      carry: (from, to, deliver) => this.#carry(from, to, deliver),
      isDuplicated: () => this.#happens(this.#duplicateRate),
      setTimer: this.#setTimer,
    };
  }

  #bind(carrier: MemoryCarrier, at: Address): Address {
    const address = WILDCARDS.has(at.address) ? carrier.host : at.address;
    const bound = { address, port: at.port === 0 ? FIRST_PORT + this.#ports++ : at.port };
    const endpoint = formatAddress(bound);
    if (this.#listening.has(endpoint)) {
      throw new DsnError("DSN_PORT_IN_USE", `Port ${bound.port} is in use`, {
        why: `another carrier of this network listens on ${endpoint}`,
        fix: ["take another port, or 0"],
        endpoint,
      });
    }
    this.#listening.set(endpoint, carrier);
    return bound;
  }

  /** One way of one message. The link is looked at on both ends: what is under way gets cut too. */
  #carry(from: string, to: string, deliver: () => void): void {
    if (this.#isCut(from, to) || this.#happens(this.#lossRate)) return;
    const [min, max] = this.#delayMs;
    this.#setTimer(min + (max > min ? this.#random() * (max - min) : 0), () => {
      if (!this.#isCut(from, to)) deliver();
    });
  }

  #isCut(from: string, to: string): boolean {
    return this.#cuts.has(direction(from, to));
  }

  /** Draws only when needed, so that switching a fault off does not move the other draws. */
  #happens(rate: number): boolean {
    return rate > 0 && this.#random() < rate;
  }

  #nextHost(): string {
    this.#hosts++;
    return `10.0.${this.#hosts >> 8}.${this.#hosts & 0xff}`;
  }
}

function direction(from: string, to: string): string {
  return `${from} > ${to}`;
}

function setRealTimer(ms: number, fn: () => void): () => void {
  if (ms === 0) {
    const immediate = setImmediate(fn);
    return () => clearImmediate(immediate);
  }
  const timer = setTimeout(fn, ms);
  return () => clearTimeout(timer);
}
