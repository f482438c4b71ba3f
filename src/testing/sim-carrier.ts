/** Brings requests and replies from host to host, as HTTP over the simulated network would. */
import type { Outcome, ProvenPeer, Reply } from "../wire/exchange.ts";
import { type MessageType, messageName } from "../wire/message-type.ts";
import type { AnyType } from "../wire/native-type.ts";
import type { SimNetwork } from "./sim-network.ts";
import type { Trace } from "./trace.ts";
import type { Traffic } from "./traffic.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** Every simulated node listens here. */
export const SIM_PORT = 8_000;

/** A machine with one node on it: ours, a Python peer or a liar. */
export interface SimHost {
  /** Unique in the simulation; two hosts may share one node id. */
  readonly name: string;
  /** The id of the node on it. */
  readonly nodeId: string;
  /** Its IP address. */
  readonly address: string;
  /** Where its node listens. */
  readonly port: number;
  /** Name of its network key. */
  readonly keyId: string | undefined;
  /** Whether its process runs. */
  readonly running: boolean;
  /** What its `Date` header says. */
  readonly unixSeconds: number;
  /** A request for it came in that opened with its network key. */
  receive(request: SimRequest, respond: (outcome: Outcome) => void): void;
  /** Somebody without its network key called. */
  stranger(from: string): void;
}

/** A request as a host receives it. */
export interface SimRequest {
  /** Which message it is. */
  readonly type: AnyType;
  /** Its body. */
  readonly payload: Uint8Array;
  /** IP address of the sender. */
  readonly from: string;
  /** Whose session brought it; undefined for HTTP. */
  readonly peer?: ProvenPeer | undefined;
}

/** A request as a host sends it. */
export interface SimCall {
  /** Whom it is for: an IP address, or a name and `.sim`. */
  readonly address: string;
  /** Whom it is for. */
  readonly port: number;
  /** Which message it is. */
  readonly type: MessageType;
  /** Its body. */
  readonly payload: Uint8Array;
  /** How long its sender waits, in milliseconds. */
  readonly timeoutMs: number;
}

/** What passes by on its way, before and after; a liar sits here. */
export interface Passing extends SimCall {
  /** Who sends it. */
  readonly from: SimHost;
  /** Who will receive it; undefined where nobody lives. */
  readonly to: SimHost | undefined;
}

/** Sees a request on its way and may answer it in the place of its receiver. */
export type Tamper = (passing: Passing) => Reply | undefined;

/** Changes a message on its way, request or answer; what is returned arrives in its place. */
export type Alter = (
  message: Pick<SimCall, "type" | "payload">,
  from: SimHost,
  to: SimHost | undefined,
) => Uint8Array;

/** What HTTP needs of the simulation around it. */
export interface SimCarrierWorld {
  /** Time. */
  readonly clock: VirtualClock;
  /** Links, and what goes wrong on them. */
  readonly network: SimNetwork;
  /** Takes each message that arrives. */
  readonly trace: Trace;
  /** Counts what is sent. */
  readonly traffic: Traffic;
  /** The host with that IP address, or that name followed by `.sim`. */
  readonly hostAt: (address: string) => SimHost | undefined;
}

/** Head of an HTTP request or answer; initialisation vector and padding of its sealed body. */
const HTTP_BYTES = 180 + 16 + 8;

/** HTTP between simulated hosts: requests, answers, refusals of wrong keys, and time-outs. */
export class SimCarrier {
  /** Sits on the wire, if set: for liars. */
  tamper: Tamper | undefined;
  /** Changes what passes by, if set: for those on the wire who are no members. */
  alter: Alter | undefined;
  /** Sees each request that is sent, and each answer that is given. */
  tap: ((passing: Passing, reply: Reply | undefined) => void) | undefined;
  /** Requests sent since the simulation began, by host and message: `a PING`. */
  readonly sent = new Map<string, number>();
  readonly #clock: VirtualClock;
  readonly #network: SimNetwork;
  readonly #trace: Trace;
  readonly #traffic: Traffic;
  /** The host with that IP address, or that name followed by `.sim`. */
  readonly hostAt: (address: string) => SimHost | undefined;

  /** A `Simulation` makes its own. */
  constructor(world: SimCarrierWorld) {
    this.#clock = world.clock;
    this.#network = world.network;
    this.#trace = world.trace;
    this.#traffic = world.traffic;
    this.hostAt = world.hostAt;
  }

  /** The reply comes once, by the time-out at the latest. */
  request(from: SimHost, call: SimCall, onReply: (reply: Reply) => void): void {
    const counter = `${from.name} ${messageName(call.type)}`;
    this.sent.set(counter, (this.sent.get(counter) ?? 0) + 1);
    const kind = `HTTP ${messageName(call.type)}`;
    this.#traffic.note(from.name, kind, HTTP_BYTES + call.payload.length);
    const deadlineMs = this.#clock.nowMs + call.timeoutMs;
    let open = true;
    const reply = (result: Reply) => {
      if (!open) return;
      open = false;
      onReply(result);
    };
    this.#clock.in(call.timeoutMs, () =>
      reply({ kind: "failed", reason: "no-answer", detail: "no answer in time" }),
    );
    const target = this.hostAt(call.address);
    const sent = { ...call, payload: call.payload.slice(), from, to: target };
    this.tap?.(sent, undefined);
    const passing = { ...sent, payload: this.alter?.(sent, from, target) ?? sent.payload };
    const lie = this.tamper?.(passing);
    if (lie !== undefined) {
      this.#clock.in(1, () => reply(lie));
      return;
    }
    const to = target?.address ?? call.address;
    const barrier = this.#network.barrier(from.address, to);
    if (barrier === "silent") return;
    this.#network.carry(from.address, to, () => {
      if (this.#clock.nowMs > deadlineMs) return;
      const back = (result: Reply) => {
        const answerBytes = result.kind === "answer" ? result.payload.length : 0;
        if (target !== undefined)
          this.#traffic.note(target.name, `${kind} answer`, HTTP_BYTES + answerBytes);
        this.#network.carry(to, from.address, () => {
          this.tap?.(passing, result);
          const { type } = passing;
          const altered =
            result.kind === "answer" && target !== undefined
              ? this.alter?.({ type, payload: result.payload }, target, from)
              : undefined;
          reply(altered === undefined ? result : ({ ...result, payload: altered } as Reply));
        });
      };
      if (barrier === "reject" || target?.port !== call.port) back(REFUSED_CONNECTION);
      else this.deliver(from, this.hostAt(call.address), passing, back);
    });
  }

  /** Brings a request to a host, as a carrier would: the way in for forged messages too. */
  deliver(
    from: Pick<SimHost, "address" | "keyId">,
    to: SimHost | undefined,
    { type, payload }: Pick<SimCall, "type" | "payload">,
    back: (reply: Reply) => void,
  ): void {
    if (to === undefined || !to.running) {
      back(REFUSED_CONNECTION);
      return;
    }
    this.#trace.note(this.#clock.nowMs, `${to.name} ${messageName(type)} ${from.address}`, payload);
    if (from.keyId !== to.keyId) {
      if (to.keyId !== undefined) to.stranger(from.address);
      back(
        to.keyId === undefined
          ? { kind: "refused", status: 400, text: "" }
          : { kind: "refused", status: 401, text: WRONG_KEY },
      );
      return;
    }
    // HTTP answers once; a request that arrives twice is answered twice.
    to.receive({ type, payload, from: from.address }, (outcome) => back(toReply(outcome, to)));
  }
}

const WRONG_KEY = "Missing or incorrect encryption key";

const REFUSED_CONNECTION: Reply = {
  kind: "failed",
  reason: "unreachable",
  detail: "connection refused",
};

/** What the asker sees; with a network key an unproven asker learns no reason (D11). */
function toReply(outcome: Outcome, host: SimHost): Reply {
  if (outcome.kind === "answer") {
    const peerUnixSeconds = Math.floor(host.unixSeconds);
    return { kind: "answer", payload: outcome.payload.slice(), peerUnixSeconds };
  }
  const { status, text, authenticated } = outcome;
  return authenticated || host.keyId === undefined
    ? { kind: "refused", status, text }
    : { kind: "refused", status: 401, text: WRONG_KEY };
}
