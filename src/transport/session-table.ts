/**
 * Which sessions there are, and which of several with one node is used.
 *
 * Both sides must choose the same one. The side with the smaller id chooses, by the rules below,
 * and drains the others; the other side follows, and chooses alike until it hears of it. If it
 * does not for a while, the other end may know nothing of a session any more: then it drains it.
 * @module
 */
import { type Address, formatAddress, type ProvenPeer, type Target } from "../wire/exchange.ts";
import type { Session } from "./session.ts";

/** What the table must know of a session. */
export type Listed = Pick<
  Session,
  "peer" | "dialled" | "sinceMs" | "usable" | "draining" | "drain" | "drainLater"
>;

/** All sessions with one node. */
interface Entry<One> {
  readonly sessions: Set<One>;
  current: One;
  /** Where we dialled it. */
  readonly addresses: Set<string>;
  /** The last session that could be used has ended, and not by us. */
  lost: boolean;
}

/** What the table knows of us. */
export interface TableIdentity {
  readonly nodeId: string;
  /** As hex. */
  readonly incarnation: string;
}

export class SessionTable<One extends Listed = Session> {
  readonly #tieMsMax: number;
  readonly #onLost: (peer: ProvenPeer) => void;
  readonly #entries = new Map<string, Entry<One>>();
  readonly #nodeAt = new Map<string, string>();
  #size = 0;

  /** @param onLost The last session with a node has ended, and not by us. */
  constructor(tieMsMax: number, onLost: (peer: ProvenPeer) => void) {
    this.#tieMsMax = tieMsMax;
    this.#onLost = onLost;
  }

  /** How many sessions there are, those being drained among them. */
  get size(): number {
    return this.#size;
  }

  *sessions(): Iterable<One> {
    for (const { sessions } of this.#entries.values()) yield* [...sessions];
  }

  /** The session on which a request to that target goes now. */
  find(to: Target): One | undefined {
    const { peer } = to;
    if (peer !== undefined) return this.#usable(peer.nodeId, peer.publicKey);
    const nodeId = this.#nodeAt.get(formatAddress(to));
    return nodeId === undefined ? undefined : this.#usable(nodeId, undefined);
  }

  has(nodeId: string): boolean {
    return this.#usable(nodeId, undefined) !== undefined;
  }

  /** All sessions with a node. */
  of(nodeId: string): readonly One[] {
    return [...(this.#entries.get(nodeId)?.sessions ?? [])];
  }

  /** A new session, that one of ours dialled at `dialledAt` if it was us. */
  add(session: One, us: TableIdentity, dialledAt: Address | undefined): void {
    const { nodeId } = session.peer;
    const entry = this.#entries.get(nodeId) ?? newEntry(session);
    this.#entries.set(nodeId, entry);
    if (dialledAt !== undefined) {
      const address = formatAddress(dialledAt);
      this.#nodeAt.set(address, nodeId);
      entry.addresses.add(address);
    }
    entry.sessions.add(session);
    entry.lost = false;
    this.#size++;
    for (const other of entry.sessions) {
      if (other === session || other.draining) continue;
      this.#choose(entry, other, session, us);
    }
  }

  /** A session has ended. @param ours By us, or drained. */
  delete(session: One, ours: boolean): void {
    const { nodeId } = session.peer;
    const entry = this.#entries.get(nodeId);
    if (entry?.sessions.delete(session) !== true) return;
    this.#size--;
    const next = [...entry.sessions].find((other) => !other.draining);
    if (next === undefined && !ours) entry.lost = true;
    if (next !== undefined && entry.current === session) entry.current = next;
    if (entry.sessions.size > 0) return;
    this.#entries.delete(nodeId);
    for (const address of entry.addresses) {
      if (this.#nodeAt.get(address) === nodeId) this.#nodeAt.delete(address);
    }
    if (entry.lost) this.#onLost(session.peer);
  }

  #choose(entry: Entry<One>, other: One, session: One, us: TableIdentity): void {
    const winner = this.#winner(other, session, us);
    const loser = winner === session ? other : session;
    if (entry.current === loser || !entry.current.usable) entry.current = winner;
    const { peer } = session;
    const moved = other.peer.incarnation !== peer.incarnation;
    if (moved || isSmaller(us, peer)) loser.drain();
    else loser.drainLater(this.#tieMsMax);
  }

  #winner(other: One, session: One, us: TableIdentity): One {
    const { peer } = session;
    if (other.peer.incarnation !== peer.incarnation) return session;
    // Nothing has come on it for long: the new one was dialled because of that.
    if (!other.usable) return session;
    const crossed = other.dialled !== session.dialled;
    if (!crossed || session.sinceMs - other.sinceMs >= this.#tieMsMax) return session;
    const dialledBySmaller = isSmaller(us, peer) ? session.dialled : !session.dialled;
    return dialledBySmaller ? session : other;
  }

  #usable(nodeId: string, publicKey: Uint8Array | undefined): One | undefined {
    const entry = this.#entries.get(nodeId);
    if (entry === undefined) return undefined;
    const { current } = entry;
    if (current.usable && isKeyOf(current.peer, publicKey)) return current;
    for (const session of entry.sessions) {
      if (session.usable && isKeyOf(session.peer, publicKey)) return session;
    }
    return undefined;
  }
}

function newEntry<One>(session: One): Entry<One> {
  return { sessions: new Set(), current: session, addresses: new Set(), lost: false };
}

function isKeyOf(peer: ProvenPeer, publicKey: Uint8Array | undefined): boolean {
  if (publicKey === undefined || publicKey === peer.publicKey) return true;
  return Buffer.compare(publicKey, peer.publicKey) === 0;
}

function isSmaller(us: TableIdentity, peer: ProvenPeer): boolean {
  if (us.nodeId !== peer.nodeId) return us.nodeId < peer.nodeId;
  return us.incarnation < peer.incarnation;
}
