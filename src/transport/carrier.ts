/**
 * The port that brings a request to a peer and its answer back.
 *
 * Carriers own framing and sealing; the core and the node see only a type and a payload. `http`,
 * `udp+http` and `memory` implement it, and each passes `test/contract/carrier.ts`.
 * @module
 */
import type {
  Address,
  FailureReason,
  Message,
  Outcome,
  ProvenPeer,
  Reply,
  Target,
} from "../wire/exchange.ts";
import type { MessageType } from "../wire/message-type.ts";
import type { SessionIdentity } from "./session-identity.ts";

export type { Address, FailureReason, Message, Outcome, ProvenPeer, Reply, Target };

/** A request that came in. */
export interface InboundRequest<Type extends number = MessageType> extends Message<Type> {
  /** IP address of the sender as the socket says; IPv4 in its own form, never `::ffff:`. */
  readonly from: string;
  /** Whose session brought it. Undefined from carriers that do not prove who sends. */
  readonly peer?: ProvenPeer | undefined;
}

/** Called once per request; `respond` is called exactly once, now or later. */
export type RequestHandler<Type extends number = MessageType> = (
  request: InboundRequest<Type>,
  respond: (outcome: Outcome) => void,
) => void;

/** The limits of one request. */
export interface RequestOptions {
  /** Total time in milliseconds, connection and whole answer included. */
  readonly timeoutMs: number;
  /**
   * Time in milliseconds for an answer of one that has just taken a connection of ours, if that is
   * more: it is there and has much to do, and asking again would give it more. Only HTTP heeds it.
   */
  readonly patienceMs?: number | undefined;
  /** Largest answer accepted, in bytes, before it is opened. */
  readonly answerBytesMax: number;
  /** Aborting ends the request as `closed`. */
  readonly signal?: AbortSignal | undefined;
}

/** Who is told what a carrier brings. */
export interface CarrierListener<Type extends number = MessageType> {
  /** A request came in; `respond` is to be called exactly once. */
  readonly onRequest: RequestHandler<Type>;
  /** A connection that this carrier kept open to `to` was closed by the other side. */
  readonly onConnectionLost?: (to: Address) => void;
  /** The last session with this node has ended, and not by us: perhaps its process died. */
  readonly onSessionLost?: (peer: ProvenPeer) => void;
  /** A message came that does not open with our network key; `from` is an IP address. */
  readonly onStranger?: (from: string) => void;
  /** A callback of this listener threw: a bug here. The asker was refused, the carrier carries on. */
  readonly onFault?: (error: unknown) => void;
}

/**
 * Brings a request to a peer and its answer back. Framing and sealing are the carrier's business;
 * whoever uses one sees a type and a payload. A carrier of your own may run the suite
 * `test/contract/carrier.ts`.
 */
export interface Carrier<Type extends number = MessageType> {
  /** Its name in logs and events: `http`, `memory`. */
  readonly name: string;

  /**
   * Starts answering. Resolves with the address really bound, once peers can reach us.
   *
   * @param at Port 0 lets the system choose.
   * @throws {DsnError} `DSN_PORT_IN_USE`, `DSN_CANNOT_LISTEN`.
   */
  listen(at: Address, listener: CarrierListener<Type>): Promise<Address>;

  /** Sends one request and waits for its reply. Resolves exactly once, within `timeoutMs`. */
  request(to: Target, message: Message<Type>, options: RequestOptions): Promise<Reply>;

  /**
   * Sends one message to many, framed and sealed once. Each reply is told on its own.
   * A slow receiver delays none of the others.
   */
  broadcast(
    to: readonly Target[],
    message: Message<Type>,
    options: RequestOptions,
    onReply: (index: number, reply: Reply) => void,
  ): void;

  /** What peers may use with this carrier, such as `udp`; known once it listens. */
  readonly features?: readonly string[];

  /** Who we are on sessions. Until then nobody has one with us. */
  identify?(identity: SessionIdentity): void;

  /** Ends the sessions with a node: its key was forgotten, or what it said was not true. */
  endSession?(nodeId: string): void;

  /**
   * The peer at `to` has said, signed, that it takes datagrams on the port of its HTTP; or, with
   * `false`, that it does not. Carriers without datagrams have no use for it.
   *
   * @param sessions It has sessions with us, so no HTTP connection is kept to see its process end.
   *   @default false
   */
  speaksDatagrams?(to: Address, speaks: boolean, sessions?: boolean): void;

  /** Stops answering and asking; open requests end as `closed`. Safe to call twice. */
  close(): Promise<void>;
}
