/**
 * Runs a core on real sockets, a real disk and a real clock.
 *
 * It carries out the core's effects in order and feeds back what happens. Application code is
 * called after a step has ended, never inside one.
 * @module
 */
import { randomBytes } from "node:crypto";
import { debuglog } from "node:util";
import { fingerprint, type KeyPair } from "../crypto/identity.ts";
import { networkKeyId, parseNetworkKey } from "../crypto/network-key.ts";
import { createRandomPool } from "../crypto/random-pool.ts";
import { loadSignatureEngine, type SignatureEngine } from "../crypto/signatures.ts";
import { DsnError } from "../errors.ts";
import {
  type Effect,
  type Input,
  type Instant,
  NodeCore,
  type Settings,
} from "../protocol/index.ts";
import type { CredentialStore, Credentials } from "../storage/credential-store.ts";
import type { CachedPeer, PeerCache } from "../storage/peer-cache.ts";
import type {
  Address,
  Carrier,
  CarrierListener,
  InboundRequest,
  Outcome,
} from "../transport/carrier.ts";
import { formatAddress } from "../wire/exchange.ts";
import type { AnyType } from "../wire/native-type.ts";
import { machineAddresses } from "./addresses.ts";
import { type DSNodeConfig, parseWhitelistEntry } from "./config.ts";
import { Crypto } from "./crypto-work.ts";
import type { Emitter } from "./emitter.ts";
import type { DSNodeEvents } from "./events.ts";
import { type PeerInfo, toPeerInfo } from "./peer-info.ts";
import { Teller } from "./teller.ts";

const debug = debuglog("dsn");

/** What a node is built from besides its configuration. Tests swap these. */
export interface DSNodeParts {
  /** What brings messages to peers and back. */
  readonly carrier: Carrier<AnyType>;
  /** What keeps the identity and the keys of peers. */
  readonly store: CredentialStore;
  /** What keeps peers from one run to the next. @default a file beside the keys, if they are files */
  readonly peers?: PeerCache | undefined;
  /** What signs and verifies. @default the fastest that this machine has */
  readonly engine?: SignatureEngine | undefined;
  /** Times of the protocol that are not as usual. */
  readonly settings?: Partial<Settings> | undefined;
  /** What native peers may use with this node, such as `udp`: told in its signed HELLO. */
  readonly features?: readonly string[] | undefined;
  /** The wall clock, in Unix seconds with fractions; versions are made from it. */
  readonly unixSeconds?: (() => number) | undefined;
}

/** Longest time in milliseconds that `start()` waits for the first round of joining. */
const FIRST_ROUND_MS_MAX = 10_000;

type RequestEffect = Extract<Effect, { kind: "request" }>;

/**
 * The node behind a {@link DSNodeServer}: its life, its effects and its events. For diagnosis and
 * for those who embed a node in parts of their own; it offers no more than the server does.
 */
export class DSNode {
  /** What it was made with. */
  readonly config: DSNodeConfig;
  /** What it tells; `DSNodeServer.on()` listens here. */
  readonly events: Emitter<DSNodeEvents>;
  readonly #teller: Teller;
  readonly #parts: DSNodeParts;
  readonly #engine: SignatureEngine;
  readonly #unixSeconds: () => number;
  #core: NodeCore | undefined;
  #keyPair: KeyPair | undefined;
  #crypto: Crypto | undefined;
  #bound: Address | undefined;
  /** It was told to stop: the application asks nothing more of it. */
  #stopped = false;
  /** It has said goodbye: nothing is taken in any more. */
  #ended = false;
  #stopping: Promise<void> | undefined;
  #stepping = false;
  readonly #inputs: Input[] = [];
  #timer: NodeJS.Timeout | undefined;
  #timerAtMs: number | undefined;
  #flushedInTurn = false;
  #flushAgain = false;
  #lastExchange = 0;
  readonly #responders = new Map<number, (outcome: Outcome) => void>();
  readonly #sends = new Map<number, (error: DsnError | undefined) => void>();
  #onFirstRound: (() => void) | undefined;
  #onLeft: (() => void) | undefined;

  /** Prepares a node on these parts. {@link start} starts it. */
  constructor(config: DSNodeConfig, parts: DSNodeParts) {
    this.config = config;
    this.#parts = parts;
    this.#engine = parts.engine ?? loadSignatureEngine();
    this.#unixSeconds = parts.unixSeconds ?? (() => Date.now() / 1_000);
    this.#teller = new Teller(
      () => this.#now(),
      () => this.#onFirstRound?.(),
    );
    this.events = this.#teller.events;
  }

  // ---- life -----------------------------------------------------------------------------------

  /**
   * Loads the identity, binds the port and begins to join. Resolves after the first round of
   * bootstrap attempts, joined or not; joining goes on.
   *
   * @param state What it begins with: no peer sees the node without it.
   * @throws {DsnError} `DSN_PORT_IN_USE`, `DSN_CANNOT_LISTEN`, `DSN_IDENTITY_UNREADABLE`.
   *   `DSN_STOPPED` when it is stopped meanwhile. What it had opened, {@link stop} closes.
   */
  async start(state: ReadonlyMap<string, string> = new Map()): Promise<void> {
    this.#checkNotStopped("start");
    const { carrier, store, peers } = this.#parts;
    const credentials = await store.load();
    const cached = await peers?.load();
    this.#checkNotStopped("start");
    this.#keyPair = credentials.keyPair;
    const bind = this.#bindAddress();
    const at = { address: bind, port: this.config.port };
    const bound = await carrier.listen(at, this.#listener());
    this.#checkNotStopped("start");
    this.#bound = bound;
    this.#crypto = new Crypto(this.#engine, credentials.keyPair.privateKey, (inputs) => {
      this.#inputs.push(...inputs);
      this.#takeIn();
    });
    this.#core = this.#createCore(credentials, cached?.peers, bound.port, machineAddresses(bind));
    this.#identify(this.#core, credentials.keyPair);
    for (const { file, why } of credentials.skipped) debug("%s was left out: %s", file, why);
    if (cached?.problem !== undefined) this.warn(cached.problem);
    const bootstrap = this.config.bootstrapNodes.map(({ address, port }) => ({ address, port }));
    await new Promise<void>((resolve) => {
      // In a large network of slow nodes the first round may take long; the caller need not wait.
      const patience = setTimeout(resolve, FIRST_ROUND_MS_MAX);
      this.#onFirstRound = () => {
        clearTimeout(patience);
        resolve();
      };
      if (state.size > 0) this.#step({ kind: "write", changes: state });
      this.#step({ kind: "start", bootstrap });
    });
    this.#checkNotStopped("start");
  }

  #listener(): CarrierListener<AnyType> {
    return {
      onRequest: (request, respond) => this.#requested(request, respond),
      onConnectionLost: (to) => this.#step({ kind: "connection-lost", to }),
      onSessionLost: (peer) => this.#step({ kind: "session-lost", peer }),
      onStranger: (from) => this.#step({ kind: "stranger", from }),
      onFault: (error) => this.#fault(error),
    };
  }

  #createCore(
    credentials: Credentials,
    remembered: readonly CachedPeer[] | undefined,
    port: number,
    candidates: readonly string[],
  ): NodeCore {
    const { carrier, features, settings } = this.#parts;
    const { keyPair, pins, natives, mark } = credentials;
    return new NodeCore({
      nodeId: this.config.nodeId,
      publicKey: keyPair.publicKey,
      port,
      networkIp: this.config.networkIp,
      candidates,
      pins,
      natives,
      remembered,
      whitelist: this.config.whitelistNodeIds.flatMap((entry) => parseWhitelistEntry(entry) ?? []),
      mark,
      keyId: this.keyId,
      features: features ?? carrier.features ?? [],
      ...(settings === undefined ? {} : { settings }),
      random: Math.random,
      // Nonces and signatures ask for 16 or 32 bytes at a time.
      entropy: createRandomPool(randomBytes),
    });
  }

  /** Sessions begin when there is a core that can say who is let in. */
  #identify(core: NodeCore, { publicKey, privateKey }: KeyPair): void {
    const { carrier } = this.#parts;
    const engine = this.#engine;
    carrier.identify?.({
      nodeId: this.config.nodeId,
      publicKey,
      incarnation: Buffer.from(core.self.incarnation, "hex"),
      features: core.self.features,
      sign: (message) => engine.sign(privateKey, "native", message, randomBytes(32)),
      verify: (key, message, signature) => engine.verify(key, "native", message, signature),
      admit: (peer) => core.refusalOf(peer),
    });
  }

  /** Ends everything that the node began. Each call resolves when all of it has ended. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#stopped = true;
    await this.#leave();
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#crypto?.stop();
    await this.#parts.carrier.close();
    await this.#parts.store.close();
    await this.#parts.peers?.close();
    for (const settle of this.#sends.values()) settle(stoppedError("send"));
    this.#sends.clear();
    this.#onFirstRound?.();
    this.events.emit("close", undefined);
  }

  /** Says goodbye, and sends the last writes before. Takes half a second at most. */
  #leave(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#core === undefined) {
        resolve();
        return;
      }
      this.#onLeft = resolve;
      this.#step({ kind: "leave" });
    });
  }

  /** True from the moment that it is told to stop. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** First 8 hex digits of a hash of the network key: safe to show and compare. */
  get keyId(): string | undefined {
    const { aesKey } = this.config;
    return aesKey === undefined ? undefined : networkKeyId(parseNetworkKey(aesKey));
  }

  /** Of this node's identity, `SHA256:…`; undefined before the start. */
  get fingerprint(): string | undefined {
    return this.#keyPair === undefined ? undefined : fingerprint(this.#keyPair.publicKey);
  }

  /** Which library signs and verifies. */
  get signatures(): SignatureEngine["name"] {
    return this.#engine.name;
  }

  /** Where the node listens; undefined before the start. */
  get bound(): Address | undefined {
    return this.#bound;
  }

  #bindAddress(): string {
    const { bind, networkIp } = this.config;
    if (bind !== undefined) return bind;
    // Who says that peers call a loopback address does not want to be called from elsewhere.
    if (networkIp !== undefined && isLoopback(networkIp)) return networkIp;
    return "::";
  }

  // ---- what the core offers -------------------------------------------------------------------

  /** The core, for reading. @throws {DsnError} `DSN_STOPPED` before the start. */
  get core(): NodeCore {
    if (this.#core === undefined) throw stoppedError("use this node before it has started");
    return this.#core;
  }

  /**
   * Writes to its own state; `undefined` deletes a key. Keys and values have been checked.
   *
   * @throws {DsnError} `DSN_STATE_TOO_LARGE`, `DSN_STOPPED`; the state is then as it was.
   */
  write(changes: ReadonlyMap<string, string | undefined>): void {
    this.#checkRunning("write");
    this.#step({ kind: "write", changes });
  }

  #checkRunning(what: string): void {
    if (this.#core === undefined) throw stoppedError(what);
    this.#checkNotStopped(what);
  }

  #checkNotStopped(what: string): void {
    if (this.#stopped) throw stoppedError(what);
  }

  /** Sends bytes to one node; see `DSNodeServer.sendToNode`. */
  send(to: string, data: Uint8Array, timeoutMs: number | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#checkRunning("send");
      const operation = this.#nextExchange();
      this.#sends.set(operation, (error) => {
        this.#sends.delete(operation);
        if (error === undefined) resolve();
        else reject(error);
      });
      const limitMs = timeoutMs === 0 ? Number.POSITIVE_INFINITY : timeoutMs;
      this.#step({ kind: "send", operation, to, data, timeoutMs: limitMs });
    });
  }

  /** See `DSNodeServer.forgetIdentity`. @throws {DsnError} `DSN_STOPPED`. */
  forgetIdentity(nodeId: string): void {
    this.#checkRunning("forget an identity");
    this.#step({ kind: "forget", nodeId });
  }

  /** What is known of every other node. @throws {DsnError} `DSN_STOPPED` before the start. */
  peerInfo(): PeerInfo[] {
    const now = this.#now();
    return this.core.members().map((member) => toPeerInfo(member, now));
  }

  // ---- stepping -------------------------------------------------------------------------------

  #now(): Instant {
    return { monotonicMs: performance.now(), unixSeconds: this.#unixSeconds() };
  }

  #step(input: Input): void {
    this.#inputs.push(input);
    this.#takeIn();
  }

  /** Takes in what happened. What that brings about at once is taken in before this returns. */
  #takeIn(): void {
    const core = this.#core;
    if (core === undefined || this.#ended) {
      this.#inputs.length = 0;
      return;
    }
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      for (let input = this.#inputs.shift(); input !== undefined; input = this.#inputs.shift()) {
        this.#carryOutAll(core.step(input, this.#now()));
      }
    } finally {
      // A write that the core refuses throws to its caller, and changed nothing.
      this.#stepping = false;
    }
    this.#setTimer(core.wakeAt);
    this.#teller.tellSoon();
  }

  #carryOutAll(effects: readonly Effect[]): void {
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: Effect): void {
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
        this.#teller.after(() => respond(effect.outcome));
        break;
      }
      case "sign":
      case "verify":
        this.#crypto?.add(effect);
        break;
      case "pin":
        this.#stored(this.#parts.store.savePin(effect.nodeId, effect.publicKey));
        break;
      case "pin-native":
        this.#stored(this.#parts.store.saveNative(effect.nodeId));
        break;
      case "end-session":
        this.#parts.carrier.endSession?.(effect.nodeId);
        break;
      case "unpin":
        this.#stored(this.#parts.store.deletePin(effect.nodeId));
        break;
      case "mark":
        this.#stored(this.#parts.store.saveMark(effect.version));
        break;
      case "remember":
        if (this.#parts.peers !== undefined) this.#stored(this.#parts.peers.save(effect.peers));
        break;
      case "datagrams":
        this.#parts.carrier.speaksDatagrams?.(effect.to, effect.speaks, effect.sessions);
        break;
      case "flush-soon":
        this.#flushSoon();
        break;
      case "event":
        this.#teller.add(effect.event);
        break;
      case "settled":
        this.#sends.get(effect.operation)?.(effect.error);
        break;
      case "left":
        this.#onLeft?.();
        break;
      case "fault":
        this.#fault(effect.error);
        break;
    }
  }

  #request({ targets, type, head, payload, timeoutMs, answerBytesMax }: RequestEffect): void {
    this.#parts.carrier.broadcast(
      targets.map(({ to }) => to),
      { type, payload, head },
      { timeoutMs, answerBytesMax },
      (index, reply) => {
        const exchange = targets[index]?.exchange;
        if (exchange !== undefined) this.#step({ kind: "reply", exchange, reply });
      },
    );
  }

  #requested(
    { type, payload, from, peer }: InboundRequest<AnyType>,
    respond: (outcome: Outcome) => void,
  ): void {
    if (this.#core === undefined || this.#ended) {
      respond({ kind: "refusal", status: 500, text: "", authenticated: false });
      return;
    }
    const exchange = this.#nextExchange();
    this.#responders.set(exchange, respond);
    this.#step({ kind: "request", exchange, type, payload, from, peer });
  }

  /** At once after the code that runs now, but no more than once in a turn of the event loop. */
  #flushSoon(): void {
    if (this.#flushedInTurn) {
      this.#flushAgain = true;
      return;
    }
    this.#flushedInTurn = true;
    process.nextTick(() => this.#step({ kind: "flush" }));
    setImmediate(() => {
      this.#flushedInTurn = false;
      if (!this.#flushAgain) return;
      this.#flushAgain = false;
      this.#step({ kind: "flush" });
    });
  }

  #setTimer(atMs: number | undefined): void {
    if (atMs === this.#timerAtMs || this.#ended) return;
    clearTimeout(this.#timer);
    this.#timerAtMs = atMs;
    if (atMs === undefined) return;
    const delayMs = Math.max(0, Math.ceil(atMs - performance.now()));
    this.#timer = setTimeout(() => {
      this.#timerAtMs = undefined;
      this.#step({ kind: "wake" });
    }, delayMs);
  }

  #nextExchange(): number {
    this.#lastExchange += 1;
    return this.#lastExchange;
  }

  /** A timer. @returns The undo. */
  after(ms: number, run: () => void): () => void {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  }

  // ---- telling --------------------------------------------------------------------------------

  /**
   * For a listener: the function returned says whether the event that it is told came after this
   * call. What came before can be read already, and is told a moment later.
   */
  eventsFromNow(): () => boolean {
    return this.#teller.eventsFromNow();
  }

  /** Tells the application of something that is wrong while the node goes on. */
  warn(error: DsnError): void {
    this.#teller.warn(error, false);
  }

  /** Datagrams to a peer stopped passing although HTTP does, or pass again. */
  noteDatagrams(to: Address, pass: boolean): void {
    const where = formatAddress(to);
    const blocked = new DsnError("DSN_UDP_BLOCKED", `Datagrams to ${where} do not get through`, {
      why: "HTTP to the same address works, and is used instead",
      fix: [`let UDP ${to.port} through on the way`, "or turn datagrams off: udp: false"],
      endpoint: where,
    });
    this.#teller.warn(blocked, pass);
  }

  #stored(done: Promise<unknown>): void {
    done.catch((error: unknown) => {
      const problem =
        error instanceof DsnError
          ? error
          : new DsnError("DSN_IDENTITY_UNREADABLE", "Cannot write to the credentials folder", {
              cause: error,
            });
      this.#teller.warn(problem, false);
    });
  }

  #fault(error: unknown): void {
    debug("fault: %o", error);
    process.emitWarning(error instanceof Error ? error : new Error(String(error)));
  }
}

/** The error for what only a running node can do. @param what Ends the sentence "Cannot …". */
export function stoppedError(what: string): DsnError {
  return new DsnError("DSN_STOPPED", `Cannot ${what}: the node does not run`, {
    why: "it has been stopped, or has not started yet",
    fix: ["start a new one with DSNodeServer.start()"],
  });
}

function isLoopback(address: string): boolean {
  return address === "localhost" || address === "::1" || address.startsWith("127.");
}
