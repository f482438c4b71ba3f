/**
 * A UDP socket as the carrier sees it: bound, with IPv4 addresses in their own form.
 * @module
 */
import { createSocket, type Socket } from "node:dgram";
import { isIP } from "node:net";
import type { Address, CarrierListener } from "./carrier.ts";
import { plainAddress } from "./connection-guard.ts";
import type { UdpEndpoint, UdpSend } from "./udp-switch.ts";

/** Who is told what comes. */
export interface UdpReceivers {
  readonly onDatagram: (bytes: Uint8Array, source: UdpEndpoint) => void;
  /** Of requests that were opened already, by a socket that does so; see `udp-thread.ts`. */
  readonly onRequest: CarrierListener["onRequest"];
  /** One of them threw: a bug here. */
  readonly onFault: (error: unknown) => void;
}

/** A bound socket. */
export interface UdpSocket {
  /** Where it really listens. */
  readonly at: Address;
  /** What peers may expect of it besides datagrams; told in HELLO. */
  readonly features: readonly string[];
  /** Nothing is told of what does not arrive. */
  readonly send: UdpSend;
  /** Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Binds a socket.
 *
 * @param at An IP address; port 0 lets the system choose. `::` takes IPv4 too.
 * @throws {Error} with the `code` of the system, such as `EADDRINUSE`.
 */
export type OpenUdpSocket = (at: Address, receivers: UdpReceivers) => Promise<UdpSocket>;

/** A socket in this thread. */
export const openUdpSocket: OpenUdpSocket = async (at, { onDatagram }) => {
  const socket = createSocket({
    type: isIP(at.address) === 4 ? "udp4" : "udp6",
    // All that we send to are IP addresses, and these need no waiting for the next turn.
    lookup: (address, _, callback) => callback(null, address, isIP(address)),
  });
  try {
    await bind(socket, at);
  } catch (error) {
    socket.close();
    throw error;
  }
  // Errors of single datagrams: whoever waits for an answer finds out by itself.
  socket.on("error", () => undefined);
  socket.on("message", (bytes, { address, port }) => {
    onDatagram(bytes, { address: plainAddress(address), port });
  });
  return new DirectUdpSocket(socket, at.address === "::");
};

class DirectUdpSocket implements UdpSocket {
  readonly at: Address;
  readonly features: readonly string[] = [];
  readonly #socket: Socket;
  readonly #takesBoth: boolean;
  #closing: Promise<void> | undefined;

  constructor(socket: Socket, takesBoth: boolean) {
    const { address, port } = socket.address();
    this.at = { address, port };
    this.#socket = socket;
    this.#takesBoth = takesBoth;
  }

  readonly send: UdpSend = (bytes, { address, port }) => {
    if (this.#closing !== undefined) return;
    // A socket that takes both knows IPv4 addresses in their mapped form alone.
    const mapped = this.#takesBoth && isIP(address) === 4;
    try {
      this.#socket.send(bytes, port, mapped ? `::ffff:${address}` : address);
    } catch {
      // A port that cannot be one, as a forged source may have.
    }
  };

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => this.#socket.close(() => resolve()));
    return this.#closing;
  }
}

function bind(socket: Socket, { address, port }: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind({ address, port }, () => {
      socket.off("error", reject);
      resolve();
    });
  });
}
