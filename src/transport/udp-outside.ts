/** What UDP needs of the outside, without its socket: handed in, so that a simulation runs the same. */
import type { UdpLimits } from "./limits.ts";
import type { After } from "./timers.ts";
import type { UdpSend } from "./udp-switch.ts";

export interface UdpOutside {
  /** 16 bytes; undefined for a network without a key. */
  readonly networkKey: Uint8Array | undefined;
  readonly limits: UdpLimits;
  /** Milliseconds on a clock that never steps back. */
  readonly monotonicMs: () => number;
  readonly after: After;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly send: UdpSend;
}
