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
import { UdpRoute } from "./udp-route.ts";

/** Ports that the system may choose before one is free for TCP as for UDP. */
const ATTEMPTS_MAX = 8;

export interface DatagramsFirstOptions {
  readonly http: Carrier;
  readonly udp: Pick<UdpCarrier, "limits" | "listen" | "unlisten" | "open" | "forget" | "close">;
  /** Milliseconds on a clock that never steps back. @default performance.now */
  readonly monotonicMs?: (() => number) | undefined;
  /** Datagrams to a peer do not pass although HTTP does (`false`); they do again (`true`). */
  readonly onDatagrams?: ((to: Address, pass: boolean) => void) | undefined;
  /** The UDP port cannot be had. HTTP goes on alone. */
  readonly onUnavailable?: ((error: DsnError) => void) | undefined;
}

/** A carrier that sends datagrams to those peers that take them. */
export interface DatagramsFirst extends Carrier {
  speaksDatagrams(to: Address, speaks?: boolean): void;
}

export function createDatagramsFirst(options: DatagramsFirstOptions): DatagramsFirst {
  return new UdpAndHttp(options);
}

class UdpAndHttp implements DatagramsFirst {
  readonly name = "udp+http";
  readonly #options: DatagramsFirstOptions;
  /** Peers that take datagrams; the one known longest comes first. */
  readonly #routes = new Map<string, UdpRoute>();
  #closed = false;

  constructor(options: DatagramsFirstOptions) {
    this.#options = options;
  }

  /** HTTP is required, UDP is not: a UDP port that cannot be had is told, not thrown. */
  async listen(at: Address, listener: CarrierListener): Promise<Address> {
    const { http, udp, onUnavailable } = this.#options;
    const watching: CarrierListener = {
      ...listener,
      onConnectionLost: (to) => {
        this.#routes.get(nameOf(to))?.reset();
        listener.onConnectionLost?.(to);
      },
    };
    const both = await this.#listenOnFreePort(at, watching);
    if (both !== undefined) return both;
    const bound = await http.listen(at, watching);
    try {
      await udp.listen(bound, watching);
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

  speaksDatagrams(to: Address, speaks = true): void {
    const name = nameOf(to);
    if (!speaks) {
      this.#forget(name);
    } else if (!this.#closed) {
      const { path } = this.#routes.get(name) ?? this.#open(name, to);
      path.invite();
    }
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
    const overHttp: { readonly index: number; readonly route: UdpRoute | undefined }[] = [];
    for (const [index, address] of to.entries()) {
      const route = this.#routes.get(nameOf(address));
      if (route?.takes(message) === true) {
        route.ask(message, options, (reply) => onReply(index, reply));
      } else {
        overHttp.push({ index, route });
      }
    }
    if (overHttp.length === 0) return;
    const addresses = overHttp.flatMap(({ index }) => to[index] ?? []);
    this.#options.http.broadcast(addresses, message, options, (position, reply) => {
      const sent = overHttp[position];
      if (sent === undefined) return;
      if (!this.#closed) sent.route?.noteHttp(reply);
      onReply(sent.index, reply);
    });
  }

  close(): Promise<void> {
    const { http, udp } = this.#options;
    this.#closed = true;
    this.#routes.clear();
    return Promise.all([udp.close(), http.close()]).then(() => undefined);
  }

  #open(name: string, to: Address): UdpRoute {
    const { http, udp, onDatagrams, monotonicMs = () => performance.now() } = this.#options;
    const route = new UdpRoute({
      to,
      path: udp.open(to),
      http,
      monotonicMs,
      onDatagrams: (pass) => {
        if (!this.#closed) onDatagrams?.(to, pass);
      },
    });
    this.#routes.set(name, route);
    for (const oldest of this.#routes.keys()) {
      if (this.#routes.size <= udp.limits.peersMax) break;
      this.#forget(oldest);
    }
    return route;
  }

  #forget(name: string): void {
    const route = this.#routes.get(name);
    this.#routes.delete(name);
    if (route !== undefined) this.#options.udp.forget(route.path);
  }
}

function nameOf({ address, port }: Address): string {
  return `${address} ${port}`;
}
