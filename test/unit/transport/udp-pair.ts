/**
 * Both halves of UDP with a network of the test's making in between, on a clock that the test
 * moves: `vi.useFakeTimers()` comes first.
 * @module
 */
import { randomBytes } from "node:crypto";
import { vi } from "vitest";
import { createAesCbcSeal, createPlainSeal } from "../../../src/crypto/aes-cbc-seal.ts";
import type { CarrierListener, Message, RequestOptions } from "../../../src/transport/carrier.ts";
import { DEFAULT_UDP_LIMITS, type UdpLimits } from "../../../src/transport/limits.ts";
import { patientAfter } from "../../../src/transport/timers.ts";
import { UdpAnswering } from "../../../src/transport/udp-answering.ts";
import { UdpAsking } from "../../../src/transport/udp-asking.ts";
import { type Datagram, decodeDatagram } from "../../../src/transport/udp-datagram.ts";
import type { UdpReply } from "../../../src/transport/udp-exchange.ts";
import type { UdpPath } from "../../../src/transport/udp-path.ts";
import { UdpServing } from "../../../src/transport/udp-serving.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { echo } from "../../contract/carrier.ts";

export const NETWORK_KEY = new Uint8Array(16).fill(1);
export const ASKER = { address: "10.0.0.1", port: 1111 };
export const ANSWERER = { address: "10.0.0.2", port: 2222 };
export const OPTIONS: RequestOptions = { timeoutMs: 2_000, answerBytesMax: 10_000 };

export interface Sent {
  readonly from: "asker" | "answerer";
  readonly kind: Datagram["kind"];
  readonly bytes: Uint8Array;
  readonly atMs: number;
}

export interface PairOptions {
  readonly networkKey?: Uint8Array | undefined;
  readonly answererKey?: Uint8Array | undefined;
  readonly listener?: CarrierListener;
  readonly limits?: Partial<UdpLimits>;
  readonly resolve?: (host: string) => readonly string[];
}

export class UdpPair {
  readonly sent: Sent[] = [];
  readonly asking: UdpAsking;
  readonly path: UdpPath;
  answering: UdpAnswering;
  serving: UdpServing;
  /** How many copies of a datagram arrive. */
  fate: (datagram: Sent) => number = () => 1;
  delayMs = 0.1;
  readonly #options: PairOptions;

  constructor(options: PairOptions = {}) {
    this.#options = { networkKey: NETWORK_KEY, answererKey: NETWORK_KEY, ...options };
    this.asking = new UdpAsking({
      networkKey: this.#options.networkKey,
      randomBytes,
      monotonicMs: () => performance.now(),
      inFlightMax: DEFAULT_UDP_LIMITS.inFlightPerPeerMax,
      after: patientAfter,
      resolve: (host, onFound) => onFound(options.resolve?.(host) ?? [ANSWERER.address]),
      send: (bytes, to) => {
        this.#pass("asker", bytes, (datagram) => {
          if (to.address !== ANSWERER.address || to.port !== ANSWERER.port) return;
          if (datagram.kind === "challenge" || datagram.kind === "answer") return;
          this.answering.receive(datagram, ASKER);
        });
      },
    });
    [this.answering, this.serving] = this.#createAnswering();
    this.path = this.asking.open({ address: "peer.example", port: ANSWERER.port });
  }

  /** Another process takes the answerer's place. */
  restartAnswerer(): void {
    [this.answering, this.serving] = this.#createAnswering();
  }

  #createAnswering(): [UdpAnswering, UdpServing] {
    const { answererKey: networkKey, listener = { onRequest: echo } } = this.#options;
    const limits = { ...DEFAULT_UDP_LIMITS, ...this.#options.limits };
    const seal = networkKey === undefined ? createPlainSeal() : createAesCbcSeal(networkKey);
    const serving = new UdpServing(seal, limits, patientAfter);
    serving.listener = listener;
    const answering = new UdpAnswering({
      networkKey,
      secret: randomBytes(32),
      monotonicMs: () => performance.now(),
      limits,
      serving,
      send: (bytes) => {
        this.#pass("answerer", bytes, (datagram) => {
          if (datagram.kind === "challenge" || datagram.kind === "answer") {
            this.asking.receive(datagram);
          }
        });
      },
    });
    return [answering, serving];
  }

  #pass(from: Sent["from"], bytes: Uint8Array, deliver: (datagram: Datagram) => void): void {
    const datagram = decodeDatagram(bytes);
    if (datagram === undefined) throw new Error("no datagram");
    const sent = { from, kind: datagram.kind, bytes, atMs: performance.now() };
    this.sent.push(sent);
    for (let copies = this.fate(sent); copies > 0; copies--) {
      setTimeout(() => deliver(datagram), this.delayMs);
    }
  }

  /** Begins an association and waits for it. */
  async connect(): Promise<void> {
    this.path.invite();
    for (let step = 0; step < 100 && !this.path.takes(0); step++) {
      await vi.advanceTimersByTimeAsync(this.delayMs * 2 + 1);
    }
    if (!this.path.takes(0)) throw new Error("no association");
  }

  /** What becomes of a request, when it has become of it, and how long it took. */
  ask(payload: Uint8Array, options: Partial<RequestOptions> = {}): Asked {
    const asked: Asked = { reply: undefined, tookMs: undefined };
    const startMs = performance.now();
    const message: Message = { type: MessageType.DATA, payload };
    this.path.ask(message, { ...OPTIONS, ...options }, (reply) => {
      if (asked.reply !== undefined) throw new Error("a second reply");
      asked.reply = reply;
      asked.tookMs = performance.now() - startMs;
    });
    return asked;
  }

  /** The datagrams sent, in order, each as sender and kind. */
  get story(): string[] {
    return this.sent.map(({ from, kind }) => `${from}: ${kind}`);
  }

  count(kind: Datagram["kind"]): number {
    return this.sent.filter((sent) => sent.kind === kind).length;
  }
}

export interface Asked {
  reply: UdpReply | undefined;
  tookMs: number | undefined;
}
