/**
 * Who is connected, how often, and under which name.
 * @module
 */
import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { CarrierLimits } from "./limits.ts";

/** Bounds the connections to a server, all together and per source, and can close them all. */
export class ConnectionGuard {
  readonly #perSourceMax: number;
  readonly #sources = new Map<Socket, string>();
  readonly #counts = new Map<string, number>();

  constructor(server: Server, limits: CarrierLimits) {
    this.#perSourceMax = limits.connectionsPerSourceMax;
    server.maxConnections = limits.connectionsMax;
    server.on("connection", (socket) => this.#onConnection(socket));
  }

  /** IP address of the other side; IPv4 in its own form. */
  sourceOf(socket: Socket): string {
    return this.#sources.get(socket) ?? plainAddress(socket.remoteAddress ?? "");
  }

  closeAll(): void {
    for (const socket of this.#sources.keys()) socket.destroy();
  }

  #onConnection(socket: Socket): void {
    const source = plainAddress(socket.remoteAddress ?? "");
    const count = this.#counts.get(source) ?? 0;
    if (count >= this.#perSourceMax) {
      socket.destroy();
      return;
    }
    this.#counts.set(source, count + 1);
    this.#sources.set(socket, source);
    socket.once("close", () => this.#onClose(socket, source));
  }

  #onClose(socket: Socket, source: string): void {
    this.#sources.delete(socket);
    const count = (this.#counts.get(source) ?? 0) - 1;
    if (count > 0) this.#counts.set(source, count);
    else this.#counts.delete(source);
  }
}

/** A dual-stack socket shows an IPv4 peer as `::ffff:1.2.3.4`; that peer is `1.2.3.4`. */
export function plainAddress(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  return mapped?.[1] ?? address;
}
