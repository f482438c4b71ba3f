/**
 * Connections to peers, kept open between requests, and watched while they are idle.
 *
 * An idle connection that the other side closes is how a killed process is noticed within
 * milliseconds. Servers that close after each answer, as the reference does, leave no connection
 * idle and so are never reported.
 * @module
 */
import { Agent, type ClientRequest, type ClientRequestArgs } from "node:http";
import type { Duplex } from "node:stream";
import type { Address } from "./carrier.ts";
import type { CarrierLimits } from "./limits.ts";

/** Several connections to one dead process close one after the other; that is one loss. */
const BURST_MS = 100;

export class HttpAgent extends Agent {
  readonly #idle = new Map<Duplex, Address>();
  readonly #addresses = new WeakMap<Duplex, Address>();
  readonly #justLost = new Set<string>();
  readonly #onConnectionLost: (to: Address) => void;

  /** @param onConnectionLost A connection that was kept idle was closed, and not by us. */
  constructor(limits: CarrierLimits, onConnectionLost: (to: Address) => void) {
    super({
      keepAlive: true,
      maxSockets: limits.connectionsPerPeerMax,
      maxFreeSockets: limits.idleConnectionsPerPeerMax,
      // On sockets in use the agent only reports this time, so it bounds idleness alone.
      timeout: limits.clientIdleMs,
      noDelay: true,
    });
    this.#onConnectionLost = onConnectionLost;
  }

  /** True when a further request to `to` would wait for another to end. */
  isFull(to: Address): boolean {
    const name = this.#nameOf(to);
    return (
      this.freeSockets[name] === undefined && (this.sockets[name]?.length ?? 0) >= this.maxSockets
    );
  }

  /** Closes the idle connections to `to`: one of them was dead, so the others will be. */
  dropIdle(to: Address): void {
    for (const socket of [...(this.freeSockets[this.#nameOf(to)] ?? [])]) {
      // A socket that is closed may still tell what the other side did before.
      this.#idle.delete(socket);
      socket.destroy();
    }
  }

  override createConnection(
    options: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    const socket = super.createConnection(options, callback);
    if (socket) {
      const to = { address: String(options.host), port: Number(options.port) };
      this.#addresses.set(socket, to);
      // `end` and `error` are the other side's doing; closing a socket ourselves emits neither.
      socket.once("end", () => this.#onClosedByPeer(socket));
      socket.once("error", () => this.#onClosedByPeer(socket));
      socket.once("close", () => this.#idle.delete(socket));
    }
    return socket;
  }

  /** @returns whether to keep the socket, which the types of Node do not know. */
  override keepSocketAlive(socket: Duplex): unknown {
    const to = this.#addresses.get(socket);
    if (to !== undefined) this.#idle.set(socket, to);
    return super.keepSocketAlive(socket);
  }

  override reuseSocket(socket: Duplex, request: ClientRequest): void {
    this.#idle.delete(socket);
    super.reuseSocket(socket, request);
  }

  #onClosedByPeer(socket: Duplex): void {
    const to = this.#idle.get(socket);
    if (to === undefined) return;
    this.#idle.delete(socket);
    const name = this.#nameOf(to);
    if (this.#justLost.has(name)) return;
    this.#justLost.add(name);
    setTimeout(() => this.#justLost.delete(name), BURST_MS).unref();
    this.#onConnectionLost(to);
  }

  #nameOf({ address, port }: Address): string {
    return this.getName({ host: address, port });
  }
}
