/** One simulated session: a connection of two processes that know who is at the other end. */
import type { ProvenPeer, Reply, Target } from "../wire/exchange.ts";
import type { SimNode } from "./sim-node.ts";
import type { SimSessionCall } from "./sim-sessions.ts";
import type { SimStream } from "./sim-stream.ts";

/** A request that waits for its reply. */
export class SimAsk {
  readonly from: SimNode;
  readonly call: SimSessionCall;
  /** On which it was sent; undefined while it waits for one. */
  session: SimSession | undefined;
  #onReply: ((reply: Reply) => void) | undefined;

  constructor(from: SimNode, call: SimSessionCall, onReply: (reply: Reply) => void) {
    this.from = from;
    this.call = call;
    this.#onReply = onReply;
  }

  get settled(): boolean {
    return this.#onReply === undefined;
  }

  settle(reply: Reply): void {
    const onReply = this.#onReply;
    this.#onReply = undefined;
    this.session?.at(this.from).asks.delete(this);
    onReply?.(reply);
  }
}

/** What one of the two processes knows of a session. */
interface End {
  readonly node: SimNode;
  /** What it sends. */
  readonly stream: SimStream;
  readonly asks: Set<SimAsk>;
  /** When something came last; before that, when it began. */
  heardMs: number;
  /** It asked, and nothing has come since. */
  silentSinceMs: number | undefined;
  /** Nothing came for long: the next request dials anew. */
  doubted: boolean;
  closed: boolean;
}

export class SimSession {
  readonly dialler: SimNode;
  readonly acceptor: SimNode;
  readonly sinceMs: number;
  readonly #ends: readonly [End, End];

  constructor(
    dialler: { readonly node: SimNode; readonly stream: SimStream },
    acceptor: { readonly node: SimNode; readonly stream: SimStream },
    sinceMs: number,
  ) {
    this.dialler = dialler.node;
    this.acceptor = acceptor.node;
    this.sinceMs = sinceMs;
    this.#ends = [newEnd(dialler, sinceMs), newEnd(acceptor, sinceMs)];
  }

  at(node: SimNode): End {
    return this.#ends[node === this.dialler ? 0 : 1];
  }

  other(node: SimNode): SimNode {
    return node === this.dialler ? this.acceptor : this.dialler;
  }

  isUsable(node: SimNode): boolean {
    const { closed, doubted } = this.at(node);
    return !closed && !doubted;
  }

  /** Something came to this end. */
  heard(node: SimNode, nowMs: number): void {
    const end = this.at(node);
    end.heardMs = nowMs;
    end.silentSinceMs = undefined;
    end.doubted = false;
  }
}

function newEnd(
  { node, stream }: { readonly node: SimNode; readonly stream: SimStream },
  heardMs: number,
): End {
  const asks = new Set<SimAsk>();
  return { node, stream, asks, heardMs, silentSinceMs: undefined, doubted: false, closed: false };
}

export function provenPeer({ nodeId, disk, core }: SimNode): ProvenPeer {
  return { nodeId, publicKey: disk.keyPair.publicKey, incarnation: core.self.incarnation };
}

export function isPeer({ nodeId, disk }: SimNode, peer: NonNullable<Target["peer"]>): boolean {
  const { publicKey } = disk.keyPair;
  if (nodeId !== peer.nodeId) return false;
  return publicKey === peer.publicKey || Buffer.compare(publicKey, peer.publicKey) === 0;
}
