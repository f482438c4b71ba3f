/**
 * What the main thread and the worker that owns its UDP socket say to each other.
 * @module
 */
import type { Address, InboundRequest, Outcome } from "./carrier.ts";
import type { UdpLimits } from "./limits.ts";
import type { UdpEndpoint } from "./udp-switch.ts";

/** What the worker begins with. */
export interface ThreadSetup {
  readonly at: Address;
  /** 16 bytes; undefined for a network without a key. The worker is given no other key. */
  readonly networkKey: Uint8Array | undefined;
  readonly limits: UdpLimits;
  /** Of the {@link LoopBeat} of the main thread. */
  readonly beat: SharedArrayBuffer;
}

/** From the main thread to the worker. */
export type ToWorker =
  | { readonly kind: "send"; readonly bytes: Uint8Array; readonly to: UdpEndpoint }
  | { readonly kind: "respond"; readonly exchange: number; readonly outcome: Outcome }
  | { readonly kind: "close" };

/** From the worker to the main thread. The first is `bound` or `failed`, which is also the last. */
export type FromWorker =
  | { readonly kind: "bound"; readonly at: Address }
  | { readonly kind: "failed"; readonly code: string | undefined; readonly message: string }
  /** For the asking half, which the main thread runs. */
  | { readonly kind: "datagram"; readonly bytes: Uint8Array; readonly source: UdpEndpoint }
  | { readonly kind: "request"; readonly exchange: number; readonly request: InboundRequest };

/** A copy in memory of its own: to send a view sends all that lies around it. */
export function exactly(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
