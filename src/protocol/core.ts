/**
 * The protocol as a pure state machine: `step(input, now) → effects`.
 *
 * No sockets, timers, clock, randomness or files. `node/` feeds it what happened and carries out
 * what it asks for; the simulator in `testing/` does the same on a virtual clock and network.
 * @module
 */

import type { ProvenPeer } from "../wire/exchange.ts";
import type { Alerts } from "./alerts.ts";
import type { Answering } from "./answering.ts";
import type { CoreOptions } from "./core-options.ts";
import { CoreParts } from "./core-parts.ts";
import { type Entries, isEmptyChange } from "./entries.ts";
import type { Flow } from "./flow.ts";
import type { Goodbye } from "./goodbye.ts";
import { stranger, unclaimed } from "./identity-troubles.ts";
import type { Effect, Input, Instant } from "./input.ts";
import type { Isolation } from "./isolation.ts";
import type { Joining } from "./joining.ts";
import type { Kernel } from "./kernel.ts";
import type { Liveness } from "./liveness.ts";
import { isPresent, type Member } from "./member.ts";
import type { Members } from "./members.ts";
import type { Messaging } from "./messaging.ts";
import type { Overlay } from "./overlay.ts";
import type { OwnState } from "./own-state.ts";
import type { PeerMemory } from "./peer-memory.ts";
import * as refusals from "./refusal.ts";
import type { Replication } from "./replication.ts";
import type { Self } from "./self.ts";
import { sameBytes, type Trust } from "./trust.ts";

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
  readonly #answering: Answering;
  readonly #replication: Replication;
  readonly #joining: Joining;
  readonly #liveness: Liveness;
  readonly #messaging: Messaging;
  readonly #goodbye: Goodbye;
  readonly #memory: PeerMemory;
  readonly #isolation: Isolation;
  readonly #overlay: Overlay;
  readonly #keyId: string | undefined;
  #mark: number;
  #flushSoon = false;
  #isLeaving = false;

  /** Makes a core that has not begun: its first input is `start`. */
  constructor(options: CoreOptions) {
    const parts = new CoreParts(options);
    this.nodeId = options.nodeId;
    this.self = parts.self;
    this.#keyId = options.keyId;
    this.#mark = options.mark ?? 0;
    this.#kernel = parts.kernel;
    this.#own = parts.own;
    this.#members = parts.members;
    this.#alerts = parts.alerts;
    this.#trust = parts.trust;
    this.#answering = parts.answering;
    this.#replication = parts.replication;
    this.#joining = parts.joining;
    this.#liveness = parts.liveness;
    this.#messaging = parts.messaging;
    this.#goodbye = parts.goodbye;
    this.#memory = parts.memory;
    this.#isolation = parts.isolation;
    this.#overlay = parts.overlay;
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
    const known = this.#members.get(nodeId);
    // Not every proven key has a pin: there may have been no room for it.
    const isAnother = known?.provisional === false && !sameBytes(known.publicKey, publicKey);
    if (isAnother || !this.#trust.accepts(nodeId, publicKey)) return refusals.keyChanged(nodeId);
    return undefined;
  }

  /**
   * Whether a session with that node is wanted also while nothing is said on it: in a small network
   * with everybody who is there, in a large one with neighbours.
   */
  keepsSession(nodeId: string): boolean {
    const member = this.#members.get(nodeId);
    return member !== undefined && isPresent(member) && this.#overlay.reaches(member);
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
        this.#answering.answer(input);
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
        this.#alerts.raise(stranger(input.from, this.#keyId), input.from);
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
    const version = this.#own.nextVersion(this.#kernel.now.unixSeconds);
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

  /** Versions up to the mark may have been shown: after a restart they are stepped over. */
  #keepMark(): void {
    const { version } = this.#own;
    if (version + MARK_RENEW_SECONDS < this.#mark) return;
    this.#mark = version + MARK_AHEAD_SECONDS;
    this.#kernel.emit({ kind: "mark", version: this.#mark });
  }
}

const NO_ENTRIES: Entries = new Map();
