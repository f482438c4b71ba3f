/**
 * The asking half of a session: requests in flight, by their ids.
 * @module
 */
import type { FailureReason, Reply } from "./carrier.ts";
import type { AskHolder, SessionAsk } from "./session-ask.ts";
import type { SessionContext } from "./session-context.ts";
import { FrameKind } from "./session-frame.ts";
import type { SessionLink } from "./session-link.ts";
import { Lane, laneOf, Outgoing } from "./session-outgoing.ts";

const NOTHING = new Uint8Array(0);
const ID_MAX = 0xffff_ffff;

export class SessionAsks implements AskHolder {
  readonly #context: SessionContext;
  readonly #link: SessionLink;
  readonly #onForgotten: (id: number) => void;
  readonly #open = new Map<number, SessionAsk>();
  #lastId = 0;
  /** When the first request was sent since something came; 0 for none. */
  #silentSinceMs = 0;
  #doubted = false;

  /** @param onForgotten The answer to this request is not wanted any more, if it still comes. */
  constructor(context: SessionContext, link: SessionLink, onForgotten: (id: number) => void) {
    this.#context = context;
    this.#link = link;
    this.#onForgotten = onForgotten;
  }

  /** Requests that wait for a reply. */
  get size(): number {
    return this.#open.size;
  }

  /** Requests were left without an answer, and nothing has come for long: perhaps it is dead. */
  get doubted(): boolean {
    return this.#doubted;
  }

  /** Something came. */
  heard(): void {
    this.#silentSinceMs = 0;
    this.#doubted = false;
  }

  /** @returns false, and takes nothing, when too much waits already. */
  send(ask: SessionAsk): boolean {
    const { type, head, payload } = ask.message;
    const id = this.#nextId();
    const lane = laneOf(type, payload.length + (head?.length ?? 0));
    const outgoing = new Outgoing(lane, FrameKind.REQUEST, id, type, payload, head);
    if (!this.#link.send(outgoing)) return false;
    ask.id = id;
    ask.outgoing = outgoing;
    ask.holder = this;
    this.#open.set(id, ask);
    if (this.#silentSinceMs === 0) this.#silentSinceMs = this.#context.monotonicMs();
    return true;
  }

  /** Largest answer that is wanted, in bytes; undefined when none is. */
  answerBytesMax(id: number): number | undefined {
    return this.#open.get(id)?.options.answerBytesMax;
  }

  /** @param payload Its owner is whoever asked. */
  answered(id: number, payload: Uint8Array): void {
    const bytesMax = this.answerBytesMax(id);
    if (bytesMax !== undefined && payload.length > bytesMax) this.tooLarge(id);
    else this.#settle(id, { kind: "answer", payload });
  }

  tooLarge(id: number): void {
    const ask = this.#open.get(id);
    const bytesMax = ask?.options.answerBytesMax ?? 0;
    ask?.fail("too-large", `the answer is larger than ${bytesMax} bytes`);
  }

  refused(id: number, status: number, text: string): void {
    const outgoing = this.#open.get(id)?.outgoing;
    this.#settle(id, { kind: "refused", status, text });
    // It may be refused before it has been sent in whole.
    if (outgoing !== undefined) this.#link.lanes.drop(outgoing);
  }

  forget(ask: SessionAsk): void {
    this.#open.delete(ask.id);
    const { outgoing } = ask;
    if (outgoing === undefined) return;
    if (outgoing.written) {
      this.#link.send(new Outgoing(Lane.LIVENESS, FrameKind.CANCEL, ask.id, 0, NOTHING));
    } else {
      this.#link.lanes.drop(outgoing);
      this.#link.wake();
    }
    this.#onForgotten(ask.id);
  }

  expired(ask: SessionAsk, nowMs: number): { reason: FailureReason; detail: string } {
    const { silenceMsMax } = this.#context.limits;
    if (this.#silentSinceMs > 0 && nowMs - this.#silentSinceMs >= silenceMsMax) {
      this.#doubted = true;
    }
    const { timeoutMs } = ask.options;
    if (ask.outgoing?.written === true) {
      return { reason: "no-answer", detail: `no answer within ${timeoutMs} ms` };
    }
    return { reason: "unreachable", detail: `the peer did not take it within ${timeoutMs} ms` };
  }

  /** The session has ended: all that wait are somebody else's now. */
  takeAll(): SessionAsk[] {
    const asks = [...this.#open.values()];
    this.#open.clear();
    for (const ask of asks) ask.holder = undefined;
    return asks;
  }

  #settle(id: number, reply: Reply): void {
    const ask = this.#open.get(id);
    if (ask === undefined) return;
    this.#open.delete(id);
    ask.holder = undefined;
    ask.settle(reply);
  }

  /** Begins again after four billion, and leaves out those in flight. */
  #nextId(): number {
    do this.#lastId = this.#lastId === ID_MAX ? 1 : this.#lastId + 1;
    while (this.#open.has(this.#lastId));
    return this.#lastId;
  }
}
