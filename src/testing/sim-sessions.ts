/**
 * Sessions between simulated nodes: each side knows who is at the other end, and once one is open
 * it carries both ways, whoever began it.
 *
 * They run on connections as TCP has them: dialling takes four round trips, messages keep their
 * order, a lost one is late instead, and one that stalls breaks after a while.
 */
import type { Reply, Target } from "../wire/exchange.ts";
import { anyName, type NativeType } from "../wire/native-type.ts";
import { NO_SESSION, REFUSED, type SimDial, SimDials } from "./sim-dials.ts";
import type { SimNetwork } from "./sim-network.ts";
import type { SimNode } from "./sim-node.ts";
import { isPeer, provenPeer, SimAsk, SimSession } from "./sim-session.ts";
import type { Traffic } from "./traffic.ts";
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
  /** Counts what is sent. */
  readonly traffic: Traffic;
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

/** Length, kind, id and type of a frame; header, content type and tag of its TLS record. */
const FRAME_BYTES = 10 + 22;
/** A session on which a request was not answered and nothing came for so long is doubted. */
const SILENCE_MS_MAX = 1_000;
/** Of two sessions dialled in both directions within this, the smaller id's is kept. */
const TIE_MS_MAX = 2_000;

const ENDED: Reply = { kind: "failed", reason: "no-answer", detail: "the connection ended" };
const NO_ANSWER: Reply = { kind: "failed", reason: "no-answer", detail: "no answer in time" };

/** All sessions of a simulation. */
export class SimSessions {
  /** Sees each message that arrives, and each answer that is given. Nobody between the two ends can. */
  tap: ((passing: SessionPassing, reply: Reply | undefined) => void) | undefined;
  readonly #world: SimSessionsWorld;
  /** The session that each process uses with a node id. */
  readonly #open = new Map<SimNode, Map<string, SimSession>>();
  readonly #dials: SimDials;

  /** A `Simulation` makes its own. */
  constructor(world: SimSessionsWorld) {
    this.#world = world;
    this.#dials = new SimDials(world, {
      onAccepted: (dial, target) => this.#opened(dial, target),
      onOpen: (dial, session) => this.#live(dial, session),
    });
  }

  /** The reply comes once, by the time-out at the latest. */
  request(from: SimNode, call: SimSessionCall, onReply: (reply: Reply) => void): void {
    const { clock } = this.#world;
    const ask = new SimAsk(from, { ...call, payload: call.payload.slice() }, onReply);
    clock.in(call.timeoutMs, () => this.#expire(ask));
    const session = this.#find(from, call.to);
    if (session === undefined) this.#dials.dialFor(ask);
    else this.#say(session, ask);
  }

  #expire(ask: SimAsk): void {
    if (ask.settled) return;
    const { session, from } = ask;
    if (session !== undefined) {
      const end = session.at(from);
      const { silentSinceMs = Infinity } = end;
      if (this.#world.clock.nowMs - silentSinceMs >= SILENCE_MS_MAX) end.doubted = true;
    }
    ask.settle(session === undefined ? NO_SESSION : NO_ANSWER);
  }

  // ---- messages -------------------------------------------------------------------------------

  #say(session: SimSession, ask: SimAsk): void {
    const { clock, traffic } = this.#world;
    const { from, call } = ask;
    const end = session.at(from);
    end.asks.add(ask);
    end.silentSinceMs ??= clock.nowMs;
    ask.session = session;
    const bytes = call.payload.length + FRAME_BYTES;
    traffic.note(from.name, `frame ${anyName(call.type)}`, bytes);
    end.stream.send(bytes, () => this.#arrived(session, ask));
  }

  #arrived(session: SimSession, ask: SimAsk): void {
    const { from, call } = ask;
    const to = session.other(from);
    if (!this.#hears(session, to)) return;
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
      this.#answer(session, ask, reply);
    });
  }

  #answer(session: SimSession, ask: SimAsk, reply: Reply): void {
    const { from, call } = ask;
    const end = session.at(session.other(from));
    if (ask.settled || end.closed) return;
    const bytes = FRAME_BYTES + (reply.kind === "answer" ? reply.payload.length : 0);
    this.#world.traffic.note(end.node.name, `frame ${anyName(call.type)} answer`, bytes);
    end.stream.send(bytes, () => {
      if (this.#hears(session, from)) ask.settle(reply);
    });
  }

  /** Something arrives at that end; where its process is gone, whoever is there says so. */
  #hears(session: SimSession, node: SimNode): boolean {
    const { network, nodeAt } = this.#world;
    if (node.running && !session.at(node).closed) {
      session.heard(node, this.#world.clock.nowMs);
      return true;
    }
    // A machine that is down says nothing.
    if (session.at(node).closed || nodeAt(node.address)?.running === true) {
      const other = session.other(node);
      network.carry(node.address, other.address, () => this.#closeAt(session, other, true));
    }
    return false;
  }

  // ---- sessions that begin --------------------------------------------------------------------

  /** The acceptor may speak from now on. */
  #opened({ from, there, back }: SimDial, target: SimNode): SimSession {
    const { clock } = this.#world;
    const session = new SimSession(
      { node: from, stream: there },
      { node: target, stream: back },
      clock.nowMs,
    );
    there.onBroken = () => this.#closeAt(session, from, true);
    back.onBroken = () => this.#closeAt(session, target, true);
    this.#use(target, session);
    return session;
  }

  #live({ from, to, asks }: SimDial, session: SimSession): void {
    if (!from.running) return;
    if (!session.acceptor.running) {
      for (const ask of asks) ask.settle(REFUSED);
      return;
    }
    this.#use(from, session);
    const current = this.#find(from, to) ?? session;
    for (const ask of asks) if (!ask.settled) this.#say(current, ask);
  }

  /** The newest session with a node is used; of two that crossed, both sides keep the same one. */
  #use(node: SimNode, session: SimSession): void {
    const sessions = this.#open.get(node) ?? new Map<string, SimSession>();
    this.#open.set(node, sessions);
    const { nodeId } = session.other(node);
    const old = sessions.get(nodeId);
    const crossed =
      old?.isUsable(node) === true &&
      old.dialler === session.acceptor &&
      old.acceptor === session.dialler &&
      session.sinceMs - old.sinceMs < TIE_MS_MAX;
    if (crossed && old.dialler.nodeId < session.dialler.nodeId) return;
    sessions.set(nodeId, session);
    // Those that wait for a session with it need not wait for the one that they dialled.
    for (const ask of this.#dials.takeWaiting(node, nodeId))
      if (!ask.settled) this.#say(session, ask);
  }

  /**
   * How many sessions a process has that something came on within that time. A real one ends those
   * that rest for longer; here they stay open, which costs nothing.
   */
  inUse(node: SimNode, withinMs: number): number {
    const sinceMs = this.#world.clock.nowMs - withinMs;
    const sessions = [...(this.#open.get(node)?.values() ?? [])];
    return sessions.filter((session) => session.at(node).heardMs >= sinceMs).length;
  }

  // ---- which there are, and their ends --------------------------------------------------------

  /** The session with the node of that identity. */
  #find(from: SimNode, { peer }: Target): SimSession | undefined {
    if (peer === undefined) return undefined;
    const session = this.#open.get(from)?.get(peer.nodeId);
    if (session === undefined || !session.isUsable(from)) return undefined;
    return isPeer(session.other(from), peer) ? session : undefined;
  }

  /** A process died: those who had sessions with it notice, if its connections are closed. */
  died(dead: SimNode, noticed: boolean): void {
    const sessions = this.#open.get(dead) ?? new Map<string, SimSession>();
    this.#open.delete(dead);
    this.#dials.forget(dead);
    if (!noticed) return;
    for (const session of sessions.values()) this.#hangUp(session, dead);
  }

  /** A node ends its session with another. */
  end(node: SimNode, nodeId: string): void {
    const session = this.#open.get(node)?.get(nodeId);
    if (session === undefined || session.at(node).closed) return;
    this.#closeAt(session, node, false);
    this.#hangUp(session, node);
  }

  /** The last that the other side hears. */
  #hangUp(session: SimSession, node: SimNode): void {
    session.at(node).closed = true;
    const other = session.other(node);
    session.at(node).stream.send(0, () => this.#closeAt(session, other, true));
  }

  /** It has ended for that side. @param lost By the other side, or by the network. */
  #closeAt(session: SimSession, node: SimNode, lost: boolean): void {
    const end = session.at(node);
    if (end.closed) return;
    end.closed = true;
    const other = session.other(node);
    const sessions = this.#open.get(node);
    const wasUsed = sessions?.get(other.nodeId) === session;
    if (wasUsed) sessions.delete(other.nodeId);
    if (wasUsed && lost) node.step({ kind: "session-lost", peer: provenPeer(other) });
    for (const ask of [...end.asks]) ask.settle(ENDED);
  }
}
