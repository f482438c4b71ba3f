/** The table of all other nodes, and the one place where their status changes. */
import type { DsnError } from "../errors.ts";
import { memoryOf } from "./copy-memory.ts";
import { Damping } from "./damping.ts";
import { compareEntries, isEmptyChange } from "./entries.ts";
import type { PeerStatus } from "./event.ts";
import type { Kernel } from "./kernel.ts";
import {
  createMember,
  isPresent,
  isUnanswered,
  isUnproven,
  type Member,
  provenVersion,
} from "./member.ts";
import { LIMITS } from "./settings.ts";
import { sameBytes } from "./trust.ts";

/** A node that did not prove to exist is not shown for so long because others say that it does. */
const UNPROVEN_MS = 60_000;
/** It is called meanwhile, later and later, and never while a call is under way: it may only have been slow. */
const CALLED_AGAIN = { firstMs: 3_000, growth: 4 } as const;

/** Of an id that others told us of in vain; monotonic ms. */
interface InVain {
  /** Until then it is not shown. */
  readonly untilMs: number;
  /** From then on it may be called. */
  callMs: number;
  pauseMs: number;
  readonly publicKey: Uint8Array;
  /** The newest version that its key was proved to have signed; 0 for none. */
  readonly version: number;
}

/** Of a full table, what nodes that never were there may take from those that were. */
const NEVER_THERE_SHARE = 1 / 4;

export class Members {
  readonly #kernel: Kernel;
  readonly #byId = new Map<string, Member>();
  /** By id. */
  readonly #unproven = new Map<string, InVain>();
  /** Changes whenever the list of present members does; signed lists are cached by it. */
  revision = 0;
  /** How many had never answered, when that was counted last. */
  #counted = { atMs: Number.NEGATIVE_INFINITY, size: 0, unanswered: 0 };
  /** Bytes that replicas may grow by at least. */
  #roomBytes = 0;
  /** How many are present. */
  presentCount = 0;
  /** Told of each that becomes present, and of each that is another process than before. */
  onNews: (member: Member) => void = () => undefined;
  /** Told of each that is forgotten. */
  onForgotten: (member: Member) => void = () => undefined;
  /** What is told of those that come and go. */
  readonly damping: Damping;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.damping = new Damping(kernel);
  }

  get(nodeId: string): Member | undefined {
    return this.#byId.get(nodeId);
  }

  /** All members, present or not, in the order they became known. */
  all(): readonly Member[] {
    return [...this.#byId.values()];
  }

  /** The same, without a copy: nobody may come or go meanwhile. */
  each(): Iterable<Member> {
    return this.#byId.values();
  }

  present(): readonly Member[] {
    return this.all().filter(isPresent);
  }

  /** Adds a member, or returns undefined when the table is full of nodes that matter more. */
  add(nodeId: string, publicKey: Uint8Array): Member | undefined {
    if (this.#byId.size >= LIMITS.membersMax && !this.#dropOldestAbsent()) return undefined;
    const member = createMember(nodeId, publicKey, this.#kernel.now.monotonicMs);
    this.#byId.set(nodeId, member);
    return member;
  }

  remove(member: Member): void {
    if (isPresent(member)) this.setStatus(member, "down", undefined);
    if (this.#byId.get(member.nodeId) !== member) return;
    this.#byId.delete(member.nodeId);
    this.onForgotten(member);
  }

  /**
   * Forgets a node that others have told us of and that never proved to exist. It is not shown
   * again for a while: else whoever makes it up again and again makes it come and go.
   */
  removeUnproven(member: Member): void {
    this.remove(member);
    const { nodeId } = member;
    this.#unproven.delete(nodeId);
    const { monotonicMs } = this.#kernel.now;
    this.#unproven.set(nodeId, {
      untilMs: monotonicMs + UNPROVEN_MS,
      callMs: monotonicMs + CALLED_AGAIN.firstMs,
      pauseMs: CALLED_AGAIN.firstMs,
      publicKey: member.publicKey,
      version: provenVersion(member),
    });
    const [oldest] = this.#unproven.keys();
    if (this.#unproven.size > LIMITS.membersMax && oldest !== undefined) {
      this.#unproven.delete(oldest);
    }
  }

  /** What was read of a node before it was forgotten: others may still show something older. */
  versionForgotten({ nodeId, publicKey }: Member): number {
    const inVain = this.#unproven.get(nodeId);
    if (inVain === undefined || !this.#wasInVain(nodeId)) return 0;
    return sameBytes(inVain.publicKey, publicKey) ? inVain.version : 0;
  }

  /** Whether a node may be shown although all that we know of it is what others say. */
  mayShow(nodeId: string): boolean {
    if (this.#wasInVain(nodeId)) return false;
    return this.all().filter(isUnproven).length < LIMITS.unprovenMax;
  }

  /** The same in a large network, where a node counts once it has answered a probe. */
  mayShowInLarge(nodeId: string): boolean {
    if (this.#wasInVain(nodeId)) return false;
    if (this.#byId.size < LIMITS.unprovenMax) return true;
    const unanswered = this.#unansweredCount();
    const answered = this.#byId.size - unanswered;
    return unanswered < Math.max(LIMITS.unprovenMax, LIMITS.unansweredForEach * answered);
  }

  /** Counted once for all that one message shows. */
  #unansweredCount(): number {
    const { monotonicMs } = this.#kernel.now;
    const { size } = this.#byId;
    if (this.#counted.atMs !== monotonicMs || this.#counted.size !== size) {
      const unanswered = this.all().filter(isUnanswered).length;
      this.#counted = { atMs: monotonicMs, size, unanswered };
    }
    return this.#counted.unanswered;
  }

  /** Whether it is worth asking for a node that we do not know: to show it, or to call it. */
  mayHearOf(nodeId: string): boolean {
    return this.mayShowInLarge(nodeId) || this.#isCallDue(nodeId);
  }

  /**
   * Whether a node that may not be shown is to be called now. It has a place in the table once it
   * answers.
   */
  takeCall(nodeId: string): boolean {
    const inVain = this.#unproven.get(nodeId);
    if (inVain === undefined || !this.#isCallDue(nodeId)) return false;
    inVain.pauseMs *= CALLED_AGAIN.growth;
    inVain.callMs = this.#kernel.now.monotonicMs + inVain.pauseMs;
    return true;
  }

  #isCallDue(nodeId: string): boolean {
    const callMs = this.#unproven.get(nodeId)?.callMs ?? Number.POSITIVE_INFINITY;
    return this.#wasInVain(nodeId) && callMs <= this.#kernel.now.monotonicMs;
  }

  #wasInVain(nodeId: string): boolean {
    const untilMs = this.#unproven.get(nodeId)?.untilMs ?? Number.NEGATIVE_INFINITY;
    return untilMs > this.#kernel.now.monotonicMs;
  }

  /** True while `member` is the record in use for its id. */
  has(member: Member): boolean {
    return this.#byId.get(member.nodeId) === member;
  }

  /** Bytes of memory that all replicas together take, about. */
  replicaBytes(): number {
    let bytes = 0;
    for (const { replica } of this.#byId.values()) bytes += memoryOf(replica);
    return bytes;
  }

  /**
   * Whether all replicas together may grow by so many bytes. Asked before each of them grows, so that
   * they are added up only when it may get tight.
   */
  hasRoomFor(growth: number, bytesMax: number): boolean {
    if (growth <= 0) return true;
    if (growth > this.#roomBytes) this.#roomBytes = bytesMax - this.replicaBytes();
    if (growth > this.#roomBytes) return false;
    this.#roomBytes -= growth;
    return true;
  }

  /**
   * Drops the unreached member that a source address brought longest ago, if it brought as many as
   * allowed: one machine may hold many honest nodes, and none is refused for its address.
   */
  makeRoomFor(source: string, joiningMax: number): void {
    const joining = this.all().filter(
      (member) => member.status === "joining" && !member.joinedBefore && member.source === source,
    );
    const oldest = joining.sort((a, b) => a.sinceMs - b.sinceMs)[0];
    if (joining.length >= joiningMax && oldest !== undefined) this.remove(oldest);
  }

  /** Changes a status and tells the application: once per change, never per attempt. */
  setStatus(member: Member, status: PeerStatus, reason: DsnError | undefined): void {
    const before = member.status;
    member.reason = reason;
    if (before === status) return;
    const wasPresent = isPresent(member);
    member.status = status;
    member.sinceMs = this.#kernel.now.monotonicMs;
    this.revision += 1;
    this.presentCount += Number(isPresent(member)) - Number(wasPresent);
    if (!wasPresent && isPresent(member)) {
      const rejoined = member.joinedBefore;
      member.joinedBefore = true;
      this.#kernel.event({ name: "peer:join", member, rejoined });
      this.#tellReplica(member);
      this.onNews(member);
    } else if (wasPresent && !isPresent(member)) {
      this.#kernel.event({ name: "peer:leave", member, reason });
    }
    const known = this.damping.changed(member, before);
    if (known !== undefined) this.#kernel.event({ name: "peer:status", member, before: known });
  }

  /** A state that came while its owner was not present shows when the owner is. */
  #tellReplica(member: Member): void {
    const { replica } = member;
    if (replica === undefined) return;
    const change = compareEntries(new Map(), replica.entries);
    if (isEmptyChange(change)) return;
    const version = replica.kind === "native" ? replica.shownVersion : replica.version;
    this.#kernel.event({
      name: "state:update",
      owner: member.nodeId,
      change,
      version,
      local: false,
    });
  }

  /**
   * Whoever invents one node after the other must not make us forget those that were there; and
   * those that are gone for good must not keep newcomers out.
   */
  #dropOldestAbsent(): boolean {
    const absent = this.all()
      .filter((member) => !isPresent(member))
      .sort((a, b) => a.sinceMs - b.sinceMs);
    const never = absent.filter(({ joinedBefore }) => !joinedBefore);
    const areMany = never.length > NEVER_THERE_SHARE * LIMITS.membersMax;
    const known = absent.find(({ joinedBefore }) => joinedBefore);
    const dropped = areMany ? never[0] : (known ?? never[0]);
    if (dropped === undefined) return false;
    this.#byId.delete(dropped.nodeId);
    this.onForgotten(dropped);
    return true;
  }
}
