/**
 * Which messages go by datagram: those that fit one, to peers that take them.
 * @module
 */
import type { Address, Carrier, Message, Reply, RequestOptions } from "./carrier.ts";
import type { UdpPath } from "./udp-path.ts";
import { UdpRoute } from "./udp-route.ts";

export interface UdpRoutesOptions {
  readonly http: Pick<Carrier, "broadcast">;
  /** Where ways by datagram come from. */
  readonly paths: {
    readonly limits: { readonly peersMax: number };
    open(to: Address): UdpPath;
    forget(path: UdpPath): void;
  };
  readonly monotonicMs: () => number;
  /** Datagrams to a peer do not pass although HTTP does (`false`); they do again (`true`). */
  readonly onDatagrams: (to: Address, pass: boolean) => void;
}

export class UdpRoutes {
  readonly #options: UdpRoutesOptions;
  /** Peers that take datagrams; the one known longest comes first. */
  readonly #routes = new Map<string, UdpRoute>();
  #closed = false;

  constructor(options: UdpRoutesOptions) {
    this.#options = options;
  }

  /** A peer has said, signed, whether it takes datagrams. */
  speaksDatagrams(to: Address, speaks: boolean, sessions: boolean): void {
    const name = nameOf(to);
    if (!speaks) {
      this.#forget(name);
    } else if (!this.#closed) {
      const route = this.#routes.get(name) ?? this.#open(name, to);
      route.keepsHttp = !sessions;
      route.path.invite();
    }
  }

  /** A connection to that peer was closed: its process is probably gone. */
  connectionLost(to: Address): void {
    this.#routes.get(nameOf(to))?.reset();
  }

  /** As of a {@link Carrier}. */
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

  /** Nothing more goes by datagram. */
  close(): void {
    this.#closed = true;
    this.#routes.clear();
  }

  #open(name: string, to: Address): UdpRoute {
    const { http, paths, onDatagrams, monotonicMs } = this.#options;
    const route = new UdpRoute({
      to,
      path: paths.open(to),
      http,
      monotonicMs,
      onDatagrams: (pass) => {
        if (!this.#closed) onDatagrams(to, pass);
      },
    });
    this.#routes.set(name, route);
    for (const oldest of this.#routes.keys()) {
      if (this.#routes.size <= paths.limits.peersMax) break;
      this.#forget(oldest);
    }
    return route;
  }

  #forget(name: string): void {
    const route = this.#routes.get(name);
    this.#routes.delete(name);
    if (route !== undefined) this.#options.paths.forget(route.path);
  }
}

function nameOf({ address, port }: Address): string {
  return `${address} ${port}`;
}
