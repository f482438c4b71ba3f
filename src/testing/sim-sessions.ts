/**
 * Sessions between simulated nodes: each side knows who is at the other end, and once one is open
 * it carries both ways, whoever began it.
 *
 * They run on connections as TCP has them: dialling takes four round trips, messages keep their
 * order, a lost one is late instead, and one that stalls breaks after a while.
 */
import type { Reply, Target } from "../wire/exchange.ts";
import { anyName, type NativeType } from "../wire/native-type.ts";
import type { SimNetwork } from "./sim-network.ts";
import type { SimNode } from "./sim-node.ts";
import { isPeer, provenPeer, SimAsk, SimSession } from "./sim-session.ts";
import { SimStream } from "./sim-stream.ts";
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

/** Waiting for the reply that a dial comes to. */
interface Dial {
  readonly from: SimNode;
  readonly to: Target;
  readonly asks: SimAsk[];
  /** The way there and the way back. */
  readonly there: SimStream;
  readonly back: SimStream;
  over: boolean;
}

/** Length, kind, id and type of a frame; header, content type and tag of its TLS record. */
const FRAME_BYTES = 10 + 22;
/** SYN, Upgrade, TLS, AUTH: each goes there and comes back before the next. */
const DIAL_ROUND_TRIPS = 4;
const DIAL_BYTES = 400;
/** A dial takes no longer. */
const DIAL_MS_MAX = 5_000;
/** A session on which a request was not answered and nothing came for so long is doubted. */
const SILENCE_MS_MAX = 1_000;
/** Of two sessions dialled in both directions within this, the smaller id's is kept. */
const TIE_MS_MAX = 2_000;

const REFUSED: Reply = { kind: "failed", reason: "unreachable", detail: "connection refused" };
const NO_SESSIONS: Reply = { kind: "failed", reason: "not-dsn", detail: "it takes no sessions" };
const ELSEWHERE: Reply = { kind: "failed", reason: "unreachable", detail: "another node is there" };
const ENDED: Reply = { kind: "failed", reason: "no-answer", detail: "the connection ended" };
const NO_ANSWER: Reply = { kind: "failed", reason: "no-answer", detail: "no answer in time" };
const NO_SESSION: Reply = { kind: "failed", reason: "unreachable", detail: "no session in time" };
const WRONG_KEY: Reply = {
  kind: "refused",
  status: 401,
  text: "Missing or incorrect encryption key",
};

/** All sessions of a simulation. */
export class SimSessions {
  /** Sees each message that arrives, and each answer that is given. Nobody between the two ends can. */
  tap: ((passing: SessionPassing, reply: Reply | undefined) => void) | undefined;
  readonly #world: SimSessionsWorld;
  /** The session that each process uses with a node id. */
  readonly #open = new Map<SimNode, Map<string, SimSession>>();
  readonly #dials = new Map<SimNode, Map<string, Dial>>();

  /** A `Simulation` makes its own. */
  constructor(world: SimSessionsWorld) {
    this.#world = world;
  }

  /** The reply comes once, by the time-out at the latest. */
  request(from: SimNode, call: SimSessionCall, onReply: (reply: Reply) => void): void {
    const { clock } = this.#world;
    const ask = new SimAsk(from, { ...call, payload: call.payload.slice() }, onReply);
    clock.in(call.timeoutMs, () => this.#expire(ask));
    const session = this.#find(from, call.to);
    if (session === undefined) this.#dialFor(ask);
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

  // ---- dialling -------------------------------------------------------------------------------

  #dialFor(ask: SimAsk): void {
    const { from, call } = ask;
    const key = call.to.peer?.nodeId ?? `at ${call.to.address}`;
    const dials = entryOf(this.#dials, from);
    const known = dials.get(key);
    if (known !== undefined) {
      known.asks.push(ask);
      return;
    }
    const { clock, network, nodeAt } = this.#world;
    const target = nodeAt(call.to.address);
    const address = target?.address ?? call.to.address;
    const there = new SimStream({ clock, network, from: from.address, to: address });
    const back = new SimStream({ clock, network, from: address, to: from.address });
    const dial: Dial = { from, to: call.to, asks: [ask], there, back, over: false };
    dials.set(key, dial);
    const end = (reply: Reply | undefined) => {
      if (dial.over) return;
      dial.over = true;
      dials.delete(key);
      if (reply === undefined) return;
      there.close();
      back.close();
      for (const one of dial.asks) one.settle(reply);
    };
    clock.in(DIAL_MS_MAX, () => end(NO_SESSION));
    const barrier = network.barrier(from.address, address);
    if (barrier === "silent") return;
    this.#roundTrip(dial, barrier === "reject" ? undefined : target, 0, end);
  }

  #roundTrip(
    dial: Dial,
    target: SimNode | undefined,
    round: number,
    end: (reply: Reply | undefined) => void,
  ): void {
    const { from, there, back } = dial;
    there.send(DIAL_BYTES, () => {
      // The system accepts a connection, the process must do the rest.
      const isSystem = round === 0 || target === undefined;
      const act = () => {
        const isLast = round === DIAL_ROUND_TRIPS - 1;
        const refusal = this.#refusalOf(dial, target, isLast);
        const session =
          isLast && refusal === undefined && target !== undefined
            ? this.#opened(dial, target)
            : undefined;
        back.send(DIAL_BYTES, () => {
          if (dial.over) return;
          if (refusal !== undefined || target === undefined) end(refusal ?? REFUSED);
          else if (session === undefined) {
            from.whenAwake(() => this.#roundTrip(dial, target, round + 1, end));
          } else {
            end(undefined);
            this.#live(dial, session);
          }
        });
      };
      if (isSystem) act();
      else target.whenAwake(act);
    });
  }

  /** The acceptor may speak from now on. */
  #opened({ from, there, back }: Dial, target: SimNode): SimSession {
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

  #live({ from, to, asks }: Dial, session: SimSession): void {
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
    const sessions = entryOf(this.#open, node);
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
    const waiting = this.#dials.get(node)?.get(nodeId)?.asks.splice(0) ?? [];
    for (const ask of waiting) if (!ask.settled) this.#say(session, ask);
  }

  /** Why no session comes about. */
  #refusalOf({ from, to }: Dial, target: SimNode | undefined, isLast: boolean): Reply | undefined {
    if (target === undefined || !target.running || !from.running) return REFUSED;
    if (!isLast) return undefined;
    if (!target.sessions) return NO_SESSIONS;
    if (target.keyId !== from.keyId) return WRONG_KEY;
    if (to.peer !== undefined && !isPeer(target, to.peer)) return ELSEWHERE;
    const refusal = target.core.refusalOf(provenPeer(from));
    return refusal && { kind: "refused", status: refusal.status, text: refusal.text };
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
    this.#dials.delete(dead);
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

function entryOf<V>(map: Map<SimNode, Map<string, V>>, node: SimNode): Map<string, V> {
  let entry = map.get(node);
  if (entry === undefined) {
    entry = new Map();
    map.set(node, entry);
  }
  return entry;
}
