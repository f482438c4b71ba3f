/**
 * HTTP for everything, datagrams for what fits one and a peer that is known to take them.
 *
 * Nothing waits for UDP: an association is begun in the background while requests go over HTTP,
 * and a request that no datagram got answered goes on over HTTP in the time it has left. Blocked
 * UDP is the most common trouble of systems like this, so it is never required.
 * @module
 */
import { isIP } from "node:net";
import { DsnError } from "../errors.ts";
import type {
  Address,
  Carrier,
  CarrierListener,
  Message,
  Reply,
  RequestOptions,
} from "./carrier.ts";
import type { UdpCarrier } from "./udp-carrier.ts";
import { UdpRoutes } from "./udp-routes.ts";

/** Ports that the system may choose before one is free for TCP as for UDP. */
const ATTEMPTS_MAX = 8;

export interface DatagramsFirstOptions {
  readonly http: Carrier;
  readonly udp: Pick<
    UdpCarrier,
    "limits" | "features" | "listen" | "unlisten" | "open" | "forget" | "close"
  >;
  /** Milliseconds on a clock that never steps back. @default performance.now */
  readonly monotonicMs?: (() => number) | undefined;
  /** Datagrams to a peer do not pass although HTTP does (`false`); they do again (`true`). */
  readonly onDatagrams?: ((to: Address, pass: boolean) => void) | undefined;
  /** The UDP port cannot be had. HTTP goes on alone. */
  readonly onUnavailable?: ((error: DsnError) => void) | undefined;
}

/** A carrier that sends datagrams to those peers that take them. */
export interface DatagramsFirst extends Carrier {
  speaksDatagrams(to: Address, speaks: boolean, sessions?: boolean): void;
}

export function createDatagramsFirst(options: DatagramsFirstOptions): DatagramsFirst {
  return new UdpAndHttp(options);
}

class UdpAndHttp implements DatagramsFirst {
  readonly name = "udp+http";
  readonly #options: DatagramsFirstOptions;
  readonly #routes: UdpRoutes;
  #closed = false;
  #takesDatagrams = false;

  constructor(options: DatagramsFirstOptions) {
    this.#options = options;
    const { http, udp, monotonicMs = () => performance.now(), onDatagrams } = options;
    this.#routes = new UdpRoutes({
      http,
      paths: udp,
      monotonicMs,
      onDatagrams: (to, pass) => onDatagrams?.(to, pass),
    });
  }

  /** HTTP is required, UDP is not: a UDP port that cannot be had is told, not thrown. */
  async listen(at: Address, listener: CarrierListener): Promise<Address> {
    const { http, udp, onUnavailable } = this.#options;
    const watching: CarrierListener = {
      ...listener,
      onConnectionLost: (to) => {
        this.#routes.connectionLost(to);
        listener.onConnectionLost?.(to);
      },
    };
    const both = await this.#listenOnFreePort(at, watching);
    this.#takesDatagrams = both !== undefined;
    if (both !== undefined) return both;
    const bound = await http.listen(at, watching);
    try {
      await udp.listen(bound, watching);
      this.#takesDatagrams = true;
    } catch (error) {
      if (!this.#closed && error instanceof DsnError) onUnavailable?.(error);
    }
    return bound;
  }

  /** Where the system chooses: a port that is free for UDP may be in use for TCP. */
  async #listenOnFreePort(at: Address, listener: CarrierListener): Promise<Address | undefined> {
    const { http, udp } = this.#options;
    if (at.port !== 0 || isIP(at.address) === 0) return undefined;
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const bound = await udp.listen(at, listener).catch(() => undefined);
      if (bound === undefined) return undefined;
      try {
        return await http.listen(bound, listener);
      } catch (error) {
        await udp.unlisten();
        if (!(error instanceof DsnError) || error.code !== "DSN_PORT_IN_USE") throw error;
      }
    }
    return undefined;
  }

  /** Nobody is told of a UDP port that could not be had. */
  get features(): readonly string[] {
    return this.#takesDatagrams ? this.#options.udp.features : [];
  }

  speaksDatagrams(to: Address, speaks: boolean, sessions = false): void {
    this.#routes.speaksDatagrams(to, speaks, sessions);
  }

  request(to: Address, message: Message, options: RequestOptions): Promise<Reply> {
    return new Promise((resolve) => {
      this.broadcast([to], message, options, (_, reply) => resolve(reply));
    });
  }

  broadcast(
    to: readonly Address[],
    message: Message,
    options: RequestOptions,
    onReply: (index: number, reply: Reply) => void,
  ): void {
    this.#routes.broadcast(to, message, options, onReply);
  }

  close(): Promise<void> {
    const { http, udp } = this.#options;
    this.#closed = true;
    this.#routes.close();
    return Promise.all([udp.close(), http.close()]).then(() => undefined);
  }
}
