/**
 * An association as its asker uses it: the requests in flight, and how the peer answers.
 * @module
 */
import type { Alarm } from "./alarm.ts";
import type { Message, RequestOptions } from "./carrier.ts";
import type { RoundTrip } from "./round-trip.ts";
import type { UdpAssociation } from "./udp-association.ts";
import { decodeContent, encodeContent, PAYLOAD_BYTES_MAX } from "./udp-content.ts";
import type { AnswerDatagram } from "./udp-datagram.ts";
import { UdpExchange, type UdpReply } from "./udp-exchange.ts";

/** Request ids are never used twice in an association. */
const ID_MAX = 0xffff_ffff;
/** An idle link is not trusted: the answering side may have forgotten it. In milliseconds. */
const IDLE_MS_MAX = 10 * 60_000;

export interface UdpLinkContext {
  readonly association: UdpAssociation;
  readonly roundTrip: RoundTrip;
  readonly alarm: Alarm;
  readonly inFlightMax: number;
  readonly monotonicMs: () => number;
  /** Sends a datagram to the peer. */
  readonly send: (bytes: Uint8Array) => void;
  /** A request was answered or refused: datagrams pass. */
  readonly onAnswer: () => void;
  /** Nothing came back for a request. */
  readonly onSilent: () => void;
  /** A link that was {@link UdpLink.retire retired} has nothing in flight any more. */
  readonly onEnd: () => void;
}

export class UdpLink {
  readonly #context: UdpLinkContext;
  readonly #inFlight = new Map<number, UdpExchange>();
  #heardMs: number;
  #lastId = 0;
  #retired = false;

  constructor(context: UdpLinkContext) {
    this.#context = context;
    this.#heardMs = context.monotonicMs();
  }

  /** Whether another link has to take its place. */
  get isSpent(): boolean {
    const idleMs = this.#context.monotonicMs() - this.#heardMs;
    return this.#lastId === ID_MAX || (idleMs > IDLE_MS_MAX && this.#inFlight.size === 0);
  }

  /** Whether one more request, with a payload of this size, can go by datagram. */
  takes(payloadBytes: number): boolean {
    return payloadBytes <= PAYLOAD_BYTES_MAX && this.#inFlight.size < this.#context.inFlightMax;
  }

  /**
   * Sends one request.
   *
   * @param onReply Called exactly once, never from within.
   */
  ask(
    { type, payload }: Message,
    options: RequestOptions,
    onReply: (reply: UdpReply) => void,
  ): void {
    const { association, roundTrip, alarm, send, onSilent, onAnswer } = this.#context;
    this.#lastId++;
    const id = this.#lastId;
    const content = encodeContent({ what: "request", id, type, payload });
    const nowMs = this.#context.monotonicMs();
    const context = {
      roundTrip,
      heardMs: () => this.#heardMs,
      send: () => send(association.seal(content)),
      onEnd: () => {
        this.#inFlight.delete(id);
        alarm.delete(exchange);
        if (this.#retired) this.#endIfIdle();
      },
    };
    const exchange = new UdpExchange(context, type, options, nowMs, (reply) => {
      if (reply.kind === "silent") onSilent();
      if (reply.kind === "answer" || reply.kind === "refused") onAnswer();
      onReply(reply);
    });
    this.#inFlight.set(id, exchange);
    exchange.onDue(nowMs);
    alarm.add(exchange);
  }

  /** Takes an ANSWER of this association. */
  receive(datagram: AnswerDatagram): void {
    const { association, monotonicMs } = this.#context;
    const bytes = association.open(datagram);
    if (bytes === undefined) return;
    this.#heardMs = monotonicMs();
    const content = decodeContent(bytes);
    if (content !== undefined) this.#inFlight.get(content.id)?.receive(content, this.#heardMs);
  }

  /** No more requests; those in flight may still be answered. */
  retire(): void {
    this.#retired = true;
    this.#endIfIdle();
  }

  /** The peer is gone: what is in flight has to be asked elsewhere. */
  giveUp(): void {
    for (const exchange of [...this.#inFlight.values()]) exchange.giveUp();
  }

  /** Ends what is in flight as closed. */
  close(detail: string): void {
    for (const exchange of [...this.#inFlight.values()]) exchange.fail(detail);
  }

  #endIfIdle(): void {
    if (this.#inFlight.size === 0) this.#context.onEnd();
  }
}
