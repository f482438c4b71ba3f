/** One core without a network: a test is everybody else. */
import type { KeyPair } from "../../../src/crypto/identity.ts";
import {
  type CoreEvent,
  type CoreOptions,
  type Effect,
  type Input,
  NodeCore,
} from "../../../src/protocol/index.ts";
import { seededBytes, seededRandom } from "../../../src/testing/index.ts";
import {
  type Address,
  type Outcome,
  type ProvenPeer,
  type Reply,
  type Target,
  wholePayload,
} from "../../../src/wire/exchange.ts";
import type { AnyType } from "../../../src/wire/native-type.ts";
import { engine, keyPairOf, NOW_SECONDS, PORT } from "./puppet.ts";

export { answered, NOW_SECONDS, nonceOf, PORT, Puppet } from "./puppet.ts";

export interface Sent {
  readonly exchange: number;
  readonly to: Target;
  readonly type: AnyType;
  readonly payload: Uint8Array;
  readonly timeoutMs: number;
}

/** A core that signs and verifies at once, and whose requests a test answers. */
export class LoneCore {
  readonly core: NodeCore;
  readonly events: CoreEvent[] = [];
  readonly faults: unknown[] = [];
  readonly settled: Extract<Effect, { kind: "settled" }>[] = [];
  /** What the carrier is told of peers: the address, and whether datagrams are taken there. */
  readonly datagrams: string[] = [];
  readonly pins = new Map<string, Uint8Array>();
  /** Nodes that the disk was told to remember as native, in order. */
  readonly natives: string[] = [];
  /** Nodes whose sessions were ended, in order. */
  readonly ended: string[] = [];
  /** Versions that the disk was told to remember, in order. */
  readonly marks: number[] = [];
  /** Requests that are not answered yet. */
  open: Sent[] = [];
  /** Verifications that wait for {@link verifyHeld}, when a test holds them. */
  held: Extract<Effect, { kind: "verify" }>[] | undefined;
  /** Verifications there were, held or not. */
  verifications = 0;
  /** Signatures that wait for {@link signHeld}, when a test holds them. */
  unsigned: Extract<Effect, { kind: "sign" }>[] | undefined;
  /** How often all was said that is to be said before the end. */
  left = 0;
  nowMs = 0;
  skewSeconds = 0;
  readonly #keyPair: KeyPair;
  readonly #outcomes = new Map<number, Outcome>();
  #exchanges = 0;

  constructor(
    nodeId = "me",
    options: Partial<CoreOptions> = {},
    bootstrap: readonly Address[] = [],
  ) {
    this.#keyPair = keyPairOf(nodeId);
    const random = seededRandom(1);
    this.core = new NodeCore({
      nodeId,
      publicKey: this.#keyPair.publicKey,
      port: PORT,
      candidates: ["10.0.0.1"],
      random,
      entropy: seededBytes(random),
      ...options,
    });
    this.step({ kind: "start", bootstrap });
  }

  step(input: Input): void {
    const unixSeconds = NOW_SECONDS + this.nowMs / 1_000 + this.skewSeconds;
    const effects = this.core.step(input, { monotonicMs: this.nowMs, unixSeconds });
    for (const effect of effects) this.#carryOut(effect);
  }

  /** Lets time pass; open requests stay open. */
  run(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const { wakeAt } = this.core;
      if (wakeAt === undefined || wakeAt > untilMs) break;
      this.nowMs = Math.max(this.nowMs, wakeAt);
      this.step({ kind: "wake" });
    }
    this.nowMs = untilMs;
  }

  /** The next timer fires so much too late. */
  late(ms: number): void {
    this.nowMs = Math.max(this.nowMs, this.core.wakeAt ?? 0) + ms;
    this.step({ kind: "wake" });
  }

  /** @param isAgain It was held. */
  #carryOut(effect: Effect, isAgain = false): void {
    switch (effect.kind) {
      case "sign": {
        if (this.unsigned !== undefined) {
          this.unsigned.push(effect);
          break;
        }
        const { operation, scheme, message, entropy } = effect;
        const signature = engine.sign(this.#keyPair.privateKey, scheme, message, entropy);
        this.step({ kind: "signed", operation, signature });
        break;
      }
      case "verify": {
        if (!isAgain) this.verifications += 1;
        if (this.held !== undefined) {
          this.held.push(effect);
          break;
        }
        const { operation, publicKey, scheme, message, signature } = effect;
        const valid = engine.verify(publicKey, scheme, message, signature);
        this.step({ kind: "verified", operation, valid });
        break;
      }
      case "request": {
        const { type, timeoutMs } = effect;
        const payload = wholePayload(effect);
        for (const { exchange, to } of effect.targets)
          this.open.push({ exchange, to, type, payload, timeoutMs });
        break;
      }
      case "respond":
        this.#outcomes.set(effect.exchange, effect.outcome);
        break;
      case "flush-soon":
        this.step({ kind: "flush" });
        break;
      case "event":
        this.events.push(effect.event);
        break;
      case "fault":
        this.faults.push(effect.error);
        break;
      case "settled":
        this.settled.push(effect);
        break;
      case "pin":
        this.pins.set(effect.nodeId, effect.publicKey);
        break;
      case "unpin":
        this.pins.delete(effect.nodeId);
        break;
      case "pin-native":
        this.natives.push(effect.nodeId);
        break;
      case "end-session":
        this.ended.push(effect.nodeId);
        break;
      case "datagrams":
        this.datagrams.push(`${effect.to.address} ${effect.speaks}`);
        break;
      case "left":
        this.left += 1;
        break;
      case "mark":
        this.marks.push(effect.version);
        break;
      case "remember":
        break;
    }
  }

  /** Ends all verifications that were held, and holds no more. */
  verifyHeld(): void {
    const held = this.held ?? [];
    this.held = undefined;
    for (const effect of held) this.#carryOut(effect, true);
  }

  /** Makes all signatures that were held, and holds no more. */
  signHeld(): void {
    const held = this.unsigned ?? [];
    this.unsigned = undefined;
    for (const effect of held) this.#carryOut(effect);
  }

  write(...changes: [string, string | undefined][]): void {
    this.step({ kind: "write", changes: new Map(changes) });
  }

  /** A request from outside, and how it is answered. */
  ask(type: AnyType, payload: Uint8Array, from = "10.0.0.9", peer?: ProvenPeer): Outcome {
    const outcome = this.askLater(type, payload, from, peer)();
    if (outcome === undefined) throw new Error("Not answered within the step");
    return outcome;
  }

  /** A request from outside; what is returned tells how it is answered by now. */
  askLater(
    type: AnyType,
    payload: Uint8Array,
    from = "10.0.0.9",
    peer?: ProvenPeer,
  ): () => Outcome | undefined {
    this.#exchanges += 1;
    const exchange = this.#exchanges;
    this.step({ kind: "request", exchange, type, payload, from, peer });
    return () => this.#outcomes.get(exchange);
  }

  /** Open requests of one type. */
  sent(type: AnyType): Sent[] {
    return this.open.filter((request) => request.type === type);
  }

  reply({ exchange }: Sent, reply: Reply): void {
    this.open = this.open.filter((request) => request.exchange !== exchange);
    this.step({ kind: "reply", exchange, reply });
  }

  warnings(): string[] {
    return this.events.flatMap((event) =>
      event.name === "warning" && !event.resolved ? [event.error.code] : [],
    );
  }
}

/** "200", or status and text of a refusal. */
export function statusOf(outcome: Outcome): string {
  return outcome.kind === "answer" ? "200" : `${outcome.status} ${outcome.text}`.trim();
}
