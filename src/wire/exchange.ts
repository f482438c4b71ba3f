/**
 * The vocabulary of one exchange, a request and its reply, that the core and the carriers share.
 * @module
 */
import type { MessageType } from "./message-type.ts";

/** Where a node listens: a host name or IP address (IPv6 without brackets), and a port. */
export interface Address {
  /** A host name or IP address; IPv6 without brackets. */
  readonly address: string;
  /** 0 to 65535; 0 only where the system is to choose. */
  readonly port: number;
}

/** A node as it has proved itself on a session: nobody else can have sent what came on it. */
export interface ProvenPeer {
  /** Its id. */
  readonly nodeId: string;
  /** Raw x‖y, 64 bytes. */
  readonly publicKey: Uint8Array;
  /** Random per process, as hex. */
  readonly incarnation: string;
}

/** Where a message goes, and who must take it there. */
export interface Target extends Address {
  /** The node that it is for. Only a session can tell; other carriers go by the address. */
  readonly peer?: Pick<ProvenPeer, "nodeId" | "publicKey"> | undefined;
}

/** A message before framing and sealing. */
export interface Message<Type extends number = MessageType> {
  /** Which message it is. */
  readonly type: Type;
  /** The body, without the type byte. */
  readonly payload: Uint8Array;
  /**
   * Goes before the payload, so that a large one need not be copied to get it in front. Only a
   * carrier with the feature `session` is given one.
   */
  readonly head?: Uint8Array | undefined;
}

/** All bytes of a message behind its type. */
export function wholePayload({
  head,
  payload,
}: Pick<Message<number>, "head" | "payload">): Uint8Array {
  if (head === undefined) return payload;
  const whole = new Uint8Array(head.length + payload.length);
  whole.set(head);
  whole.set(payload, head.length);
  return whole;
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

/** Why no usable answer came. */
export type FailureReason =
  /** Refused, unreachable, no such name: the request was surely not delivered. */
  | "unreachable"
  /** More waits for that peer already than may: nothing of it was sent. */
  | "full"
  /** No answer in time, or the connection broke midway: it may have been delivered. */
  | "no-answer"
  /** An answer came that is no DSN answer, or could not be opened. */
  | "not-dsn"
  /** The answer was larger than allowed. */
  | "too-large"
  /** The carrier was closed, or the caller gave up. */
  | "closed";

/** What came back. Failures are values, not exceptions. */
export type Reply =
  | {
      readonly kind: "answer";
      /** The body, opened, without the type byte. */
      readonly payload: Uint8Array;
      /** Unix seconds of the peer's `Date` header, whole seconds, where the carrier has one. */
      readonly peerUnixSeconds?: number | undefined;
      /** The peer's `Server` header, cut to 64 characters; unauthenticated. */
      readonly server?: string | undefined;
    }
  | { readonly kind: "refused"; readonly status: number; readonly text: string }
  | {
      readonly kind: "failed";
      readonly reason: FailureReason;
      /** The evidence, as a part of a sentence for people. */
      readonly detail: string;
    };

/** `host:port` as people write it, with brackets around an IPv6 address. */
export function formatAddress({ address, port }: Address): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

export function sameAddress(a: Address | undefined, b: Address | undefined): boolean {
  return a !== undefined && b !== undefined && a.port === b.port && a.address === b.address;
}
