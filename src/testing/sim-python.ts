/**
 * A simulated peer that behaves as the Python implementation does, its weaknesses included.
 *
 * One thread does all the ticking, one failed PING drops a peer, bootstrap is tried once, and
 * versions are the bare clock. What it believes is in `python-answers.ts` and `python-tables.ts`.
 *
 * Source: `dsnode.py` as observed; `docs/protocol.md`.
 * @module
 */
import type { KeyPair } from "../crypto/identity.ts";
import type { SignatureEngine } from "../crypto/signatures.ts";
import { type Flow, run, wait } from "../protocol/flow.ts";
import type { Address, Outcome, Reply } from "../wire/exchange.ts";
import { decodeHello } from "../wire/hello.ts";
import { MessageType, PROTOCOL_VERSION } from "../wire/message-type.ts";
import { decodePeers } from "../wire/peers.ts";
import { PING_REQUEST } from "../wire/ping.ts";
import { decodeEntries, encodeEntries } from "../wire/python-json.ts";
import type { Promises } from "./promises.ts";
import { PythonAnswers } from "./python-answers.ts";
import { PythonTables } from "./python-tables.ts";
import { PythonWords } from "./python-words.ts";
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
  readonly #tables: PythonTables;
  readonly #words: PythonWords;
  readonly #answers: PythonAnswers;
  readonly #entries = new Map<string, string>();
  #writing: (() => Flow)[] = [];
  #writerRuns = false;

  /** `Simulation.addPython()` makes one. */
  constructor(world: PythonWorld, name: string, options: PythonOptions, keyPair: KeyPair) {
    this.#world = world;
    this.name = name;
    this.nodeId = name;
    this.address = world.addressOf(name);
    this.keyId = options.key;
    const endpoint = { address: this.address, port: this.port };
    this.#tables = new PythonTables(world.engine);
    this.#tables.book.set(name, endpoint);
    this.#words = new PythonWords(world, name, endpoint, keyPair);
    this.#answers = new PythonAnswers({
      nodeId: name,
      tables: this.#tables,
      words: this.#words,
      onGhost: (nodeId) => this.ghosts.push({ nodeId, atMs: world.clock.nowMs }),
    });
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
    const state = this.#tables.states.get(nodeId);
    return state === undefined ? undefined : decodeEntries(state.text);
  }

  /** `peers()` without itself. */
  present(): string[] {
    return [...this.#tables.states.keys()].filter((nodeId) => nodeId !== this.nodeId);
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
    const packet = this.#ownState();
    for (const nodeId of this.present()) {
      // The answer is ignored, and so are errors.
      yield* this.#sendTo(nodeId, MessageType.UPDATE, packet);
    }
  }

  /** As of now, signed. */
  #ownState(): Uint8Array {
    const version = this.unixSeconds;
    const text = encodeEntries(this.#entries);
    const packet = this.#words.state(version, text);
    this.#tables.states.set(this.nodeId, { version, text, packet });
    return packet;
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
        this.#tables.drop(nodeId);
        this.disconnects.push({ nodeId, atMs: this.#world.clock.nowMs });
      }
      const others = [...this.#tables.book.keys()].filter((nodeId) => nodeId !== this.nodeId);
      const chosen = others[Math.floor(this.#world.random() * others.length)];
      if (chosen === undefined) continue;
      yield* this.#exchange(chosen);
      yield* this.#discover(chosen);
    }
  }

  /** HELLO. The id comes from the answer; the endpoint is the one that was dialled. */
  *#greet(endpoint: Address): Flow<string | undefined> {
    const reply = yield* this.#send(endpoint, MessageType.HELLO, this.#words.hello(""));
    if (reply === undefined) return undefined;
    const { hello } = decodeHello(reply);
    if (hello.version !== PROTOCOL_VERSION) return undefined;
    if (!this.#tables.pin(hello.nodeId, hello.publicKey)) return undefined;
    this.#tables.enter(hello.nodeId, endpoint);
    return hello.nodeId;
  }

  *#exchange(nodeId: string): Flow {
    const own = this.#tables.states.get(this.nodeId);
    if (own === undefined) return;
    const answer = yield* this.#sendTo(nodeId, MessageType.UPDATE, own.packet);
    if (answer !== undefined && answer.length > 0) this.#answers.update(answer);
  }

  *#discover(nodeId: string): Flow {
    const answer = yield* this.#sendTo(nodeId, MessageType.PEERS, this.#words.peers([]));
    if (answer === undefined) return;
    const { packet, signedPart } = decodePeers(answer);
    if (!this.#tables.verifies(packet.nodeId, signedPart, packet.signature)) return;
    for (const { nodeId: named, address, port } of packet.entries) {
      if (this.#tables.book.has(named)) continue;
      const found = yield* this.#greet({ address, port });
      if (found !== undefined) yield* this.#exchange(found);
    }
  }

  /** The payload of the answer, or undefined for whatever the reference raises. */
  *#sendTo(nodeId: string, type: MessageType, payload: Uint8Array): Flow<Uint8Array | undefined> {
    const endpoint = this.#tables.book.get(nodeId);
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
    if (this.running) respond(this.#answers.answer(request));
  }

  stranger(): void {
    // It answers 401 and keeps no record.
  }

  // ---- flows ----------------------------------------------------------------------------------

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
