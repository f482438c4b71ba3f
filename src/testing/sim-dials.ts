/** How simulated sessions begin: a connection, and as many round trips as it takes to prove both ends. */
import type { Reply, Target } from "../wire/exchange.ts";
import type { SimNode } from "./sim-node.ts";
import { isPeer, provenPeer, type SimAsk, type SimSession } from "./sim-session.ts";
import type { SimSessionsWorld } from "./sim-sessions.ts";
import { SimStream } from "./sim-stream.ts";

/** Waiting for the reply that a dial comes to. */
export interface SimDial {
  readonly from: SimNode;
  readonly to: Target;
  readonly asks: SimAsk[];
  /** The way there and the way back. */
  readonly there: SimStream;
  readonly back: SimStream;
  over: boolean;
}

/** SYN, Upgrade, TLS, AUTH: each goes there and comes back before the next. */
const DIAL_ROUND_TRIPS = 4;
const DIAL_BYTES = 400;
/** A dial takes no longer. */
const DIAL_MS_MAX = 5_000;

export const REFUSED: Reply = {
  kind: "failed",
  reason: "unreachable",
  detail: "connection refused",
};
export const NO_SESSION: Reply = {
  kind: "failed",
  reason: "unreachable",
  detail: "no session in time",
};
const NO_SESSIONS: Reply = { kind: "failed", reason: "not-dsn", detail: "it takes no sessions" };
const ELSEWHERE: Reply = { kind: "failed", reason: "unreachable", detail: "another node is there" };
const WRONG_KEY: Reply = {
  kind: "refused",
  status: 401,
  text: "Missing or incorrect encryption key",
};

export interface SimDialsHooks {
  /** The acceptor takes it, and may speak from now on. */
  readonly onAccepted: (dial: SimDial, target: SimNode) => SimSession;
  /** So may the dialler. */
  readonly onOpen: (dial: SimDial, session: SimSession) => void;
}

/** All dials of a simulation that are under way. */
export class SimDials {
  readonly #world: SimSessionsWorld;
  readonly #hooks: SimDialsHooks;
  readonly #dials = new Map<SimNode, Map<string, SimDial>>();

  constructor(world: SimSessionsWorld, hooks: SimDialsHooks) {
    this.#world = world;
    this.#hooks = hooks;
  }

  /** One dial for all that wait for the same session. */
  dialFor(ask: SimAsk): void {
    const { from, call } = ask;
    const key = call.to.peer?.nodeId ?? `at ${call.to.address}`;
    const dials = this.#dials.get(from) ?? new Map<string, SimDial>();
    this.#dials.set(from, dials);
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
    const dial: SimDial = { from, to: call.to, asks: [ask], there, back, over: false };
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

  /** Those that wait for a session with that node, and need not any more. */
  takeWaiting(node: SimNode, nodeId: string): SimAsk[] {
    return this.#dials.get(node)?.get(nodeId)?.asks.splice(0) ?? [];
  }

  /** Its process has ended. */
  forget(node: SimNode): void {
    this.#dials.delete(node);
  }

  #roundTrip(
    dial: SimDial,
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
        const refusal = refusalOf(dial, target, isLast);
        const session =
          isLast && refusal === undefined && target !== undefined
            ? this.#hooks.onAccepted(dial, target)
            : undefined;
        back.send(DIAL_BYTES, () => {
          if (dial.over) return;
          if (refusal !== undefined || target === undefined) end(refusal ?? REFUSED);
          else if (session === undefined) {
            from.whenAwake(() => this.#roundTrip(dial, target, round + 1, end));
          } else {
            end(undefined);
            this.#hooks.onOpen(dial, session);
          }
        });
      };
      if (isSystem) act();
      else target.whenAwake(act);
    });
  }
}

/** Why no session comes about. */
function refusalOf(
  { from, to }: SimDial,
  target: SimNode | undefined,
  isLast: boolean,
): Reply | undefined {
  if (target === undefined || !target.running || !from.running) return REFUSED;
  if (!isLast) return undefined;
  if (!target.sessions) return NO_SESSIONS;
  if (target.keyId !== from.keyId) return WRONG_KEY;
  if (to.peer !== undefined && !isPeer(target, to.peer)) return ELSEWHERE;
  const refusal = target.core.refusalOf(provenPeer(from));
  return refusal && { kind: "refused", status: refusal.status, text: refusal.text };
}
