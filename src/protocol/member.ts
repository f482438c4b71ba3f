/** What a node knows about one other node. */
import type { DsnError } from "../errors.ts";
import { type Address, sameAddress, type Target } from "../wire/exchange.ts";
import type { HelloRole } from "../wire/hello-block.ts";
import type { Entries } from "./entries.ts";
import type { PeerStatus } from "./event.ts";
import type { ProvenEntry } from "./held-states.ts";
import type { NativeReplica } from "./native-replica.ts";
import { type Places, placesOf } from "./places.ts";
import { createPushState, createSyncState, type PushState, type SyncState } from "./push-state.ts";

/** Places where a member may be, tried when it is not reached. */
const CANDIDATES_MAX = 3;

/** Our copy of the state of one owner. */
export type Replica = PythonReplica | NativeReplica;

/** A state in the form of the Python wire: always one that the owner's key has signed. */
export interface PythonReplica {
  /** Which form the copy has. */
  readonly kind: "python";
  /** Unix seconds on the owner's clock. */
  readonly version: number;
  /** What the owner wrote. */
  readonly entries: Entries;
  /** Memory that it takes, about. */
  readonly bytes: number;
  /** The state packet as it came, so that it can be shown again with its signature. */
  readonly packet: Uint8Array;
  /** The canonical JSON inside the packet, as received. */
  readonly text: string;
}

/** What the signed HELLO block of a native node says. */
export interface NativeFacts {
  /** Random per process, as hex: a restart shows. */
  readonly incarnation: string;
  /** Strictly increasing per node, Unix seconds: the newest HELLO wins. */
  readonly issued: number;
  /** What it can do besides, such as `udp`. */
  readonly features: readonly string[];
  /** Both sides use sessions: all but HELLO goes over those. */
  readonly sessions: boolean;
  /** Where else it may be called. */
  readonly addresses: readonly Address[];
}

/** A HELLO as its node signed it, with its block: what we know the node by, and can show others. */
export interface SignedHello {
  /** As which it was signed: the HELLO that asks, or the one that answers. */
  readonly role: HelloRole;
  /** As it came. */
  readonly bytes: Uint8Array;
}

/** A process that another one of the same node has replaced. */
export interface FormerIncarnation {
  /** Random per process, as hex. */
  readonly incarnation: string;
  /** Monotonic ms at which another one proved itself. */
  readonly sinceMs: number;
}

/** One other node, as a core knows it. For reading: only the core may change it. */
export interface Member {
  /** Its id. */
  readonly nodeId: string;
  /** Raw x‖y, 64 bytes. */
  readonly publicKey: Uint8Array;
  /** Where it stands among all nodes. */
  readonly places: Places;
  /** Where we call it; undefined while it has told no usable port. */
  endpoint: Address | undefined;
  /**
   * Where else it may be, newest first: where HELLOs of it came from, where others say that it is,
   * where it was. Anybody can repeat a HELLO from anywhere, so they are only tried, one after the
   * other, when it is not reached.
   */
  candidates: readonly Address[];
  /** The IP address that it said HELLO from; undefined when we dialled it. */
  source: string | undefined;
  /** How it stands to us. */
  status: PeerStatus;
  /** Why it is refused or down. */
  reason: DsnError | undefined;
  /** Undefined for Python peers. */
  native: NativeFacts | undefined;
  /** Monotonic ms of the first word of the process that we know it by. */
  incarnationMs: number;
  /** The last incarnation that answered us itself. */
  provenIncarnation: string | undefined;
  /** Those that did before another, newest last: one that returns is a second live copy. */
  formerIncarnations: FormerIncarnation[];
  /** Monotonic ms of its last fresh, signed word to us. */
  heardMs: number;
  /** Monotonic ms of its last answer that can be no recording; only native peers give any. */
  provenMs: number;
  /** Monotonic ms of its last proof, even if the session that brought it was lost since. */
  vouchedMs: number;
  /** Monotonic ms of its last request on a session. */
  calledMs: number;
  /** Monotonic ms of its last sign of life on a session or by datagram. */
  answeredMs: number;
  /** Monotonic ms since which its program does nothing else, as its worker says; see `busy.ts`. */
  busySinceMs: number | undefined;
  /** Monotonic ms of the last time that somebody said that it is suspected, we among them. */
  rumouredMs: number;
  /** Monotonic ms since it has its status. */
  sinceMs: number;
  /** It was present before in this life of ours. */
  joinedBefore: boolean;
  /** It lists us (true), it does not (false), or we do not know yet. */
  seesUs: boolean | undefined;
  /** Milliseconds of the last probe or HELLO there and back. */
  rttMs: number | undefined;
  /** The shorter of the last two: how far away it is, whatever held up a single answer. */
  leastRttMs: number | undefined;
  /** Its clock minus ours, seconds; from the `Date` header, to about a second. */
  clockOffsetSeconds: number | undefined;
  /** Its `Server` header; an unauthenticated hint. */
  server: string | undefined;
  /** Our copy of its state; undefined before the first. */
  replica: Replica | undefined;
  /** The replica as digests last told it. */
  held: ProvenEntry | undefined;
  /** How far our own state got there, over the Python wire. */
  readonly push: PushState;
  /** How far our own state got there, over sessions. */
  readonly sync: SyncState;
  /** Its newest HELLO that we have seen; undefined before the first. */
  hello: SignedHello | undefined;
  /** Its key was only told by others: any key that is proven to us replaces it. */
  provisional: boolean;
  /** Monotonic ms until which it is not probed by datagram: none was answered, or none would do. */
  datagramsLostUntilMs: number;
  /** Who reached it for us lately, or says that it does; while it is not reached. */
  helper: string | undefined;
  /** What others own is offered to it before it is sent: it mostly has it already. */
  lazy: boolean;
  /** The newest version of its state that we have passed on unasked; 0 for none. */
  passedOn: number;
  /** It did not sign when it was asked to: only on a session does it show that it lives. */
  doubted: boolean;
  /** A probe of it is under way. */
  probing: boolean;
  /** Monotonic ms of our last HELLO to it because it did not list us. */
  greetedAgainMs: number;
  /** Monotonic ms of the times that it had forgotten us, newest last. */
  forgottenMs: number[];
}

export function createMember(nodeId: string, publicKey: Uint8Array, nowMs: number): Member {
  return {
    nodeId,
    publicKey,
    places: placesOf(nodeId),
    endpoint: undefined,
    candidates: [],
    source: undefined,
    status: "joining",
    reason: undefined,
    native: undefined,
    incarnationMs: Number.NEGATIVE_INFINITY,
    provenIncarnation: undefined,
    formerIncarnations: [],
    heardMs: Number.NEGATIVE_INFINITY,
    provenMs: Number.NEGATIVE_INFINITY,
    vouchedMs: Number.NEGATIVE_INFINITY,
    calledMs: Number.NEGATIVE_INFINITY,
    answeredMs: Number.NEGATIVE_INFINITY,
    busySinceMs: undefined,
    rumouredMs: Number.NEGATIVE_INFINITY,
    sinceMs: nowMs,
    joinedBefore: false,
    seesUs: undefined,
    rttMs: undefined,
    leastRttMs: undefined,
    clockOffsetSeconds: undefined,
    server: undefined,
    replica: undefined,
    held: undefined,
    push: createPushState(),
    sync: createSyncState(),
    hello: undefined,
    provisional: false,
    datagramsLostUntilMs: Number.NEGATIVE_INFINITY,
    helper: undefined,
    lazy: false,
    passedOn: 0,
    doubted: false,
    probing: false,
    greetedAgainMs: Number.NEGATIVE_INFINITY,
    forgottenMs: [],
  };
}

/** Present members are listed by `peers()` and read by `readData()`. */
export function isPresent({ status }: Member): boolean {
  return status === "alive" || PRESENT.has(status);
}

/** Nodes with sessions that we reach ourselves, or did until now. */
export function isAsked(member: Member): boolean {
  return isPresent(member) && member.status !== "relayed" && speaksNative(member);
}

/** It answers us, or a worker of it does. */
export function isReached({ status }: Member): boolean {
  return status === "alive" || status === "busy";
}

/** It was there, and is no more. */
export function isGone({ status }: Member): boolean {
  return status === "down" || status === "left";
}

const PRESENT: ReadonlySet<PeerStatus> = new Set([
  "alive",
  "busy",
  "suspect",
  "one-way",
  "relayed",
]);

/** It may be there as well. */
export function noteCandidate(member: Member, endpoint: Address): void {
  const others = member.candidates.filter((other) => !sameAddress(other, endpoint));
  member.candidates = [endpoint, ...others].slice(0, CANDIDATES_MAX);
}

/** It has proved that it lives now: no recording, and nobody else, could have said that. */
export function noteProven(member: Member, nowMs: number): void {
  member.provenMs = nowMs;
  member.vouchedMs = nowMs;
  member.busySinceMs = undefined;
  member.doubted = false;
}

/** It has answered what was asked so long ago. One that was stopped meanwhile is not far away. */
export function noteRoundTrip(member: Member, ms: number): void {
  member.leastRttMs = Math.min(ms, member.rttMs ?? ms);
  member.rttMs = ms;
}

/** A node with sessions has proved itself on one just now, so it need not be asked to. */
export function hasCalled(member: Member, nowMs: number): boolean {
  return speaksNative(member) && nowMs - member.calledMs < CALLED_MS;
}

const CALLED_MS = 1_000;

/** All that we know of it is what others say: perhaps there is no such node. */
export function isUnproven({ provisional, provenMs }: Member): boolean {
  return provisional && provenMs === Number.NEGATIVE_INFINITY;
}

/** Nothing has come from it, not even the answer to a probe. */
export function isUnanswered(member: Member): boolean {
  return isUnproven(member) && member.answeredMs === Number.NEGATIVE_INFINITY;
}

/** A node that we have sessions with: all but HELLO goes over those. */
export function speaksNative({ native }: Member): boolean {
  return native?.sessions === true;
}

/** The version that is held of its state, as native messages tell it; 0 for none. */
export function versionHeld({ replica }: Member): number {
  // The clock of a Python owner may stand before 1970.
  return Math.max(0, replica?.version ?? 0);
}

/** What the signed HELLO of a node with sessions lists among its features. */
export const SESSION_FEATURE = "session";

/** Where a message for this very node goes; without an address, only a session it began brings it. */
export function targetOf({ nodeId, publicKey, endpoint }: Member): Target {
  return { address: "", port: 0, ...endpoint, peer: { nodeId, publicKey } };
}

/** The newest version that its owner was proved to have signed, which may be passed on; 0 for none. */
export function provenVersion({ replica }: Member): number {
  if (replica?.kind !== "native") return 0;
  return replica.proof?.version ?? 0;
}
