/**
 * How far our own state got at one peer, and whether it may be sent there at all: a Python peer
 * that does not list us must not get it.
 * @module
 */
import type { Member } from "./member.ts";

/** How far our own state got at one native peer, over sessions. */
export interface SyncState {
  /** The newest version that was written to a session: the next delta begins there. */
  sent: number | undefined;
  /** The newest version that it has said it holds. */
  held: number | undefined;
  /** Messages with states that it has not answered yet. */
  inFlight: number;
  /** Their bytes. */
  inFlightBytes: number;
  /** The newest version whose proof was sent. */
  proofSent: number | undefined;
}

/** How far our own state got at one peer. There is no queue: the newest version replaces all. */
export interface PushState {
  /** UPDATEs on their way to it. */
  inFlight: number;
  /** The newest version that the peer has proved to hold. */
  held: number | undefined;
  /** The content that it proved to hold, to tell a duplicate from a refusal. */
  heldText: string | undefined;
  /** The peer answered nothing to this version: it holds the same content, or a newer time. */
  doubtful: number | undefined;
  /**
   * It may have dropped us, so it is greeted before it is sent a state. A Python peer would store
   * the state under an id without an address, list a ghost, and report a false disconnect.
   */
  needsHello: boolean;
  /** A Python peer that we failed to reach may drop us until then; monotonic ms. */
  uncertainUntilMs: number;
  /** The last PING of a Python peer, which calls only those that it lists; monotonic ms. */
  listedMs: number;
  /** A request with this version of ours ended without an answer: the peer may hold it or not. */
  unanswered: number | undefined;
}

/** Nothing of ours got there yet. */
export function createSyncState(): SyncState {
  return {
    sent: undefined,
    held: undefined,
    inFlight: 0,
    inFlightBytes: 0,
    proofSent: undefined,
  };
}

/** Nothing of ours got there yet. */
export function createPushState(): PushState {
  return {
    inFlight: 0,
    held: undefined,
    heldText: undefined,
    doubtful: undefined,
    needsHello: false,
    uncertainUntilMs: Number.NEGATIVE_INFINITY,
    listedMs: Number.NEGATIVE_INFINITY,
    unanswered: undefined,
  };
}

/** A Python peer that we could not reach drops us some seconds after the last of its own tries. */
const UNCERTAIN_MS = 10_000;
/** A Python peer that lists us calls every 3 s; it drops us a second after a call that failed. */
const LISTS_US_MS = 3_900;
/** One that dropped us before may do so again for the same reason. */
const FORGETFUL_MS = 300_000;

/** A request to the member failed: if it is a Python peer, it may be about to drop us. */
export function noteFailure(member: Member, nowMs: number): void {
  if (member.native !== undefined) return;
  member.push.needsHello = true;
  member.push.uncertainUntilMs = nowMs + UNCERTAIN_MS;
}

/**
 * The peer called us as it calls those that it lists: it reaches us, and will not drop us before
 * its next tick. Its list says less: the call that makes it drop us may be failing right now.
 */
export function noteListed(member: Member, nowMs: number): void {
  member.push.listedMs = nowMs;
}

/** Whether the member may not list us, so that it must not be sent a state: see {@link PushState}. */
export function mayNotListUs({ native, push, forgottenMs }: Member, nowMs: number): boolean {
  if (push.needsHello) return true;
  if (native !== undefined) return false;
  const lastForgottenMs = forgottenMs.at(-1) ?? Number.NEGATIVE_INFINITY;
  return (
    nowMs < push.uncertainUntilMs ||
    nowMs - push.listedMs > LISTS_US_MS ||
    nowMs - lastForgottenMs < FORGETFUL_MS
  );
}

/** The peer may have lost what it held of us: a restart, a failure, a HELLO. */
export function resetPush(member: Member): void {
  member.push.held = undefined;
  member.push.heldText = undefined;
  member.push.doubtful = undefined;
  member.push.unanswered = undefined;
  resetSync(member);
}

/** Its next delta begins at what it says it holds, or is a snapshot. */
export function resetSync({ sync }: Member): void {
  sync.sent = undefined;
  sync.held = undefined;
  sync.proofSent = undefined;
}

/** A Python node that cannot call us back fires its callbacks at each of our attempts. */
export function isShy(member: Member): boolean {
  return member.native === undefined && member.forgottenMs.length > 2;
}
