/**
 * The answering half of a session: requests being handled, and their answers on the way.
 * @module
 */
import { type AnyType, NativeType } from "../wire/native-type.ts";
import type { Outcome, ProvenPeer } from "./carrier.ts";
import type { SessionContext } from "./session-context.ts";
import { encodeRefusal, FrameKind } from "./session-frame.ts";
import { SessionInbound } from "./session-inbound.ts";
import { LargeAnswers } from "./session-large-answers.ts";
import type { SessionLink } from "./session-link.ts";
import { Lane, laneOf, Outgoing } from "./session-outgoing.ts";

export class SessionAnswering {
  readonly #context: SessionContext;
  readonly #link: SessionLink;
  readonly #peer: ProvenPeer;
  readonly #from: string;
  readonly #onStuck: () => void;
  /** Those that were not answered at once. */
  readonly #later = new Map<number, SessionInbound>();
  readonly #large = new LargeAnswers();

  /** @param onStuck The peer asks more and more, and takes no answers. */
  constructor(
    context: SessionContext,
    link: SessionLink,
    peer: ProvenPeer,
    from: string,
    onStuck: () => void,
  ) {
    this.#context = context;
    this.#link = link;
    this.#peer = peer;
    this.#from = from;
    this.#onStuck = onStuck;
  }

  /** Requests that are being handled. */
  get size(): number {
    return this.#later.size;
  }

  /** @returns with which status a request is refused; undefined for one that may come. */
  refusalOf(type: AnyType, bytes: number): number | undefined {
    const { requestBytesMax, runningMax } = this.#context.limits;
    if (bytes > requestBytesMax[type]) return 413;
    if (this.#later.size >= runningMax) return 503;
    return this.#large.refuses(type) ? 503 : undefined;
  }

  /** @param payload Its owner is the handler. */
  handle(id: number, type: AnyType, payload: Uint8Array): void {
    const status = this.refusalOf(type, payload.length);
    const listener = this.#context.listener();
    if (status !== undefined || listener === undefined) {
      this.refuse(id, type, status ?? 503, "");
      return;
    }
    const inbound = new SessionInbound(id, type, this.#onOutcome);
    const request = { type, payload, from: this.#from, peer: this.#peer };
    try {
      listener.onRequest(request, inbound.respond);
    } catch (error) {
      inbound.respond({ kind: "refusal", status: 500, text: "", authenticated: true });
      listener.onFault?.(error);
    }
    if (!inbound.done) this.#wait(inbound);
  }

  refuse(id: number, type: number, status: number, text: string): void {
    const lane = laneOf(type as AnyType, 0);
    const content = encodeRefusal(status, text);
    const frame = new Outgoing(lane, FrameKind.REFUSAL, id, type, content);
    if (!this.#link.lanes.pushSmall(frame)) this.#onStuck();
    this.#link.wake();
  }

  /** The asker does not wait any more. */
  cancel(id: number): void {
    const inbound = this.#later.get(id);
    if (inbound === undefined) {
      const large = this.#large.remove(id);
      if (large === undefined) return;
      this.#link.lanes.drop(large);
      this.#link.wake();
      return;
    }
    inbound.cancel();
    this.#forget(inbound);
  }

  /** The session has ended: answers go nowhere. */
  end(): void {
    for (const inbound of this.#later.values()) {
      inbound.cancel();
      this.#context.deadlines.delete(inbound);
    }
    this.#later.clear();
  }

  #wait(inbound: SessionInbound): void {
    const { deadlines, limits, monotonicMs } = this.#context;
    // An id used twice: the one before has lost its asker.
    this.cancel(inbound.id);
    this.#later.set(inbound.id, inbound);
    deadlines.add(inbound, monotonicMs() + limits.answerTimeoutMs);
  }

  #forget(inbound: SessionInbound): void {
    if (!inbound.listed) return;
    this.#context.deadlines.delete(inbound);
    this.#later.delete(inbound.id);
  }

  readonly #onOutcome = (inbound: SessionInbound, outcome: Outcome): void => {
    const { id, type } = inbound;
    this.#later.delete(id);
    this.#context.deadlines.delete(inbound);
    if (outcome.kind === "answer") this.#answer(id, type, outcome.payload);
    else if (isErrorStatus(outcome.status)) this.refuse(id, type, outcome.status, outcome.text);
    else this.refuse(id, type, 500, "");
  };

  #answer(id: number, type: AnyType, payload: Uint8Array): void {
    const { answerBytesMax } = this.#context.limits;
    if (payload.length > answerBytesMax) {
      this.refuse(id, type, 500, "");
      const error = new RangeError(`Cannot answer with ${payload.length} bytes`);
      this.#context.listener()?.onFault?.(error);
      return;
    }
    const lane = laneOf(type, payload.length);
    const frame = new Outgoing(lane, FrameKind.ANSWER, id, type, payload);
    // An owner does not wait for what is said of its versions: one write does for many of them.
    const isAck = type === NativeType.STATES && lane === Lane.STATE;
    const sent = isAck ? this.#link.sendPatiently(frame) : this.#link.send(frame);
    if (!sent) this.refuse(id, type, 503, "");
    else if (lane === Lane.BULK) this.#large.add(id, frame);
  }
}

function isErrorStatus(status: number): boolean {
  return Number.isInteger(status) && status >= 400 && status <= 599;
}
