/**
 * Both halves of UDP over one socket, without the socket: bytes come in and go out, time and
 * chance are handed in. A simulation runs the same.
 * @module
 */
import { createNetworkSeal } from "../crypto/aes-cbc-seal.ts";
import type { Address, CarrierListener } from "./carrier.ts";
import type { UdpLimits } from "./limits.ts";
import { UdpAnswering } from "./udp-answering.ts";
import { UdpAsking } from "./udp-asking.ts";
import { decodeDatagram, isForAsker } from "./udp-datagram.ts";
import type { UdpOutside } from "./udp-outside.ts";
import type { UdpPath } from "./udp-path.ts";
import { UdpServing } from "./udp-serving.ts";
import type { UdpEndpoint } from "./udp-switch.ts";

export interface UdpStackOptions extends UdpOutside {
  /** IP addresses of a host, those that our socket can send to; none when there are none. */
  readonly resolve: (host: string, onFound: (addresses: readonly string[]) => void) => void;
}

export interface UdpLoad {
  /** Associations that others began with us. */
  readonly associations: number;
  /** Requests that we are answering. */
  readonly requests: number;
  /** Associations that we began or are beginning; one that is dropped stays while it is in use. */
  readonly expected: number;
}

export class UdpStack {
  readonly limits: UdpLimits;
  readonly #serving: UdpServing;
  readonly #asking: UdpAsking;
  readonly #answering: UdpAnswering;

  constructor(options: UdpStackOptions) {
    const { networkKey, limits, after, randomBytes, monotonicMs, send } = options;
    this.limits = limits;
    const seal = createNetworkSeal(networkKey);
    const serving = new UdpServing(seal, limits, after);
    this.#serving = serving;
    this.#asking = new UdpAsking({ ...options, inFlightMax: limits.inFlightPerPeerMax });
    const secret = randomBytes(32);
    this.#answering = new UdpAnswering({ networkKey, monotonicMs, send, limits, secret, serving });
  }

  /** What is kept for others, and how much of what we asked may still be answered. */
  get load(): UdpLoad {
    return {
      associations: this.#answering.size,
      requests: this.#serving.running,
      expected: this.#asking.expected,
    };
  }

  /** From now on requests are answered. */
  serve(listener: CarrierListener): void {
    this.#serving.listener = listener;
  }

  /** A way to one peer; {@link forget} it when it is of no use any more. */
  open(to: Address): UdpPath {
    return this.#asking.open(to);
  }

  forget(path: UdpPath): void {
    this.#asking.forget(path);
  }

  /** Takes a datagram, whatever it may be. */
  receive(bytes: Uint8Array, source: UdpEndpoint): void {
    const datagram = decodeDatagram(bytes);
    if (datagram === undefined) return;
    if (isForAsker(datagram)) this.#asking.receive(datagram);
    else this.#answering.receive(datagram, source);
  }

  /** Ends what we ask as closed. */
  stopAsking(): void {
    this.#asking.close();
  }

  /** Lets running answers finish for a moment. */
  stopServing(): Promise<void> {
    return this.#serving.close();
  }
}
