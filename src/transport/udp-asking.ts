/**
 * The asking half of UDP: ways to peers, and what they share.
 * @module
 */
import { Alarm } from "./alarm.ts";
import type { Address } from "./carrier.ts";
import type { After } from "./timers.ts";
import type { DatagramToAsker } from "./udp-datagram.ts";
import { UdpPath, type UdpPathContext } from "./udp-path.ts";
import { type UdpSend, UdpSwitch } from "./udp-switch.ts";

export interface UdpAskingOptions
  extends Pick<
    UdpPathContext,
    "networkKey" | "randomBytes" | "monotonicMs" | "inFlightMax" | "resolve"
  > {
  readonly after: After;
  readonly send: UdpSend;
}

export class UdpAsking {
  readonly #context: UdpPathContext;
  readonly #paths = new Set<UdpPath>();

  constructor({ send, after, ...options }: UdpAskingOptions) {
    this.#context = {
      ...options,
      alarm: new Alarm(options.monotonicMs, after),
      switch: new UdpSwitch(send),
    };
  }

  /** From how many associations, being begun or begun, something may come. */
  get expected(): number {
    return this.#context.switch.size;
  }

  /** A way to one peer; nothing is sent yet. */
  open(to: Address): UdpPath {
    const path = new UdpPath(this.#context, to);
    this.#paths.add(path);
    return path;
  }

  /** Ends a path that {@link open} made. */
  forget(path: UdpPath): void {
    this.#paths.delete(path);
    path.reset();
    path.close("the path is closed");
  }

  /** Takes a datagram that concerns the asking side. */
  receive(datagram: DatagramToAsker): void {
    this.#context.switch.receive(datagram);
  }

  close(): void {
    for (const path of this.#paths) path.close("the carrier is closed");
    this.#paths.clear();
    this.#context.alarm.close();
    this.#context.switch.clear();
  }
}
