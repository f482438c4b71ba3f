/**
 * What a stranger can make this node hold, and for how long. Each limit is declared once, here.
 * @module
 */
import { MessageType } from "../wire/message-type.ts";
import { type AnyType, NativeType } from "../wire/native-type.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** The type byte, and what any seal may add: an IV and padding, or a nonce and a tag. */
const ENVELOPE_BYTES = 1 + 64;

export interface CarrierLimits {
  /** Largest body of a request, sealed, in bytes. Larger ones get 413 and are not read. */
  readonly bodyBytesMax: Readonly<Record<MessageType, number>>;
  /**
   * Body bytes of strangers and peers, in memory together, in both directions. Beyond it a new
   * body gets 503.
   */
  readonly unauthenticatedBytesMax: number;
  /**
   * Bodies that cannot grow over this many bytes are not counted in the sum above: the limit on
   * connections bounds them, and a flood must not make a PING fail, because the reference drops a
   * peer at the first answer other than 200.
   */
  readonly uncountedBodyBytesMax: number;
  /** Connections accepted, all sources together. */
  readonly connectionsMax: number;
  /** Connections accepted from one IP address. */
  readonly connectionsPerSourceMax: number;
  /** Header of a request or an answer, in bytes. */
  readonly headerBytesMax: number;
  /** Milliseconds for the header of a request, from its first byte. */
  readonly headersTimeoutMs: number;
  /** Milliseconds that a body may take on top of its size at the rate below. */
  readonly bodyGraceMs: number;
  /** Slowest rate at which a body may come in, or an answer be taken, in bytes per second. */
  readonly bodyBytesPerSecondMin: number;
  /** Milliseconds for a handler to answer; then the asker gets 500. */
  readonly answerTimeoutMs: number;
  /** Milliseconds that an idle connection is kept for a peer that dialled us. */
  readonly serverIdleMs: number;
  /**
   * Milliseconds that we keep an idle connection. Less than peers keep theirs, so that it is us
   * who close it and a connection closed by the peer means something.
   */
  readonly clientIdleMs: number;
  /** Connections to one peer at the same time. */
  readonly connectionsPerPeerMax: number;
  /** Idle connections kept per peer. */
  readonly idleConnectionsPerPeerMax: number;
  /** Text of a refusal that is kept, in bytes. */
  readonly refusalTextBytesMax: number;
  /** Milliseconds that running answers get when the carrier closes. */
  readonly closeGraceMs: number;
}

export const DEFAULT_LIMITS: CarrierLimits = {
  bodyBytesMax: {
    [MessageType.HELLO]: 64 * KIB + ENVELOPE_BYTES,
    [MessageType.PEERS]: MIB + ENVELOPE_BYTES,
    // 8 MiB of state JSON; the 64 KiB hold id, signature and the block behind them.
    [MessageType.UPDATE]: 8 * MIB + 64 * KIB + ENVELOPE_BYTES,
    [MessageType.PING]: KIB + ENVELOPE_BYTES,
    [MessageType.DATA]: 64 * MIB + 64 * KIB + ENVELOPE_BYTES,
  },
  unauthenticatedBytesMax: 128 * MIB,
  uncountedBodyBytesMax: 4 * KIB,
  connectionsMax: 1024,
  connectionsPerSourceMax: 512,
  headerBytesMax: 8 * KIB,
  headersTimeoutMs: 5_000,
  bodyGraceMs: 10_000,
  bodyBytesPerSecondMin: 256 * KIB,
  answerTimeoutMs: 30_000,
  serverIdleMs: 75_000,
  clientIdleMs: 60_000,
  connectionsPerPeerMax: 16,
  idleConnectionsPerPeerMax: 2,
  refusalTextBytesMax: KIB,
  closeGraceMs: 250,
};

/** What others can make the UDP carrier hold. */
export interface UdpLimits {
  /** Associations that askers began with us; a new one beyond it is left to HTTP. */
  readonly associationsMax: number;
  /** The same, from one IP address. */
  readonly associationsPerSourceMax: number;
  /** Requests that are being answered; one beyond it is sent on to HTTP. */
  readonly requestsMax: number;
  /** The same, in one association. */
  readonly requestsPerAssociationMax: number;
  /** Answers remembered, in case their requests are repeated: the oldest go first. */
  readonly answersMax: number;
  /** The same, in bytes. */
  readonly answerBytesMax: number;
  /** Milliseconds for a handler to answer; then the asker is refused with 500. */
  readonly answerTimeoutMs: number;
  /** Milliseconds that running answers get when the carrier closes. */
  readonly closeGraceMs: number;
  /** Requests that we have in flight to one peer; more go over HTTP. */
  readonly inFlightPerPeerMax: number;
  /** Peers that datagrams are sent to; beyond it the one known longest goes over HTTP. */
  readonly peersMax: number;
}

export const DEFAULT_UDP_LIMITS: UdpLimits = {
  associationsMax: 4_096,
  associationsPerSourceMax: 512,
  requestsMax: 4_096,
  requestsPerAssociationMax: 128,
  answersMax: 16_384,
  answerBytesMax: 8 * MIB,
  answerTimeoutMs: DEFAULT_LIMITS.answerTimeoutMs,
  closeGraceMs: DEFAULT_LIMITS.closeGraceMs,
  inFlightPerPeerMax: 64,
  peersMax: 4_096,
};

/** Milliseconds that `bytes` may take on the way: a fixed grace, and their size at the rate. */
export function transferMsMax(
  bytes: number,
  {
    bodyGraceMs,
    bodyBytesPerSecondMin,
  }: Pick<CarrierLimits, "bodyGraceMs" | "bodyBytesPerSecondMin">,
): number {
  return bodyGraceMs + Math.ceil((bytes * 1000) / bodyBytesPerSecondMin);
}

/** What others can make sessions hold. */
export interface SessionLimits {
  /** Connections that strangers have begun and not yet proved themselves on. */
  readonly handshakesMax: number;
  /** The same, from one IP address. */
  readonly handshakesPerSourceMax: number;
  /** Milliseconds from the beginning of a connection until both sides have proved themselves. */
  readonly handshakeMsMax: number;
  /**
   * How often sessions are looked at, in milliseconds: one that rests from one look to the next
   * ends, unless the node keeps it.
   */
  readonly restMsMax: number;
  /** Sessions that others began. */
  readonly sessionsMax: number;
  /** Largest request, in bytes. Larger ones are refused with 413. */
  readonly requestBytesMax: Readonly<Record<AnyType, number>>;
  /** Largest answer that is sent, in bytes. */
  readonly answerBytesMax: number;
  /** Bytes that wait in one lane of a session, of messages that fit one frame. */
  readonly laneBytesMax: number;
  /** Bytes that wait in the lane of larger messages. */
  readonly bulkBytesMax: number;
  /** Bytes of larger messages that are coming in, of all sessions together. */
  readonly incomingBytesMax: number;
  /** Milliseconds that one of them may take on top of what has come of it at the rate below. */
  readonly bodyGraceMs: number;
  /** Slowest rate at which it may come in, in bytes per second. */
  readonly bodyBytesPerSecondMin: number;
  /** Requests of one peer that are being handled. More are refused with 503. */
  readonly runningMax: number;
  /** Milliseconds for a handler to answer; then the asker is refused with 500. */
  readonly answerTimeoutMs: number;
  /** Credit for bulk at the beginning of a session, in bytes. */
  readonly creditBytesMin: number;
  /** Largest credit for bulk that a receiver has open, in bytes. */
  readonly creditBytesMax: number;
  /** Milliseconds without a byte, with a request unanswered, after which another session is dialled. */
  readonly silenceMsMax: number;
  /** Sessions dialled in both directions within so many milliseconds are one intention. */
  readonly tieMsMax: number;
  /** Milliseconds for a session that another one has replaced to end. */
  readonly drainMsMax: number;
  /** Milliseconds that running answers get when the carrier closes. */
  readonly closeGraceMs: number;
}

const { bodyBytesMax } = DEFAULT_LIMITS;

export const DEFAULT_SESSION_LIMITS: SessionLimits = {
  handshakesMax: 128,
  handshakesPerSourceMax: 64,
  handshakeMsMax: 5_000,
  restMsMax: 30_000,
  sessionsMax: 1024,
  requestBytesMax: {
    ...bodyBytesMax,
    [NativeType.ALIVE]: 64 * KIB,
    [NativeType.BYTES]: bodyBytesMax[MessageType.DATA],
    [NativeType.STATES]: 16 * MIB,
    [NativeType.DIGEST]: 16 * MIB,
    [NativeType.MEMBERS]: 4 * MIB,
    [NativeType.RELAY]: 64 * KIB,
    [NativeType.LEAVE]: 64 * KIB,
    [NativeType.OFFER]: 1 * MIB,
    [NativeType.INTRODUCE]: 4 * MIB,
  },
  answerBytesMax: bodyBytesMax[MessageType.DATA],
  laneBytesMax: 8 * MIB,
  bulkBytesMax: 128 * MIB,
  incomingBytesMax: 256 * MIB,
  bodyGraceMs: DEFAULT_LIMITS.bodyGraceMs,
  bodyBytesPerSecondMin: DEFAULT_LIMITS.bodyBytesPerSecondMin,
  runningMax: 16_384,
  answerTimeoutMs: DEFAULT_LIMITS.answerTimeoutMs,
  creditBytesMin: 64 * KIB,
  creditBytesMax: 4 * MIB,
  silenceMsMax: 1_000,
  tieMsMax: 2_000,
  drainMsMax: 30_000,
  closeGraceMs: DEFAULT_LIMITS.closeGraceMs,
};
