/**
 * A simulated peer that behaves as the Python implementation does, its weaknesses included.
 *
 * No HELLO is verified, a state of a node without an address is stored unverified, one thread does
 * all the ticking, one failed PING drops a peer, bootstrap is tried once, equal content never
 * advances a version, and versions are the bare clock.
 *
 * Source: `dsnode.py`, `handler.py` as observed; `docs/protocol.md`.
 * @module
 */
import type { KeyPair } from "../crypto/identity.ts";
import type { SignatureEngine } from "../crypto/signatures.ts";
import { type Flow, run, wait } from "../protocol/flow.ts";
import type { Address, Outcome, Reply } from "../wire/exchange.ts";
import { decodeHello, encodeHello, helloSignedPart } from "../wire/hello.ts";
import { MessageType, PROTOCOL_VERSION } from "../wire/message-type.ts";
import { isNativeType } from "../wire/native-type.ts";
import { decodePeers, encodePeers, peersSignedPart } from "../wire/peers.ts";
import { PING_REQUEST } from "../wire/ping.ts";
import { decodeEntries, encodeEntries } from "../wire/python-json.ts";
import { decodeStatePacket, encodeStatePacket, stateSignedPart } from "../wire/state-packet.ts";
import type { Promises } from "./promises.ts";
import { SIM_PORT, type SimCarrier, type SimHost, type SimRequest } from "./sim-carrier.ts";
import { SIM_EPOCH_SECONDS } from "./sim-node.ts";
import type { VirtualClock } from "./virtual-clock.ts";

const TICK_MS = 3_000;
const TRIES = 3;
const RETRY_PAUSE_MS = 500;
const TIMEOUT_MS = 2_000;

/** What its callbacks were told, and what should never have happened. */
export interface PythonNote {
  readonly nodeId: string;
  readonly atMs: number;
}

interface PythonState {
  version: number;
  text: string;
  packet: Uint8Array;
}

/** What it stands on: a `Simulation`. */
export interface PythonWorld {
  readonly clock: VirtualClock;
  readonly carrier: SimCarrier;
  readonly promises: Promises;
  readonly engine: SignatureEngine;
  readonly random: () => number;
  readonly entropy: (length: number) => Uint8Array;
  addressOf(name: string): string;
}

/** How a simulated Python peer is set up. */
export interface PythonOptions {
  /** Names of hosts to join through. */
  readonly join?: readonly string[];
  /** Name of its network key. */
  readonly key?: string | undefined;
}

/** A peer that behaves as the Python implementation does, its weaknesses included. */
export class SimPython implements SimHost {
  readonly name: string;
  readonly nodeId: string;
  readonly address: string;
  readonly port = SIM_PORT;
  readonly keyId: string | undefined;
  running = true;
  /** Calls of `disconnect_callback`; the reference does not say for whom. */
  readonly disconnects: PythonNote[] = [];
  /** States that it stored unverified, of nodes that it has no address for. */
  readonly ghosts: PythonNote[] = [];
  readonly #world: PythonWorld;
  readonly #keyPair: KeyPair;
  readonly #pins = new Map<string, Uint8Array>();
  readonly #book = new Map<string, Address>();
  readonly #states = new Map<string, PythonState>();
  readonly #entries = new Map<string, string>();
  #writing: (() => Flow)[] = [];
  #writerRuns = false;

  /** `Simulation.addPython()` makes one. */
  constructor(world: PythonWorld, name: string, options: PythonOptions, keyPair: KeyPair) {
    this.#world = world;
    this.#keyPair = keyPair;
    this.name = name;
    this.nodeId = name;
    this.address = world.addressOf(name);
    this.keyId = options.key;
    this.#book.set(name, { address: this.address, port: this.port });
    this.#ownState();
    const bootstrap = (options.join ?? []).map((host) => world.addressOf(host));
    this.#spawn(this.#bootstrap(bootstrap));
    this.#spawn(this.#ticks());
  }

  get unixSeconds(): number {
    return SIM_EPOCH_SECONDS + this.#world.clock.nowMs / 1_000;
  }

  /** The process dies. */
  crash(): void {
    this.running = false;
  }

  // ---- what its application sees --------------------------------------------------------------

  /** `update_data`: blocks the caller until all peers were sent the state, one after the other. */
  write(key: string, value: string): void {
    this.#writing.push(() => this.#write(key, value));
    if (!this.#writerRuns) this.#spawn(this.#writer());
  }

  /** `read_data` of all keys. */
  read(nodeId: string): ReadonlyMap<string, string> | undefined {
    const state = this.#states.get(nodeId);
    return state === undefined ? undefined : decodeEntries(state.text);
  }

  /** `peers()` without itself. */
  present(): string[] {
    return [...this.#states.keys()].filter((nodeId) => nodeId !== this.nodeId);
  }

  *#writer(): Flow {
    this.#writerRuns = true;
    for (let next = this.#writing.shift(); next !== undefined; next = this.#writing.shift()) {
      yield* next();
    }
    this.#writerRuns = false;
  }

  *#write(key: string, value: string): Flow {
    this.#entries.set(key, value);
    const { packet } = this.#ownState();
    for (const nodeId of this.present()) {
      // The answer is ignored, and so are errors.
      yield* this.#sendTo(nodeId, MessageType.UPDATE, packet);
    }
  }

  #ownState(): PythonState {
    const version = this.unixSeconds;
    const text = encodeEntries(this.#entries);
    const unsigned = { nodeId: this.nodeId, version, text };
    const signature = this.#sign(stateSignedPart(unsigned));
    const state = { version, text, packet: encodeStatePacket({ ...unsigned, signature }) };
    this.#states.set(this.nodeId, state);
    return state;
  }

  // ---- client ---------------------------------------------------------------------------------

  *#bootstrap(addresses: readonly string[]): Flow {
    for (const address of addresses) {
      const nodeId = yield* this.#greet({ address, port: SIM_PORT });
      if (nodeId === undefined) continue;
      yield* this.#exchange(nodeId);
      yield* this.#discover(nodeId);
      return;
    }
  }

  *#ticks(): Flow {
    for (;;) {
      yield* this.#sleep(TICK_MS);
      for (const nodeId of this.present()) {
        const pong = yield* this.#sendTo(nodeId, MessageType.PING, PING_REQUEST);
        if (pong !== undefined) continue;
        this.#states.delete(nodeId);
        this.#book.delete(nodeId);
        this.disconnects.push({ nodeId, atMs: this.#world.clock.nowMs });
      }
      const others = [...this.#book.keys()].filter((nodeId) => nodeId !== this.nodeId);
      const chosen = others[Math.floor(this.#world.random() * others.length)];
      if (chosen === undefined) continue;
      yield* this.#exchange(chosen);
      yield* this.#discover(chosen);
    }
  }

  /** HELLO. The id comes from the answer; the endpoint is the one that was dialled. */
  *#greet(endpoint: Address): Flow<string | undefined> {
    const reply = yield* this.#send(endpoint, MessageType.HELLO, this.#hello(""));
    if (reply === undefined) return undefined;
    const { hello } = decodeHello(reply);
    if (hello.version !== PROTOCOL_VERSION) return undefined;
    if (!this.#pin(hello.nodeId, hello.publicKey)) return undefined;
    this.#enter(hello.nodeId, endpoint);
    return hello.nodeId;
  }

  *#exchange(nodeId: string): Flow {
    const own = this.#states.get(this.nodeId);
    if (own === undefined) return;
    const answer = yield* this.#sendTo(nodeId, MessageType.UPDATE, own.packet);
    if (answer !== undefined && answer.length > 0) this.#update(answer);
  }

  *#discover(nodeId: string): Flow {
    const unsigned = { nodeId: this.nodeId, entries: [] };
    const signature = this.#sign(peersSignedPart(unsigned));
    const request = encodePeers({ ...unsigned, signature });
    const answer = yield* this.#sendTo(nodeId, MessageType.PEERS, request);
    if (answer === undefined) return;
    const { packet, signedPart } = decodePeers(answer);
    if (!this.#verifies(packet.nodeId, signedPart, packet.signature)) return;
    for (const { nodeId: named, address, port } of packet.entries) {
      if (this.#book.has(named)) continue;
      const found = yield* this.#greet({ address, port });
      if (found !== undefined) yield* this.#exchange(found);
    }
  }

  /** The payload of the answer, or undefined for whatever the reference raises. */
  *#sendTo(nodeId: string, type: MessageType, payload: Uint8Array): Flow<Uint8Array | undefined> {
    const endpoint = this.#book.get(nodeId);
    return endpoint === undefined ? undefined : yield* this.#send(endpoint, type, payload);
  }

  *#send(
    { address, port }: Address,
    type: MessageType,
    payload: Uint8Array,
  ): Flow<Uint8Array | undefined> {
    const call = { address, port, type, payload, timeoutMs: TIMEOUT_MS };
    for (let attempt = 1; attempt <= TRIES; attempt += 1) {
      const reply = yield* wait<Reply>((resume) =>
        this.#world.carrier.request(this, call, (answer) => {
          if (this.running) resume(answer);
        }),
      );
      if (reply.kind === "answer") return reply.payload;
      if (reply.kind === "refused") return undefined;
      if (attempt < TRIES) yield* this.#sleep(RETRY_PAUSE_MS);
    }
    return undefined;
  }

  // ---- server ---------------------------------------------------------------------------------

  receive(request: SimRequest, respond: (outcome: Outcome) => void): void {
    if (this.running) respond(this.#answer(request));
  }

  stranger(): void {
    // It answers 401 and keeps no record.
  }

  #answer({ type, payload, from }: SimRequest): Outcome {
    if (isNativeType(type)) return refusal(404, "");
    try {
      switch (type) {
        case MessageType.HELLO:
          return this.#answerHello(payload, from);
        case MessageType.UPDATE:
          return this.#answerUpdate(payload);
        case MessageType.PEERS:
          return this.#answerPeers(payload);
        case MessageType.PING:
          return answer(new Uint8Array());
        case MessageType.DATA:
          return answer(new TextEncoder().encode("OK"));
      }
    } catch {
      return refusal(500, "");
    }
  }

  #answerHello(payload: Uint8Array, from: string): Outcome {
    const { hello } = decodeHello(payload);
    if (hello.version !== PROTOCOL_VERSION) return refusal(505, "Network version mismatch");
    if (!this.#pin(hello.nodeId, hello.publicKey)) {
      return refusal(401, `Cannot verify ECDSA key for ${hello.nodeId}`);
    }
    this.#enter(hello.nodeId, { address: from, port: hello.port });
    return answer(this.#hello(from));
  }

  #answerUpdate(payload: Uint8Array): Outcome {
    const verdict = this.#update(payload);
    if (typeof verdict === "object") return verdict;
    return answer(
      verdict ? (this.#states.get(this.nodeId)?.packet ?? new Uint8Array()) : new Uint8Array(),
    );
  }

  #answerPeers(payload: Uint8Array): Outcome {
    const { packet, signedPart } = decodePeers(payload);
    const { nodeId } = packet;
    if (!this.#book.has(nodeId)) return refusal(401, `Could not find ${nodeId} in address book`);
    if (!this.#verifies(nodeId, signedPart, packet.signature)) {
      return refusal(406, "Could not verify ECDSA signature of packet");
    }
    const entries = [...this.#book].map(([id, endpoint]) => ({ nodeId: id, ...endpoint }));
    const unsigned = { nodeId: this.nodeId, entries };
    const signature = this.#sign(peersSignedPart(unsigned));
    return answer(encodePeers({ ...unsigned, signature }));
  }

  /** True when taken, false when refused in silence. */
  #update(payload: Uint8Array): boolean | Outcome {
    const { packet, signedPart } = decodeStatePacket(payload);
    const { nodeId, version, text } = packet;
    if (nodeId === this.nodeId) return refusal(406, "Origin and destination are the same");
    if (!this.#book.has(nodeId)) {
      this.ghosts.push({ nodeId, atMs: this.#world.clock.nowMs });
    } else if (!this.#verifies(nodeId, signedPart, packet.signature)) {
      return refusal(401, "Could not verify ECDSA signature");
    }
    const held = this.#states.get(nodeId);
    if (held !== undefined) {
      if (version < held.version) return false;
      if (text !== "{}" && text === held.text) return false;
    }
    this.#states.set(nodeId, { version, text, packet: payload.slice() });
    return true;
  }

  // ---- helpers --------------------------------------------------------------------------------

  #enter(nodeId: string, endpoint: Address): void {
    this.#book.set(nodeId, endpoint);
    if (this.#states.has(nodeId)) return;
    this.#states.set(nodeId, { version: 0, text: "{}", packet: new Uint8Array() });
  }

  #pin(nodeId: string, publicKey: Uint8Array): boolean {
    const pinned = this.#pins.get(nodeId);
    if (pinned === undefined) this.#pins.set(nodeId, publicKey.slice());
    return pinned === undefined || Buffer.compare(pinned, publicKey) === 0;
  }

  #hello(detectedAddress: string): Uint8Array {
    const { address, port, nodeId } = this;
    const { publicKey } = this.#keyPair;
    const unsigned = { version: PROTOCOL_VERSION, nodeId, address, port, publicKey };
    const signature = this.#sign(helloSignedPart(unsigned));
    return encodeHello({ ...unsigned, signature, detectedAddress });
  }

  #sign(message: Uint8Array): Uint8Array {
    const { engine, entropy, promises } = this.#world;
    promises.signed(this.nodeId, message);
    return engine.sign(this.#keyPair.privateKey, "python", message, entropy(32));
  }

  #verifies(nodeId: string, message: Uint8Array, signature: Uint8Array): boolean {
    const publicKey = this.#pins.get(nodeId);
    return (
      publicKey !== undefined && this.#world.engine.verify(publicKey, "python", message, signature)
    );
  }

  *#sleep(ms: number): Flow {
    yield* wait<void>((resume) =>
      this.#world.clock.in(ms, () => {
        if (this.running) resume();
      }),
    );
  }

  #spawn(flow: Flow<unknown>): void {
    run(
      flow,
      () => undefined,
      (error) => {
        throw error;
      },
    );
  }
}

function answer(payload: Uint8Array): Outcome {
  return { kind: "answer", payload };
}

/** It never hides a reason, but for what does not decrypt. */
function refusal(status: number, text: string): Outcome {
  return { kind: "refusal", status, text, authenticated: true };
}
