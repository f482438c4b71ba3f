/**
 * Who is connected, how often, and under which name.
 * @module
 */
import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { CarrierLimits } from "./limits.ts";

/** The connections of one IP address, oldest first. */
interface Source {
  readonly proven: Set<Socket>;
  /** Of no use so far: they go first when there is no room. */
  readonly unproven: Set<Socket>;
}

/** No source is worse than another for so many: a flood may have an address for each connection. */
const FEW_CONNECTIONS = 8;

/**
 * Bounds the connections to a server, all together and per source, and can close them all.
 *
 * A connection has proven itself when a request on it was answered with 200: on a network with a
 * key no stranger's is, but for one that replays a recorded PING. Where there is no room for another one, the oldest that has not goes,
 * of the source that has most of them; so who holds connections open keeps nobody out. Those that
 * have are never closed for newer ones.
 */
export class ConnectionGuard {
  readonly #limits: CarrierLimits;
  readonly #names = new Map<Socket, string>();
  readonly #sources = new Map<string, Source>();

  constructor(server: Server, limits: CarrierLimits) {
    this.#limits = limits;
    server.on("connection", (socket) => this.#onConnection(socket));
  }

  /** IP address of the other side; IPv4 in its own form. */
  sourceOf(socket: Socket): string {
    return this.#names.get(socket) ?? plainAddress(socket.remoteAddress ?? "");
  }

  /** A request on this connection was answered with 200, or its session has begun. */
  proven(socket: Socket): void {
    const source = this.#sources.get(this.sourceOf(socket));
    if (source?.unproven.delete(socket) === true) source.proven.add(socket);
  }

  closeAll(): void {
    for (const socket of this.#names.keys()) socket.destroy();
  }

  #onConnection(socket: Socket): void {
    const name = plainAddress(socket.remoteAddress ?? "");
    const source = this.#sources.get(name) ?? { proven: new Set(), unproven: new Set() };
    this.#sources.set(name, source);
    source.unproven.add(socket);
    this.#names.set(socket, name);
    socket.once("close", () => this.#forget(socket));

    const { connectionsMax, connectionsPerSourceMax } = this.#limits;
    if (source.proven.size + source.unproven.size > connectionsPerSourceMax) {
      this.#drop(source.unproven);
    } else if (this.#names.size > connectionsMax) {
      this.#drop(this.#mostUnproven());
    }
  }

  /** Unproven connections, oldest first, of the sources that have most of them. */
  *#mostUnproven(): Iterable<Socket> {
    let most = 0;
    for (const source of this.#sources.values()) most = Math.max(most, weightOf(source));
    for (const [socket, name] of this.#names) {
      const source = this.#sources.get(name);
      if (source?.unproven.has(socket) === true && weightOf(source) === most) yield socket;
    }
  }

  /** Closes the first, which is the newest connection of all if every other one is proven. */
  #drop(candidates: Iterable<Socket>): void {
    for (const oldest of candidates) {
      this.#forget(oldest);
      oldest.destroy();
      return;
    }
  }

  /** At once, for `close` comes later and others may come before. */
  #forget(socket: Socket): void {
    const name = this.#names.get(socket);
    if (name === undefined) return;
    this.#names.delete(socket);
    const source = this.#sources.get(name);
    source?.proven.delete(socket);
    source?.unproven.delete(socket);
    if (source?.proven.size === 0 && source.unproven.size === 0) this.#sources.delete(name);
  }
}

function weightOf({ unproven }: Source): number {
  return Math.max(unproven.size, FEW_CONNECTIONS);
}

/** A dual-stack socket shows an IPv4 peer as `::ffff:1.2.3.4`; that peer is `1.2.3.4`. */
export function plainAddress(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  return mapped?.[1] ?? address;
}
