/**
 * Sessions between simulated nodes: each side knows who is at the other end, and once one is open
 * it carries both ways, whoever began it.
 *
 * Messages may still be lost, doubled and overtake each other, which TCP would not do: what holds
 * here holds there.
 */
import type { ProvenPeer, Reply, Target } from "../wire/exchange.ts";
import type { NativeType } from "../wire/native-type.ts";
import type { SimNetwork } from "./sim-network.ts";
import type { SimNode } from "./sim-node.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** A native message as a node sends it. */
export interface SimSessionCall {
  /** Whom it is for. */
  readonly to: Target;
  /** Which message it is. */
  readonly type: NativeType;
  /** Its body. */
  readonly payload: Uint8Array;
  /** How long its sender waits, in milliseconds. */
  readonly timeoutMs: number;
}

/** What sessions need of the simulation around them. */
export interface SimSessionsWorld {
  /** Time. */
  readonly clock: VirtualClock;
  /** Links, and what goes wrong on them. */
  readonly network: SimNetwork;
  /** Who lives at an IP address or a name. */
  readonly nodeAt: (address: string) => SimNode | undefined;
  /** A message arrives. */
  readonly note: (from: SimNode, to: SimNode, call: SimSessionCall) => void;
}

/** A message on a session, as both of its ends see it. */
export interface SessionPassing {
  /** Who sends it. */
  readonly from: SimNode;
  /** Who receives it. */
  readonly to: SimNode;
  /** Which message it is. */
  readonly type: NativeType;
  /** Its body. */
  readonly payload: Uint8Array;
}

const REFUSED: Reply = { kind: "failed", reason: "unreachable", detail: "connection refused" };
const NO_SESSIONS: Reply = { kind: "failed", reason: "not-dsn", detail: "it takes no sessions" };
const ELSEWHERE: Reply = { kind: "failed", reason: "unreachable", detail: "another node is there" };
const WRONG_KEY: Reply = {
  kind: "refused",
  status: 401,
  text: "Missing or incorrect encryption key",
};

/** All sessions of a simulation. */
export class SimSessions {
  /** Sees each message that arrives, and each answer that does. Nobody between the two ends can. */
  tap: ((passing: SessionPassing, reply: Reply | undefined) => void) | undefined;
  readonly #world: SimSessionsWorld;
  readonly #open = new Map<SimNode, Set<SimNode>>();

  /** A `Simulation` makes its own. */
  constructor(world: SimSessionsWorld) {
    this.#world = world;
  }

  /** The reply comes once, by the time-out at the latest. */
  request(from: SimNode, call: SimSessionCall, onReply: (reply: Reply) => void): void {
    const { clock, network } = this.#world;
    const { to, timeoutMs } = call;
    const known = this.#partner(from, to);
    const target = known ?? this.#world.nodeAt(to.address);
    const deadlineMs = clock.nowMs + timeoutMs;
    let open = true;
    const reply = (result: Reply) => {
      if (!open) return;
      open = false;
      onReply(result);
    };
    clock.in(timeoutMs, () => {
      // A session that answers nothing is ended, and the next message begins another.
      if (open && target !== undefined) this.#close(from, target);
      reply({ kind: "failed", reason: "no-answer", detail: "no answer in time" });
    });
    const address = target?.address ?? to.address;
    const barrier = known === undefined ? network.barrier(from.address, address) : undefined;
    if (barrier === "silent") return;
    const payload = call.payload.slice();
    network.carry(from.address, address, () => {
      if (clock.nowMs > deadlineMs) return;
      const back = (result: Reply) => network.carry(address, from.address, () => reply(result));
      if (barrier === "reject") back(REFUSED);
      else this.#arrive(from, target, { ...call, payload }, back);
    });
  }

  #arrive(
    from: SimNode,
    to: SimNode | undefined,
    call: SimSessionCall,
    back: (reply: Reply) => void,
  ): void {
    const refusal = this.#refusalOf(from, to, call.to);
    if (refusal !== undefined || to === undefined) {
      back(refusal ?? REFUSED);
      return;
    }
    this.#partnersOf(from).add(to);
    this.#partnersOf(to).add(from);
    this.#world.note(from, to, call);
    const { type, payload } = call;
    this.tap?.({ from, to, type, payload }, undefined);
    const request = { type, payload, from: from.address, peer: provenPeer(from) };
    to.receive(request, (outcome) => {
      const reply: Reply =
        outcome.kind === "answer"
          ? { kind: "answer", payload: outcome.payload.slice() }
          : { kind: "refused", status: outcome.status, text: outcome.text };
      this.tap?.({ from, to, type, payload }, reply);
      back(reply);
    });
  }

  /** Why no session comes about. */
  #refusalOf(from: SimNode, to: SimNode | undefined, { peer }: Target): Reply | undefined {
    if (to === undefined || !to.running || !from.running) return REFUSED;
    if (!to.sessions) return NO_SESSIONS;
    if (to.keyId !== from.keyId) return WRONG_KEY;
    if (peer !== undefined && !isPeer(to, peer)) return ELSEWHERE;
    const refusal = to.core.refusalOf(provenPeer(from));
    return refusal && { kind: "refused", status: refusal.status, text: refusal.text };
  }

  /** The node of that identity that a session is open with. */
  #partner(from: SimNode, { peer }: Target): SimNode | undefined {
    if (peer === undefined) return undefined;
    return [...this.#partnersOf(from)].find((other) => other.running && isPeer(other, peer));
  }

  /** A process died: those who had sessions with it notice, if its connections are closed. */
  died(dead: SimNode, noticed: boolean): void {
    for (const other of this.#partnersOf(dead)) {
      this.#partnersOf(other).delete(dead);
      if (!noticed) continue;
      const peer = provenPeer(dead);
      this.#world.network.carry(dead.address, other.address, () =>
        other.step({ kind: "session-lost", peer }),
      );
    }
    this.#open.delete(dead);
  }

  /** A node ends its sessions with another. */
  end(node: SimNode, nodeId: string): void {
    for (const other of this.#partnersOf(node)) {
      if (other.nodeId !== nodeId) continue;
      this.#close(node, other);
      const peer = provenPeer(node);
      this.#world.network.carry(node.address, other.address, () =>
        other.step({ kind: "session-lost", peer }),
      );
    }
  }

  #close(a: SimNode, b: SimNode): void {
    this.#partnersOf(a).delete(b);
    this.#partnersOf(b).delete(a);
  }

  #partnersOf(node: SimNode): Set<SimNode> {
    let partners = this.#open.get(node);
    if (partners === undefined) {
      partners = new Set();
      this.#open.set(node, partners);
    }
    return partners;
  }
}

function provenPeer({ nodeId, disk, core }: SimNode): ProvenPeer {
  return { nodeId, publicKey: disk.keyPair.publicKey, incarnation: core.self.incarnation };
}

function isPeer({ nodeId, disk }: SimNode, peer: NonNullable<Target["peer"]>): boolean {
  return nodeId === peer.nodeId && Buffer.compare(disk.keyPair.publicKey, peer.publicKey) === 0;
}
