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
import { type Instant, NodeCore } from "../protocol/index.ts";
import type { Credentials } from "../storage/credential-store.ts";
import type { CachedPeer } from "../storage/peer-cache.ts";
import type { Address, CarrierListener } from "../transport/carrier.ts";
import { formatAddress } from "../wire/exchange.ts";
import type { AnyType } from "../wire/native-type.ts";
import { bindAddress, machineAddresses } from "./addresses.ts";
import { type DSNodeConfig, parseWhitelistEntry } from "./config.ts";
import { CoreLoop } from "./core-loop.ts";
import type { DSNodeParts } from "./ds-node-parts.ts";
import { Effects } from "./effects.ts";
import type { Emitter } from "./emitter.ts";
import type { DSNodeEvents } from "./events.ts";
import { replicaBytesMax } from "./memory.ts";
import { type PeerInfo, toPeerInfo } from "./peer-info.ts";
import { stoppedError } from "./stopped-error.ts";
import { Teller } from "./teller.ts";
import { afterAnyTime } from "./waiting.ts";

const debug = debuglog("dsn");

/** Longest time in milliseconds that `start()` waits for the first round of joining. */
const FIRST_ROUND_MS_MAX = 10_000;

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
  readonly #loop: CoreLoop;
  readonly #effects: Effects;
  #keyPair: KeyPair | undefined;
  #bound: Address | undefined;
  /** It was told to stop: the application asks nothing more of it. */
  #stopped = false;
  #stopping: Promise<void> | undefined;
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
    this.#loop = new CoreLoop({
      now: () => this.#now(),
      carryOut: (effect) => this.#effects.carryOut(effect),
      onRest: () => this.#teller.tellSoon(),
    });
    const { carrier, store, peers } = parts;
    this.#effects = new Effects({
      loop: this.#loop,
      carrier,
      store,
      peers,
      engine: this.#engine,
      teller: this.#teller,
      onLeft: () => this.#onLeft?.(),
    });
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
    const bind = bindAddress(this.config);
    const at = { address: bind, port: this.config.port };
    const bound = await carrier.listen(at, this.#listener());
    this.#checkNotStopped("start");
    this.#bound = bound;
    this.#effects.begin(credentials.keyPair.privateKey);
    const core = this.#createCore(credentials, cached?.peers, bound.port, machineAddresses(bind));
    this.#loop.begin(core);
    this.#identify(core, credentials.keyPair);
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
      if (state.size > 0) this.#loop.step({ kind: "write", changes: state });
      this.#loop.step({ kind: "start", bootstrap });
    });
    this.#checkNotStopped("start");
  }

  #listener(): CarrierListener<AnyType> {
    return {
      onRequest: (request, respond) => this.#effects.requested(request, respond),
      onConnectionLost: (to) => this.#loop.step({ kind: "connection-lost", to }),
      onSessionLost: (peer) => this.#loop.step({ kind: "session-lost", peer }),
      onStranger: (from) => this.#loop.step({ kind: "stranger", from }),
      onFault: (error) => this.#effects.fault(error),
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
      replicaBytesMax: replicaBytesMax(),
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
      keeps: (nodeId) => core.keepsSession(nodeId),
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
    this.#loop.end();
    this.#effects.stop();
    await this.#parts.carrier.close();
    await this.#parts.store.close();
    await this.#parts.peers?.close();
    this.#effects.failSends();
    this.#onFirstRound?.();
    this.events.emit("close", undefined);
  }

  /** Says goodbye, and sends the last writes before. Takes half a second at most. */
  #leave(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#loop.core === undefined) {
        resolve();
        return;
      }
      this.#onLeft = resolve;
      this.#loop.step({ kind: "leave" });
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

  // ---- what the core offers -------------------------------------------------------------------

  /** The core, for reading. @throws {DsnError} `DSN_STOPPED` before the start. */
  get core(): NodeCore {
    const { core } = this.#loop;
    if (core === undefined) throw stoppedError("use this node before it has started");
    return core;
  }

  /**
   * Writes to its own state; `undefined` deletes a key. Keys and values have been checked.
   *
   * @throws {DsnError} `DSN_STATE_TOO_LARGE`, `DSN_STOPPED`; the state is then as it was.
   */
  write(changes: ReadonlyMap<string, string | undefined>): void {
    this.#checkRunning("write");
    this.#loop.step({ kind: "write", changes });
  }

  #checkRunning(what: string): void {
    if (this.#loop.core === undefined) throw stoppedError(what);
    this.#checkNotStopped(what);
  }

  #checkNotStopped(what: string): void {
    if (this.#stopped) throw stoppedError(what);
  }

  /** Sends bytes to one node; see `DSNodeServer.sendToNode`. */
  send(to: string, data: Uint8Array, timeoutMs: number | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#checkRunning("send");
      this.#effects.send(to, data, timeoutMs, (error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
    });
  }

  /** See `DSNodeServer.forgetIdentity`. @throws {DsnError} `DSN_STOPPED`. */
  forgetIdentity(nodeId: string): void {
    this.#checkRunning("forget an identity");
    this.#loop.step({ kind: "forget", nodeId });
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

  /** A timer, however long. @returns The undo. */
  after(ms: number, run: () => void): () => void {
    return afterAnyTime(ms, run);
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
}
