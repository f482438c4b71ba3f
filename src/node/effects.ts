/**
 * Carries out what a core asks for, on real parts, and brings back what comes of it.
 * @module
 */
import { debuglog } from "node:util";
import type { SignatureEngine } from "../crypto/signatures.ts";
import type { DsnError } from "../errors.ts";
import type { Effect } from "../protocol/index.ts";
import type { CredentialStore } from "../storage/credential-store.ts";
import type { PeerCache } from "../storage/peer-cache.ts";
import type { Carrier, InboundRequest, Outcome } from "../transport/carrier.ts";
import type { AnyType } from "../wire/native-type.ts";
import type { CoreLoop } from "./core-loop.ts";
import { Crypto } from "./crypto-work.ts";
import { stoppedError } from "./stopped-error.ts";
import { Storing } from "./storing.ts";
import type { Teller } from "./teller.ts";

const debug = debuglog("dsn");

type RequestEffect = Extract<Effect, { kind: "request" }>;

export interface EffectsParts {
  readonly loop: CoreLoop;
  readonly carrier: Carrier<AnyType>;
  readonly store: CredentialStore;
  readonly peers?: PeerCache | undefined;
  readonly engine: SignatureEngine;
  readonly teller: Teller;
  /** The core has said goodbye. */
  readonly onLeft: () => void;
}

export class Effects {
  readonly #parts: EffectsParts;
  readonly #storing: Storing;
  #crypto: Crypto | undefined;
  #lastExchange = 0;
  readonly #responders = new Map<number, (outcome: Outcome) => void>();
  readonly #sends = new Map<number, (error: DsnError | undefined) => void>();

  constructor(parts: EffectsParts) {
    this.#parts = parts;
    const { store, peers, teller } = parts;
    const warn = (error: DsnError, resolved: boolean) => teller.warn(error, resolved);
    this.#storing = new Storing({ store, peers, warn });
  }

  /** From now on it can sign. */
  begin(privateKey: Uint8Array): void {
    const { engine, loop } = this.#parts;
    this.#crypto = new Crypto(engine, privateKey, (inputs) => loop.stepAll(inputs));
  }

  /** Signs and verifies nothing any more, and tries to store nothing again. */
  stop(): void {
    this.#crypto?.stop();
    this.#storing.stop();
  }

  /** What is being sent has failed, as far as anybody knows. */
  failSends(): void {
    for (const settle of this.#sends.values()) settle(stoppedError("send"));
    this.#sends.clear();
  }

  carryOut(effect: Effect): void {
    switch (effect.kind) {
      case "request":
        this.#request(effect);
        break;
      case "respond": {
        const respond = this.#responders.get(effect.exchange);
        this.#responders.delete(effect.exchange);
        if (respond === undefined) break;
        // In the order of the effects: news that came before its answer is told before it. Writing
        // an answer is a system call that costs more than the step, and readers should not wait
        // for it. A DATA message is answered first, whatever the callback does (D17).
        this.#parts.teller.after(() => respond(effect.outcome));
        break;
      }
      case "sign":
      case "verify":
        this.#crypto?.add(effect);
        break;
      case "end-session":
        this.#parts.carrier.endSession?.(effect.nodeId);
        break;
      case "pin":
      case "pin-native":
      case "unpin":
      case "mark":
      case "remember":
        this.#storing.carryOut(effect);
        break;
      case "datagrams":
        this.#parts.carrier.speaksDatagrams?.(effect.to, effect.speaks, effect.sessions);
        break;
      case "flush-soon":
        this.#parts.loop.flushSoon();
        break;
      case "event":
        this.#parts.teller.add(effect.event);
        break;
      case "settled":
        this.#sends.get(effect.operation)?.(effect.error);
        break;
      case "left":
        this.#parts.onLeft();
        break;
      case "fault":
        this.fault(effect.error);
        break;
    }
  }

  #request({
    targets,
    type,
    head,
    payload,
    timeoutMs,
    patienceMs,
    answerBytesMax,
  }: RequestEffect): void {
    this.#parts.carrier.broadcast(
      targets.map(({ to }) => to),
      { type, payload, head },
      { timeoutMs, patienceMs, answerBytesMax },
      (index, reply) => {
        const exchange = targets[index]?.exchange;
        if (exchange !== undefined) this.#parts.loop.step({ kind: "reply", exchange, reply });
      },
    );
  }

  /** A peer asks. */
  requested(
    { type, payload, from, peer }: InboundRequest<AnyType>,
    respond: (outcome: Outcome) => void,
  ): void {
    if (!this.#parts.loop.isOpen) {
      respond({ kind: "refusal", status: 500, text: "", authenticated: false });
      return;
    }
    const exchange = this.#nextExchange();
    this.#responders.set(exchange, respond);
    this.#parts.loop.step({ kind: "request", exchange, type, payload, from, peer });
  }

  /** Sends bytes to one node; 0 ms is no limit. @param settle Called once, when it has ended. */
  send(
    to: string,
    data: Uint8Array,
    timeoutMs: number | undefined,
    settle: (error: DsnError | undefined) => void,
  ): void {
    const operation = this.#nextExchange();
    this.#sends.set(operation, (error) => {
      this.#sends.delete(operation);
      settle(error);
    });
    const limitMs = timeoutMs === 0 ? Number.POSITIVE_INFINITY : timeoutMs;
    this.#parts.loop.step({ kind: "send", operation, to, data, timeoutMs: limitMs });
  }

  #nextExchange(): number {
    this.#lastExchange += 1;
    return this.#lastExchange;
  }

  /** Something failed that should not. */
  fault(error: unknown): void {
    debug("fault: %o", error);
    process.emitWarning(error instanceof Error ? error : new Error(String(error)));
  }
}
