/**
 * Datagrams on the port number of the HTTP carrier: one socket, both halves.
 *
 * Not a carrier of its own: what does not fit a datagram, or does not get through, goes over HTTP.
 * `datagrams-first.ts` decides.
 * @module
 */
import { randomBytes } from "node:crypto";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { DsnError } from "../errors.ts";
import { formatAddress } from "../wire/exchange.ts";
import type { Address, CarrierListener } from "./carrier.ts";
import { DEFAULT_UDP_LIMITS, type UdpLimits } from "./limits.ts";
import { patientAfter } from "./timers.ts";
import type { UdpPath } from "./udp-path.ts";
import { type OpenUdpSocket, openUdpSocket, type UdpSocket } from "./udp-socket.ts";
import { type UdpLoad, UdpStack } from "./udp-stack.ts";

export interface UdpCarrierOptions {
  /** 16 bytes; undefined for a network without a key. */
  readonly networkKey: Uint8Array | undefined;
  /** Milliseconds on a clock that never steps back. @default performance.now */
  readonly monotonicMs?: (() => number) | undefined;
  /** Replaces single limits. */
  readonly limits?: Partial<UdpLimits> | undefined;
  /** What binds the socket. @default one in this thread */
  readonly open?: OpenUdpSocket | undefined;
}

export class UdpCarrier {
  readonly #stack: UdpStack;
  readonly #openSocket: OpenUdpSocket;
  #socket: UdpSocket | undefined;
  #canSendTo: (family: number) => boolean = () => false;
  #listening: Promise<Address> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: UdpCarrierOptions) {
    const { networkKey, monotonicMs = () => performance.now() } = options;
    this.#openSocket = options.open ?? openUdpSocket;
    this.#stack = new UdpStack({
      networkKey,
      monotonicMs,
      limits: { ...DEFAULT_UDP_LIMITS, ...options.limits },
      after: patientAfter,
      randomBytes,
      send: (bytes, to) => this.#socket?.send(bytes, to),
      resolve: (host, onFound) => {
        this.#resolve(host).then(onFound, () => onFound([]));
      },
    });
  }

  get limits(): UdpLimits {
    return this.#stack.limits;
  }

  /** What is kept for others, and how much of what we asked may still be answered. */
  get load(): UdpLoad {
    return this.#stack.load;
  }

  /**
   * Starts to answer, and to ask.
   *
   * @param at An IP address; port 0 lets the system choose. `::` takes IPv4 too.
   * @throws {DsnError} `DSN_UDP_UNAVAILABLE`.
   */
  listen(at: Address, listener: CarrierListener): Promise<Address> {
    this.#listening = this.#listen(at, listener);
    return this.#listening;
  }

  async #listen(at: Address, listener: CarrierListener): Promise<Address> {
    let socket: UdpSocket;
    try {
      socket = await this.#openSocket(at, {
        onDatagram: (bytes, source) => this.#stack.receive(bytes, source),
        onRequest: (request, respond) => listener.onRequest(request, respond),
        onFault: (error) => listener.onFault?.(error),
      });
    } catch (error) {
      throw cannotListen(at, error as NodeJS.ErrnoException);
    }
    if (this.#closing !== undefined) {
      await socket.close();
      throw cannotListen(at, new Error("the carrier is closed"));
    }
    const takesAll = at.address === "::";
    const family = isIP(at.address);
    this.#canSendTo = (other) => takesAll || other === family;
    this.#stack.serve(listener);
    this.#socket = socket;
    return socket.at;
  }

  /** What peers may use with it: `udp`, and what its socket does besides; once it listens. */
  get features(): readonly string[] {
    return ["udp", ...(this.#socket?.features ?? [])];
  }

  /** Stops listening, and can listen again. What was asked goes silent. */
  async unlisten(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    await socket?.close();
  }

  /** A way to one peer; {@link forget} it when it is of no use any more. */
  open(to: Address): UdpPath {
    return this.#stack.open(to);
  }

  forget(path: UdpPath): void {
    this.#stack.forget(path);
  }

  /** Ends what we ask as closed, lets running answers finish for a moment, then closes. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#stack.stopAsking();
    // A socket bound after this would stay.
    await this.#listening?.catch(() => undefined);
    await this.#stack.stopServing();
    await this.unlisten();
  }

  /** The addresses of a host that our socket can send to. */
  async #resolve(host: string): Promise<readonly string[]> {
    const found =
      isIP(host) === 0
        ? await lookup(host, { all: true })
        : [{ address: host, family: isIP(host) }];
    const usable = found.filter(({ family }) => this.#canSendTo(family));
    // Two of one family may be two machines, of which HTTP may have the other one.
    const families = new Set(usable.map(({ family }) => family));
    return families.size < usable.length ? [] : usable.map(({ address }) => address);
  }
}

function cannotListen(at: Address, cause: NodeJS.ErrnoException): DsnError {
  const inUse = cause.code === "EADDRINUSE";
  const find = `find the process: ss -lunp "sport = :${at.port}"`;
  const without = "or do without datagrams: udp: false";
  const endpoint = formatAddress(at);
  return new DsnError("DSN_UDP_UNAVAILABLE", `Cannot listen for datagrams on ${endpoint}`, {
    why: inUse ? `another process has UDP port ${at.port}` : cause.message,
    fix: inUse ? [find, "use another port", without] : [without],
    endpoint,
    cause,
  });
}
