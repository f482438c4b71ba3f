/**
 * The port that brings a request to a peer and its answer back.
 *
 * Carriers own framing and sealing; the core and the node see only a type and a payload. `http`
 * and `memory` implement it, and each passes `test/contract/carrier.ts`.
 * @module
 */
import type { MessageType } from "../wire/message-type.ts";

/** Where a node listens: a host name or IP address (IPv6 without brackets), and a port. */
export interface Address {
  readonly address: string;
  readonly port: number;
}

/** A message before framing and sealing. */
export interface Message {
  readonly type: MessageType;
  readonly payload: Uint8Array;
}

/** A request that came in. */
export interface InboundRequest extends Message {
  /** IP address of the sender as the socket says; IPv4 in its own form, never `::ffff:`. */
  readonly from: string;
}

/** How a request was answered. */
export type Outcome =
  | { readonly kind: "answer"; readonly payload: Uint8Array }
  | {
      readonly kind: "refusal";
      /** HTTP status of the Python wire, 4xx or 5xx. */
      readonly status: number;
      /** Plain text; empty for none. */
      readonly text: string;
      /**
       * True once a signature of the asker has verified. Until then a carrier with a network key
       * must not let the asker tell one refusal from another (defect D11).
       */
      readonly authenticated: boolean;
    };

/** Called once per request; `respond` is called exactly once, now or later. */
export type RequestHandler = (
  request: InboundRequest,
  respond: (outcome: Outcome) => void,
) => void;

/** Why no usable answer came. */
export type FailureReason =
  /** Refused, unreachable, no such name: the request was surely not delivered. */
  | "unreachable"
  /** No answer in time, or the connection broke midway: it may have been delivered. */
  | "no-answer"
  /** An answer came that is no DSN answer, or could not be opened. */
  | "not-dsn"
  /** The answer was larger than allowed. */
  | "too-large"
  /** The carrier was closed, or the caller gave up. */
  | "closed";

/** What came back. A carrier never rejects: failures are values. */
export type Reply =
  | {
      readonly kind: "answer";
      readonly payload: Uint8Array;
      /** Unix seconds of the peer's `Date` header, whole seconds, where the carrier has one. */
      readonly peerUnixSeconds?: number | undefined;
      /** The peer's `Server` header, cut to 64 characters; unauthenticated. */
      readonly server?: string | undefined;
    }
  | { readonly kind: "refused"; readonly status: number; readonly text: string }
  | { readonly kind: "failed"; readonly reason: FailureReason; readonly detail: string };

export interface RequestOptions {
  /** Total time in milliseconds, connection and whole answer included. */
  readonly timeoutMs: number;
  /** Largest answer accepted, in bytes, before it is opened. */
  readonly answerBytesMax: number;
  readonly signal?: AbortSignal | undefined;
}

export interface CarrierListener {
  readonly onRequest: RequestHandler;
  /** A connection that this carrier kept open to `to` was closed by the other side. */
  readonly onConnectionLost?: (to: Address) => void;
  /** A message came that does not open with our network key; `from` is an IP address. */
  readonly onStranger?: (from: string) => void;
}

export interface Carrier {
  /** Its name in logs and events: `http`, `memory`. */
  readonly name: string;

  /**
   * Starts answering. Resolves with the address really bound, once peers can reach us.
   *
   * @param at Port 0 lets the system choose.
   * @throws {DsnError} `DSN_PORT_IN_USE`, `DSN_CANNOT_LISTEN`.
   */
  listen(at: Address, listener: CarrierListener): Promise<Address>;

  /** Sends one request and waits for its reply. Resolves exactly once, within `timeoutMs`. */
  request(to: Address, message: Message, options: RequestOptions): Promise<Reply>;

  /**
   * Sends one message to many, framed and sealed once. Each reply is told on its own.
   * A slow receiver delays none of the others.
   */
  broadcast(
    to: readonly Address[],
    message: Message,
    options: RequestOptions,
    onReply: (index: number, reply: Reply) => void,
  ): void;

  /** Stops answering and asking; open requests end as `closed`. Safe to call twice. */
  close(): Promise<void>;
}
