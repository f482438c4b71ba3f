/** One core without a network: a test is everybody else. */
import type { KeyPair } from "../../../src/crypto/identity.ts";
import {
  type CoreEvent,
  type CoreOptions,
  type Effect,
  type Input,
  NodeCore,
} from "../../../src/protocol/index.ts";
import { createToySignatures, seededBytes, seededRandom } from "../../../src/testing/index.ts";
import { dataSignedPart, encodeData } from "../../../src/wire/data.ts";
import type { Address, Outcome, Reply } from "../../../src/wire/exchange.ts";
import { decodeHello, encodeHello, helloSignedPart } from "../../../src/wire/hello.ts";
import {
  blockSignedPart,
  decodeHelloBlock,
  encodeBlockBody,
  encodeHelloBlock,
  markNative,
} from "../../../src/wire/hello-block.ts";
import { MessageType, PROTOCOL_VERSION } from "../../../src/wire/message-type.ts";
import { encodePeers, type PeerEntry, peersSignedPart } from "../../../src/wire/peers.ts";
import { encodeStatePacket, stateSignedPart } from "../../../src/wire/state-packet.ts";

const engine = createToySignatures();
export const NOW_SECONDS = 1_785_000_000;
export const PORT = 8_000;

function keyPairOf(name: string): KeyPair {
  const privateKey = new Uint8Array(32);
  privateKey.set(new TextEncoder().encode(name).subarray(0, 32));
  return { privateKey, publicKey: Uint8Array.from(engine.publicKeyOf(privateKey)) };
}

export interface Sent {
  readonly exchange: number;
  readonly to: Address;
  readonly type: MessageType;
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
  /** Versions that the disk was told to remember, in order. */
  readonly marks: number[] = [];
  /** Requests that are not answered yet. */
  open: Sent[] = [];
  /** Verifications that wait for {@link verifyHeld}, when a test holds them. */
  held: Extract<Effect, { kind: "verify" }>[] | undefined;
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

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case "sign": {
        const { operation, scheme, message, entropy } = effect;
        const signature = engine.sign(this.#keyPair.privateKey, scheme, message, entropy);
        this.step({ kind: "signed", operation, signature });
        break;
      }
      case "verify": {
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
        const { type, payload, timeoutMs } = effect;
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
      case "datagrams":
        this.datagrams.push(`${effect.to.address} ${effect.speaks}`);
        break;
      case "mark":
        this.marks.push(effect.version);
        break;
    }
  }

  /** Ends all verifications that were held, and holds no more. */
  verifyHeld(): void {
    const held = this.held ?? [];
    this.held = undefined;
    for (const effect of held) this.#carryOut(effect);
  }

  write(...changes: [string, string | undefined][]): void {
    this.step({ kind: "write", changes: new Map(changes) });
  }

  /** A request from outside, and how it is answered. */
  ask(type: MessageType, payload: Uint8Array, from = "10.0.0.9"): Outcome {
    const outcome = this.askLater(type, payload, from)();
    if (outcome === undefined) throw new Error("Not answered within the step");
    return outcome;
  }

  /** A request from outside; what is returned tells how it is answered by now. */
  askLater(type: MessageType, payload: Uint8Array, from = "10.0.0.9"): () => Outcome | undefined {
    this.#exchanges += 1;
    const exchange = this.#exchanges;
    this.step({ kind: "request", exchange, type, payload, from });
    return () => this.#outcomes.get(exchange);
  }

  /** Open requests of one type. */
  sent(type: MessageType): Sent[] {
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

/** What an answer to this native HELLO has to sign. */
export function nonceOf(payload: Uint8Array): Uint8Array | undefined {
  return decodeHelloBlock(decodeHello(payload).trailing)?.block.nonce;
}

export function answered(payload: Uint8Array): Extract<Reply, { kind: "answer" }> {
  return { kind: "answer", payload, peerUnixSeconds: NOW_SECONDS };
}

/** "200", or status and text of a refusal. */
export function statusOf(outcome: Outcome): string {
  return outcome.kind === "answer" ? "200" : `${outcome.status} ${outcome.text}`.trim();
}

/** Somebody else: it has a key and writes the messages that a test needs. */
export class Puppet {
  readonly nodeId: string;
  readonly address: string;
  readonly keyPair: KeyPair;
  #drawn = 0;

  constructor(nodeId: string, address: string, keyOf = nodeId) {
    this.nodeId = nodeId;
    this.address = address;
    this.keyPair = keyPairOf(keyOf);
  }

  sign(scheme: "python" | "native", message: Uint8Array): Uint8Array {
    this.#drawn += 1;
    const entropy = new Uint8Array(32).fill(this.#drawn);
    return engine.sign(this.keyPair.privateKey, scheme, message, entropy);
  }

  /** A HELLO of the Python wire. */
  hello(
    options: { port?: number; nodeId?: string; version?: string; detectedAddress?: string } = {},
  ): Uint8Array {
    const unsigned = {
      version: options.version ?? PROTOCOL_VERSION,
      nodeId: options.nodeId ?? this.nodeId,
      address: this.address,
      port: options.port ?? PORT,
      publicKey: this.keyPair.publicKey,
    };
    const signature = this.sign("python", helloSignedPart(unsigned));
    return encodeHello({
      ...unsigned,
      signature,
      detectedAddress: options.detectedAddress ?? "",
    });
  }

  /** A HELLO with the signed block of a native node. */
  nativeHello(
    options: {
      issued?: number;
      incarnation?: number;
      answered?: Uint8Array | undefined;
      role?: "request" | "answer";
      features?: readonly string[];
      addresses?: readonly Address[];
    } = {},
  ): Uint8Array {
    const unsigned = {
      version: PROTOCOL_VERSION,
      nodeId: this.nodeId,
      address: markNative(this.address),
      port: PORT,
      publicKey: this.keyPair.publicKey,
    };
    const signature = this.sign("python", helloSignedPart(unsigned));
    const head = encodeHello({ ...unsigned, signature, detectedAddress: "" });
    const body = encodeBlockBody({
      nonce: new Uint8Array(16).fill(7),
      answered: options.answered,
      incarnation: new Uint8Array(16).fill(options.incarnation ?? 1),
      issued: options.issued ?? NOW_SECONDS,
      versionMin: 1,
      versionMax: 1,
      features: options.features ?? [],
      addresses: options.addresses ?? [],
    });
    const message = blockSignedPart(options.role ?? "request", head, body);
    return Uint8Array.from([...head, ...encodeHelloBlock(body, this.sign("native", message))]);
  }

  state(version: number, text: string): Uint8Array {
    const unsigned = { nodeId: this.nodeId, version, text };
    return encodeStatePacket({
      ...unsigned,
      signature: this.sign("python", stateSignedPart(unsigned)),
    });
  }

  peers(entries: readonly PeerEntry[] = []): Uint8Array {
    const unsigned = { nodeId: this.nodeId, entries };
    return encodePeers({ ...unsigned, signature: this.sign("python", peersSignedPart(unsigned)) });
  }

  data(payload: Uint8Array): Uint8Array {
    const signature = this.sign("python", dataSignedPart(this.nodeId, payload));
    return encodeData({ nodeId: this.nodeId, signature, payload });
  }

  /**
   * Says HELLO to the core as a Python peer, sends its state, and answers the core's calls until
   * it is listed.
   */
  join(core: LoneCore, state = this.state(NOW_SECONDS, "{}")): this {
    core.ask(MessageType.HELLO, this.hello(), this.address);
    core.ask(MessageType.UPDATE, state, this.address);
    this.answerCalls(core, state);
    return this;
  }

  /** Says HELLO to the core as a native peer, and answers the core's calls until it is listed. */
  joinNative(core: LoneCore, features: readonly string[] = []): this {
    core.ask(MessageType.HELLO, this.nativeHello({ features }), this.address);
    const [call] = core.sent(MessageType.HELLO);
    if (call === undefined) throw new Error(`${this.nodeId} is not called`);
    const answer = { role: "answer", answered: nonceOf(call.payload), features } as const;
    core.reply(call, answered(this.nativeHello({ ...answer, issued: NOW_SECONDS + 1 })));
    this.answerCalls(core);
    return this;
  }

  /**
   * Answers all calls that the core has open to it, as a peer that lists the core.
   *
   * @param bound The carrier knows that the answers are to these requests.
   */
  answerCalls(core: LoneCore, state = this.state(NOW_SECONDS, "{}"), bound = false): void {
    for (let round = 0; round < 20; round += 1) {
      const call = core.open.find(({ to }) => to.address === this.address);
      if (call === undefined) return;
      const reply = answered(this.#answerTo(call.type, core, state));
      core.reply(call, bound ? { ...reply, bound: true } : reply);
    }
  }

  #answerTo(type: MessageType, { core }: LoneCore, state: Uint8Array): Uint8Array {
    switch (type) {
      case MessageType.HELLO:
        return this.hello();
      case MessageType.UPDATE:
        return state;
      case MessageType.PEERS:
        return this.peers([{ nodeId: core.nodeId, address: "10.0.0.1", port: PORT }]);
      case MessageType.PING:
        return new Uint8Array();
      case MessageType.DATA:
        return new TextEncoder().encode("OK");
    }
  }
}
