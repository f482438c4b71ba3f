/**
 * One request by datagram: repeated until it is answered, and given up early, because HTTP is
 * there.
 * @module
 */
import type { MessageType } from "../wire/message-type.ts";
import type { Waiting } from "./alarm.ts";
import type { Reply, RequestOptions } from "./carrier.ts";
import type { RoundTrip } from "./round-trip.ts";
import type { UdpContent } from "./udp-content.ts";

/** How a request by datagram ended. */
export type UdpReply =
  | Reply
  /** Nothing came back in time for another try over HTTP. The request may have been delivered. */
  | { readonly kind: "silent" }
  /** The peer has no answer that fits a datagram: ask over HTTP. */
  | { readonly kind: "elsewhere" };

/** Each wait before a repeat is longer than the one before, up to a limit that loss can bear. */
const WAIT_GROWTH = 1.5;
const WAIT_MS_MAX = 40;
/** Silence that ends the request, unless time is shorter. */
const SILENCE_MS = { min: 100, max: 400 };
/** Tries that silence takes; with fewer, because this process was late, twice the time. */
const TRIES = { min: 3, enough: 6 };
/** How long a request is tried while others get answers. */
const PERSISTENCE_MS = 1_500;
/** A request that the peer has while its handler works: the wait before each repeat, and silence. */
const TAKEN_MS = { wait: 150, silence: 1_500 };

export interface UdpExchangeContext {
  readonly roundTrip: RoundTrip;
  /** When an authentic datagram last came from the peer, in milliseconds. */
  readonly heardMs: () => number;
  /** Sends the request, and each repeat of it. */
  readonly send: () => void;
  /** Called once, before the reply is told. */
  readonly onEnd: () => void;
}

export class UdpExchange implements Waiting {
  dueMs: number;
  readonly #context: UdpExchangeContext;
  readonly #type: MessageType;
  readonly #options: RequestOptions;
  readonly #onReply: (reply: UdpReply) => void;
  readonly #startMs: number;
  readonly #onAbort = () => this.fail("given up by the caller");
  #tries = 0;
  #waitMs: number;
  #isTaken = false;
  #settled = false;

  /**
   * Begins with the first {@link onDue}, which the caller calls at once.
   *
   * @param onReply Called exactly once, never from within the constructor.
   */
  constructor(
    context: UdpExchangeContext,
    type: MessageType,
    options: RequestOptions,
    nowMs: number,
    onReply: (reply: UdpReply) => void,
  ) {
    this.#context = context;
    this.#type = type;
    this.#options = options;
    this.#onReply = onReply;
    this.#startMs = nowMs;
    this.#waitMs = context.roundTrip.patienceMs;
    this.dueMs = nowMs;
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (options.signal?.aborted === true) queueMicrotask(this.#onAbort);
  }

  onDue(nowMs: number): void {
    const { timeoutMs } = this.#options;
    const deadlineMs = this.#startMs + timeoutMs;
    if (this.#tries > 0 && nowMs >= deadlineMs) {
      const detail = `no answer within ${timeoutMs} ms`;
      this.#settle({ kind: "failed", reason: "no-answer", detail });
    } else if (this.#isHopeless(nowMs)) {
      this.#settle({ kind: "silent" });
    } else {
      this.#tries++;
      this.#context.send();
      this.dueMs = Math.min(deadlineMs, nowMs + this.#nextWaitMs());
    }
  }

  /** What the peer sent about this request. */
  receive(content: UdpContent, nowMs: number): void {
    switch (content.what) {
      case "answer":
        if (content.type === this.#type) this.#answered(content.payload, nowMs);
        break;
      case "refusal":
        this.#measure(nowMs);
        this.#settle({ kind: "refused", status: content.status, text: content.text });
        break;
      case "elsewhere":
        this.#settle({ kind: "elsewhere" });
        break;
      case "taken":
        this.#isTaken = true;
        break;
      case "request":
      case "confirm":
        break;
    }
  }

  /** Ends the exchange as closed. */
  fail(detail: string): void {
    this.#settle({ kind: "failed", reason: "closed", detail });
  }

  /** Ends the exchange: whoever could have answered it is gone. */
  giveUp(): void {
    this.#settle({ kind: "silent" });
  }

  #answered(payload: Uint8Array, nowMs: number): void {
    this.#measure(nowMs);
    const { answerBytesMax } = this.#options;
    if (payload.length > answerBytesMax) {
      const detail = `the answer is larger than ${answerBytesMax} bytes`;
      this.#settle({ kind: "failed", reason: "too-large", detail });
    } else {
      this.#settle({ kind: "answer", payload });
    }
  }

  #measure(nowMs: number): void {
    this.#context.roundTrip.answered(nowMs - this.#startMs, nowMs);
  }

  #nextWaitMs(): number {
    if (this.#isTaken) return TAKEN_MS.wait;
    const { patienceMs } = this.#context.roundTrip;
    const waitMs = Math.min(this.#waitMs, Math.max(patienceMs, WAIT_MS_MAX));
    this.#waitMs *= WAIT_GROWTH;
    return waitMs;
  }

  #isHopeless(nowMs: number): boolean {
    if (this.#tries < TRIES.min) return false;
    // Half of the time belongs to HTTP, unless that half is too short to be of use.
    const halfMs = Math.max(SILENCE_MS.min, this.#options.timeoutMs / 2);
    const silentMs = nowMs - Math.max(this.#startMs, this.#context.heardMs());
    if (this.#isTaken) return silentMs >= Math.min(TAKEN_MS.silence, halfMs);
    const patientMs = SILENCE_MS.max * (this.#tries < TRIES.enough ? 2 : 1);
    const ageMs = nowMs - this.#startMs;
    return silentMs >= Math.min(patientMs, halfMs) || ageMs >= Math.min(PERSISTENCE_MS, halfMs);
  }

  #settle(reply: UdpReply): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#context.onEnd();
    this.#onReply(reply);
  }
}
