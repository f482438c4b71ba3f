/**
 * From an opened request to its answer: each request reaches the handler once, however often it
 * comes.
 * @module
 */
import type { Seal } from "../crypto/seal.ts";
import { MessageType } from "../wire/message-type.ts";
import { isPingRequest } from "../wire/ping.ts";
import type { CarrierListener, Outcome } from "./carrier.ts";
import { unopenedRefusal, type WireRefusal, wireRefusal } from "./framing.ts";
import type { UdpLimits } from "./limits.ts";
import { ReplayWindow } from "./replay-window.ts";
import type { After } from "./timers.ts";
import { type AnswersById, RememberedAnswers } from "./udp-answers.ts";
import {
  encodeContent,
  PAYLOAD_BYTES_MAX,
  type UdpContent,
  type UdpRequest,
} from "./udp-content.ts";
import { CONTENT_BYTES_MAX } from "./udp-datagram.ts";

const SERVER_ERROR: WireRefusal = { status: 500, text: "", uniform: false };

/** One asker: an association, as far as its requests are concerned. */
export class UdpAsker {
  /** IP address, IPv4 in its own form. */
  readonly from: string;
  /** Sends content to it. */
  readonly send: (content: Uint8Array) => void;
  readonly ids = new ReplayWindow();
  /** Ids of requests that are being answered. */
  readonly running = new Set<number>();
  readonly answers: AnswersById = new Map();

  constructor(from: string, send: (content: Uint8Array) => void) {
    this.from = from;
    this.send = send;
  }
}

export class UdpServing {
  /** Who answers; without one, HTTP is asked. */
  listener: CarrierListener | undefined;
  readonly #seal: Seal;
  readonly #limits: UdpLimits;
  readonly #after: After;
  readonly #remembered: RememberedAnswers;
  readonly #running = new Set<(outcome: "elsewhere") => void>();
  #onIdle: (() => void) | undefined;
  #closing = false;

  /** @param seal Refusals say by datagram what they say over HTTP under this seal. */
  constructor(seal: Seal, limits: UdpLimits, after: After) {
    this.#seal = seal;
    this.#limits = limits;
    this.#after = after;
    this.#remembered = new RememberedAnswers(limits.answersMax, limits.answerBytesMax);
  }

  /** Requests being answered. */
  get running(): number {
    return this.#running.size;
  }

  receive(asker: UdpAsker, request: UdpRequest): void {
    const { id } = request;
    if (!asker.ids.accept(id)) this.#again(asker, id);
    else if (this.#hasRoom(asker)) this.#handle(asker, request);
    else this.#answer(asker, { what: "elsewhere", id });
  }

  /** Takes no more requests, and sends on to HTTP what is not answered after a moment. */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.#running.size > 0) await this.#idle();
    for (const respond of [...this.#running]) respond("elsewhere");
  }

  #idle(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#after(this.#limits.closeGraceMs, resolve);
      this.#onIdle = () => {
        cancel();
        resolve();
      };
    });
  }

  /** What came before comes again: its answer may have been lost. */
  #again(asker: UdpAsker, id: number): void {
    const answer = asker.answers.get(id);
    if (answer !== undefined) asker.send(answer);
    else asker.send(encodeContent({ what: asker.running.has(id) ? "taken" : "elsewhere", id }));
  }

  #hasRoom(asker: UdpAsker): boolean {
    const { requestsMax, requestsPerAssociationMax } = this.#limits;
    return (
      !this.#closing &&
      this.listener !== undefined &&
      this.#running.size < requestsMax &&
      asker.running.size < requestsPerAssociationMax
    );
  }

  #handle(asker: UdpAsker, { id, type, payload }: UdpRequest): void {
    if (this.#seal.secret && type === MessageType.PING && !isPingRequest(payload)) {
      this.#answer(asker, refusal(id, unopenedRefusal(this.#seal)));
      return;
    }
    const respond = (outcome: Outcome | "elsewhere") => {
      if (!this.#running.delete(respond)) return;
      asker.running.delete(id);
      cancelDeadline();
      this.#answer(asker, this.#toContent(id, type, outcome));
      if (this.#running.size === 0) this.#onIdle?.();
    };
    this.#running.add(respond);
    asker.running.add(id);
    const cancelDeadline = this.#after(this.#limits.answerTimeoutMs, () => {
      respond({ kind: "refusal", ...SERVER_ERROR, authenticated: true });
    });
    try {
      this.listener?.onRequest({ type, payload, from: asker.from }, respond);
    } catch (error) {
      // A bug of ours, not a fault of the asker.
      respond({ kind: "refusal", ...SERVER_ERROR, authenticated: false });
      this.listener?.onFault?.(error);
    }
  }

  #toContent(id: number, type: MessageType, outcome: Outcome | "elsewhere"): UdpContent {
    if (outcome === "elsewhere") return { what: "elsewhere", id };
    if (outcome.kind === "refusal") return refusal(id, wireRefusal(this.#seal, outcome));
    const fits = outcome.payload.length <= PAYLOAD_BYTES_MAX;
    return fits
      ? { what: "answer", id, type, payload: outcome.payload }
      : { what: "elsewhere", id };
  }

  #answer(asker: UdpAsker, content: UdpContent): void {
    const bytes = encodeContent(content);
    // A text may be too long as well.
    const fits = bytes.length <= CONTENT_BYTES_MAX;
    const answer = fits ? bytes : encodeContent({ what: "elsewhere", id: content.id });
    this.#remembered.add(asker.answers, content.id, answer);
    asker.send(answer);
  }
}

function refusal(id: number, { status, text }: WireRefusal): UdpContent {
  return { what: "refusal", id, status, text };
}
