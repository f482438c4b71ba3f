/**
 * The protocol as a pure state machine: `step(input, now) → effects`.
 *
 * No sockets, timers, clock, randomness or files. `node/` feeds it what happened and carries out
 * what it asks for; the simulator in `testing/` does the same on a virtual clock and network.
 * @module
 */

import { DsnError } from "../errors.ts";
import type { Outcome, ProvenPeer } from "../wire/exchange.ts";
import { MessageType } from "../wire/message-type.ts";
import { isNativeType, type NativeType } from "../wire/native-type.ts";
import { Alerts } from "./alerts.ts";
import { Directory } from "./directory.ts";
import { type Entries, isEmptyChange } from "./entries.ts";
import { type Flow, run } from "./flow.ts";
import { Goodbye } from "./goodbye.ts";
import { Greeting } from "./greeting.ts";
import type { Effect, Input, Instant } from "./input.ts";
import { Isolation } from "./isolation.ts";
import { Joining } from "./joining.ts";
import { Kernel } from "./kernel.ts";
import { Liveness } from "./liveness.ts";
import { Looks } from "./looks.ts";
import { isPresent, type Member } from "./member.ts";
import { Members } from "./members.ts";
import { Messaging } from "./messaging.ts";
import { NativeReplication } from "./native-replication.ts";
import { NativeServing, type Served } from "./native-serving.ts";
import { Overlay } from "./overlay.ts";
import { OwnSightings } from "./own-sightings.ts";
import { OwnState } from "./own-state.ts";
import { PeerLists } from "./peer-lists.ts";
import { PeerMemory, type RememberedPeer } from "./peer-memory.ts";
import * as refusals from "./refusal.ts";
import { Refusal } from "./refusal.ts";
import { Relays } from "./relays.ts";
import { Replication } from "./replication.ts";
import { Self } from "./self.ts";
import { Senders } from "./senders.ts";
import { DEFAULT_SETTINGS, LIMITS, type Settings } from "./settings.ts";
import { Trust, type WhitelistEntry } from "./trust.ts";

/** What a core is made with: who it is, what it knew before, and where its chance comes from. */
export interface CoreOptions {
  /** Its own id. */
  readonly nodeId: string;
  /** Raw x‖y, 64 bytes. */
  readonly publicKey: Uint8Array;
  /** The port that peers call. */
  readonly port: number;
  /** The address that peers shall use, if the operator says so. */
  readonly networkIp?: string | undefined;
  /** Addresses of this machine, best first. */
  readonly candidates?: readonly string[];
  /** What native peers may use with this node, such as `udp`. */
  readonly features?: readonly string[];
  /** Keys proven in earlier lives. */
  readonly pins?: ReadonlyMap<string, Uint8Array>;
  /** Of those, nodes that use sessions: they are not taken back without. */
  readonly natives?: Iterable<string>;
  /** The only nodes let in; empty for everybody. */
  readonly whitelist?: readonly WhitelistEntry[];
  /** Versions up to this one may have been shown in an earlier life; Unix seconds. */
  readonly mark?: number | undefined;
  /** What the last effect `remember` of an earlier life held. @default none */
  readonly remembered?: readonly RememberedPeer[] | undefined;
  /** First digits of a hash of the network key, for messages; undefined without a key. */
  readonly keyId?: string | undefined;
  /** Times that are not as in {@link DEFAULT_SETTINGS}. */
  readonly settings?: Partial<Settings>;
  /** Most bytes that all copies together may take. @default `LIMITS.replicaBytesMax` */
  readonly replicaBytesMax?: number;
  /** Uniform in [0, 1), as `Math.random`. */
  readonly random: () => number;
  /** Unpredictable bytes. */
  readonly entropy: (length: number) => Uint8Array;
}

/** The mark on disk runs ahead of the versions, so that it is written once a second at most. */
const MARK_AHEAD_SECONDS = 2;
const MARK_RENEW_SECONDS = 1;

/**
 * One node's protocol, without sockets, timers, clock, chance or files.
 *
 * Feed it what happens with {@link step}, carry out the effects in order, and step `wake` at
 * {@link wakeAt}. Nothing else makes it do anything.
 *
 * @example
 * for (const effect of core.step({ kind: "start", bootstrap: [] }, now)) carryOut(effect);
 */
export class NodeCore {
  /** Its own id. */
  readonly nodeId: string;
  /** What it says of itself, and what peers have seen of it. */
  readonly self: Self;
  readonly #kernel: Kernel;
  readonly #own: OwnState;
  readonly #members: Members;
  readonly #alerts: Alerts;
  readonly #trust: Trust;
  readonly #greeting: Greeting;
  readonly #replication: Replication;
  readonly #peerLists: PeerLists;
  readonly #joining: Joining;
  readonly #liveness: Liveness;
  readonly #messaging: Messaging;
  readonly #relays: Relays;
  readonly #goodbye: Goodbye;
  readonly #serving: NativeServing;
  readonly #memory: PeerMemory;
  readonly #isolation: Isolation;
  readonly #keyId: string | undefined;
  #mark: number;
  #flushSoon = false;
  #isLeaving = false;

  /** Makes a core that has not begun: its first input is `start`. */
  constructor(options: CoreOptions) {
    const { nodeId, publicKey, keyId } = options;
    const settings = { ...DEFAULT_SETTINGS, ...options.settings };
    const kernel = new Kernel({ settings, random: options.random, entropy: options.entropy });
    const me = { nodeId, keyId };
    this.nodeId = nodeId;
    this.#keyId = keyId;
    this.#kernel = kernel;
    this.#mark = options.mark ?? 0;
    this.#own = new OwnState(this.#mark);
    this.self = new Self(
      kernel,
      {
        nodeId,
        publicKey,
        port: options.port,
        candidates: options.candidates ?? [],
        networkIp: options.networkIp,
        features: options.features ?? [],
      },
      this.#mark,
    );
    this.#members = new Members(kernel);
    this.#isolation = new Isolation(kernel, this.#members);
    this.#memory = new PeerMemory(kernel, this.#members, nodeId, options.remembered ?? []);
    this.#alerts = new Alerts(kernel);
    this.#trust = new Trust(
      kernel,
      nodeId,
      options.pins ?? new Map(),
      options.whitelist ?? [],
      options.natives,
    );
    const overlay = new Overlay({
      kernel,
      members: this.#members,
      nodeId,
      onLink: (member) => this.#joining.link(member),
      onFull: () => this.#joining.linkAll(),
    });
    const senders = new Senders(kernel, nodeId, this.#members, this.#trust);
    this.#greeting = new Greeting(
      kernel,
      this.self,
      this.#members,
      this.#trust,
      this.#alerts,
      keyId,
    );
    const replicaBytesMax = options.replicaBytesMax ?? LIMITS.replicaBytesMax;
    const sightings = new OwnSightings(kernel, this.#own, this.#alerts, nodeId);
    const native = new NativeReplication(
      {
        kernel,
        own: this.#own,
        members: this.#members,
        alerts: this.#alerts,
        sightings,
        me: { nodeId, publicKey },
        overlay,
        relays: !this.#trust.isClosed,
        replicaBytesMax,
      },
      {
        onForgotten: (member) => this.#joining.forgotten(member),
        onSilent: (member) => this.#liveness.probe(member),
        onNewerShown: (member) => this.#joining.visit(member),
        takePacket: (member, packet) => this.#replication.takePacket(member, packet),
        onLeap: () => this.#replication.pushAll(),
        onProven: (owner) => this.#relays.proven(owner),
        onAbsentOwner: (owner) => looks.at(owner),
        meetThrough: (member, nodeIds) => directory.meetThrough(member, nodeIds),
      },
    );
    this.#replication = new Replication(
      kernel,
      this.#own,
      this.#members,
      senders,
      this.#alerts,
      sightings,
      native,
      { nodeId, publicKey, replicaBytesMax },
      {
        onForgotten: (member) => this.#joining.forgotten(member),
        onMayNotListUs: (member) => this.#joining.visit(member),
        onSilent: (member) => this.#liveness.probe(member),
        onAbsentOwner: (member) => this.#joining.pursue(member),
      },
    );
    this.#peerLists = new PeerLists(
      kernel,
      this.self,
      this.#members,
      this.#trust,
      senders,
      this.#alerts,
    );
    this.#members.onNews = (member) => native.news.arrived(member);
    const looks = new Looks({
      kernel,
      members: this.#members,
      greeting: this.#greeting,
      overlay,
      onBack: (member) => this.#joining.meet(member),
      onDoubted: (member) => this.#liveness.probe(member),
    });
    this.#greeting.onContested = (member) => looks.at(member);
    const directory = new Directory({
      kernel,
      members: this.#members,
      greeting: this.#greeting,
      trust: this.#trust,
      overlay,
      onGone: (member) => looks.at(member),
      onNamed: (named, namer) => this.#joining.named(named, namer),
      me: this.self,
    });
    this.#relays = new Relays({
      kernel,
      members: this.#members,
      greeting: this.#greeting,
      items: native.items,
      overlay,
      nodeId,
      isClosed: () => this.#trust.isClosed,
    });
    this.#joining = new Joining({
      kernel,
      self: this.self,
      members: this.#members,
      alerts: this.#alerts,
      greeting: this.#greeting,
      replication: this.#replication,
      peerLists: this.#peerLists,
      directory,
      relays: this.#relays,
      overlay,
      trust: this.#trust,
      keyId,
    });
    this.#liveness = new Liveness(
      kernel,
      this.#members,
      this.#joining,
      this.#replication,
      this.#relays,
      overlay,
      looks,
      me,
      this.self.features,
    );
    this.#messaging = new Messaging(kernel, me, this.#members, senders, this.#greeting, (member) =>
      this.#liveness.probe(member),
    );
    this.#goodbye = new Goodbye({
      kernel,
      self: this.self,
      members: this.#members,
      relays: this.#relays,
      overlay,
      onLeft: (member) => this.#joining.awaitReturn(member),
    });
    this.#serving = new NativeServing({
      kernel,
      nodeId,
      members: this.#members,
      trust: this.#trust,
      replication: native,
      directory,
      relays: this.#relays,
      messaging: this.#messaging,
      goodbye: this.#goodbye,
      onOtherProcess: (member) =>
        isPresent(member) ? this.#joining.visit(member) : this.#joining.pursue(member),
      onSuspects: (nodeIds, from) => this.#liveness.hearSuspects(nodeIds, from),
      onAbsentPeer: (member) => this.#joining.pursue(member),
    });
  }

  // ---- reading --------------------------------------------------------------------------------

  /** Entries of a present node, our own included; undefined for any other. */
  entriesOf(nodeId: string): Entries | undefined {
    if (nodeId === this.nodeId) return this.#own.entries;
    const member = this.#members.get(nodeId);
    if (member === undefined || !isPresent(member)) return undefined;
    return member.replica?.entries ?? NO_ENTRIES;
  }

  /** All members, present or not. */
  members(): readonly Member[] {
    return this.#members.all();
  }

  /** Ids of the other nodes that are there. */
  presentIds(): string[] {
    return this.#members.present().map(({ nodeId }) => nodeId);
  }

  /** One other node, present or not; undefined if it is not known. */
  member(nodeId: string): Member | undefined {
    return this.#members.get(nodeId);
  }

  /** Unix seconds of the newest version of our own state; 0 before the first. */
  get version(): number {
    return this.#own.version;
  }

  /** Length of our own state in bytes, as canonical JSON. */
  get stateBytes(): number {
    return this.#own.bytes;
  }

  /**
   * Whether a node that has proved to hold this key may have a session with us; undefined for yes,
   * else how it is refused.
   */
  refusalOf({
    nodeId,
    publicKey,
  }: Pick<ProvenPeer, "nodeId" | "publicKey">):
    | { readonly status: number; readonly text: string }
    | undefined {
    if (nodeId === this.nodeId) return refusals.ownId(true);
    if (!this.#trust.admits(nodeId, publicKey)) return refusals.notWhitelisted(nodeId, this.nodeId);
    return this.#trust.accepts(nodeId, publicKey) ? undefined : refusals.keyChanged(nodeId);
  }

  /** When `wake` is due, in monotonic milliseconds; undefined for not at all. */
  get wakeAt(): number | undefined {
    return this.#kernel.wakeAt;
  }

  /** Replies and signatures waited for, and timers set: small at rest, whatever happened before. */
  get pending(): Kernel["pending"] {
    return this.#kernel.pending;
  }

  // ---- stepping -------------------------------------------------------------------------------

  /**
   * Takes in what happened, returns what to do about it.
   *
   * @throws {DsnError} only for the input `write`, which then changed nothing.
   */
  step(input: Input, now: Instant): Effect[] {
    this.#kernel.now = now;
    this.#liveness.noticeSuspension();
    this.#take(input);
    // A write may be one of many in this turn, which make one version: what is due can wait.
    if (input.kind !== "write") this.#kernel.fireTimers();
    this.#isolation.look();
    this.#keepMark();
    return this.#kernel.takeEffects();
  }

  #take(input: Input): void {
    switch (input.kind) {
      case "start":
        this.#start(input);
        break;
      case "write":
        this.#write(input.changes);
        break;
      case "flush":
        this.#flushSoon = false;
        this.#replication.flush();
        break;
      case "wake":
        break;
      case "request":
        this.#answer(input);
        break;
      case "reply":
        this.#kernel.replied(input.exchange, input.reply);
        break;
      case "signed":
        this.#kernel.finished(input.operation, input.signature);
        break;
      case "verified":
        this.#kernel.finished(input.operation, input.valid);
        break;
      case "connection-lost":
        this.#liveness.suspectAt(input.to);
        break;
      case "session-lost":
        this.#sessionLost(input.peer);
        break;
      case "stranger":
        this.#alerts.raise(this.#stranger(input.from), input.from);
        break;
      case "send":
        this.#messaging.send(input.operation, input.to, input.data, input.timeoutMs);
        break;
      case "forget":
        this.#forget(input.nodeId);
        break;
      case "leave":
        this.#leave();
        break;
    }
  }

  #start(input: Extract<Input, { kind: "start" }>): void {
    this.self.start();
    for (const nodeId of this.#trust.unclaimed()) this.#alerts.raise(unclaimed(nodeId), nodeId);
    this.#replication.flush();
    this.#liveness.start();
    this.#memory.start();
    const { remembered } = this.#memory;
    this.#isolation.start(input.bootstrap.length + remembered.length > 0);
    this.#joining.start(input.bootstrap, remembered);
  }

  #write(changes: ReadonlyMap<string, string | undefined>): void {
    const change = this.#own.write(changes);
    if (isEmptyChange(change)) return;
    const version = this.#own.version;
    this.#kernel.event({ name: "state:update", owner: this.nodeId, change, version, local: true });
    if (this.#flushSoon) return;
    this.#flushSoon = true;
    this.#kernel.emit({ kind: "flush-soon" });
  }

  #forget(nodeId: string): void {
    this.#trust.forget(nodeId);
    const member = this.#members.get(nodeId);
    if (member !== undefined) this.#members.remove(member);
    this.#memory.forget(nodeId);
    this.#kernel.emit({ kind: "end-session", nodeId });
    this.#alerts.clear(nodeId, "DSN_PEER_IDENTITY_CHANGED", "DSN_NATIVE_DOWNGRADE");
  }

  #leave(): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#liveness.stop();
    this.#memory.leave();
    this.#isolation.stop();
    this.#replication.flush();
    this.#kernel.spawn(this.#sayGoodbye());
  }

  *#sayGoodbye(): Flow {
    yield* this.#goodbye.say();
    this.#kernel.emit({ kind: "left" });
  }

  #sessionLost({ nodeId, incarnation }: ProvenPeer): void {
    const member = this.#members.get(nodeId);
    if (member?.native?.incarnation === incarnation) this.#liveness.sessionLost(member);
  }

  // ---- answering ------------------------------------------------------------------------------

  #answer(input: Extract<Input, { kind: "request" }>): void {
    const respond = (outcome: Outcome) =>
      this.#kernel.emit({ kind: "respond", exchange: input.exchange, outcome });
    const failed = (error: unknown) => {
      if (error instanceof Refusal) {
        respond(error.outcome);
        return;
      }
      respond({ kind: "refusal", status: 500, text: "", authenticated: false });
      this.#kernel.emit({ kind: "fault", error });
    };
    const { type, payload, peer } = input;
    if (isNativeType(type)) this.#answerNative(type, payload, peer, respond, failed);
    else run(this.#answerFlow(type, input, respond), () => undefined, failed);
  }

  #answerNative(
    type: NativeType,
    payload: Uint8Array,
    peer: ProvenPeer | undefined,
    respond: (outcome: Outcome) => void,
    failed: (error: unknown) => void,
  ): void {
    const done = (served: Served) => {
      respond({ kind: "answer", payload: served.payload });
      served.afterwards?.();
    };
    try {
      if (peer === undefined) throw refusals.malformed();
      const served = this.#serving.answer(type, payload, peer);
      if ("payload" in served) done(served);
      else run(served, done, failed);
    } catch (error) {
      failed(error);
    }
  }

  *#answerFlow(
    type: MessageType,
    { payload, from }: Extract<Input, { kind: "request" }>,
    respond: (outcome: Outcome) => void,
  ): Flow {
    const answer = (bytes: Uint8Array) => respond({ kind: "answer", payload: bytes });
    switch (type) {
      case MessageType.PING:
        answer(new Uint8Array());
        this.#liveness.pingedFrom(from);
        break;
      case MessageType.HELLO: {
        const answered = yield* this.#greeting.answer(payload, from);
        answer(answered.payload);
        this.#joining.greetedBy(answered.greeted, answered.endpoint);
        break;
      }
      case MessageType.UPDATE:
        answer(yield* this.#replication.answer(payload));
        break;
      case MessageType.PEERS:
        answer(yield* this.#peerLists.answer(payload));
        break;
      case MessageType.DATA: {
        const answered = yield* this.#messaging.answer(payload);
        answer(answered.payload);
        answered.deliver();
        break;
      }
    }
  }

  // ---- small things ---------------------------------------------------------------------------

  /** Versions up to the mark may have been shown: after a restart they are stepped over. */
  #keepMark(): void {
    const { version } = this.#own;
    if (version + MARK_RENEW_SECONDS < this.#mark) return;
    this.#mark = version + MARK_AHEAD_SECONDS;
    this.#kernel.emit({ kind: "mark", version: this.#mark });
  }

  #stranger(from: string): DsnError {
    return new DsnError("DSN_KEY_STRANGER", `${from} calls this node without its network key`, {
      why: `what it sends does not open with our key${this.#keyId === undefined ? "" : ` ${this.#keyId}`}`,
      fix: ["compare key ids on both machines", "or keep that machine from calling this port"],
      endpoint: from,
    });
  }
}

const NO_ENTRIES: Entries = new Map();

function unclaimed(nodeId: string): DsnError {
  return new DsnError(
    "DSN_WHITELIST_UNPINNED",
    `The whitelist lets in "${nodeId}", whoever claims that name first`,
    {
      why: "it names no fingerprint, and no key of that node is known yet",
      fix: [`write "${nodeId}=SHA256:…" with the fingerprint that the node shows at its start`],
      nodeId,
    },
  );
}
