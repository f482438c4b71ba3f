/**
 * A bad network in front of one node: datagrams are lost, doubled and reordered, TCP is left
 * alone.
 * @module
 */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { connect, createServer, type Server, type Socket } from "node:net";
import { seededRandom } from "../../src/testing/random.ts";
import type { Address } from "../../src/transport/carrier.ts";
import { freePort } from "../helpers/ports.ts";

export interface Faults {
  /** Of every ten datagrams of one direction, so many are dropped. */
  readonly dropped: number;
  /** And so many come twice. */
  readonly doubled: number;
  /** Longest delay in milliseconds; each datagram has its own, so they overtake each other. */
  readonly delayMsMax: number;
}

/** What became of datagrams, both directions together. */
export interface Fates {
  passed: number;
  dropped: number;
  doubled: number;
}

export class LossyUdpProxy {
  readonly fates: Fates = { passed: 0, dropped: 0, doubled: 0 };
  /** The node behind, once it listens. */
  backend: Address | undefined;
  readonly #faults: Faults;
  readonly #random: () => number;
  readonly #upstreams = new Map<string, UdpSocket>();
  readonly #connections = new Set<Socket>();
  readonly #tcp: Server;
  readonly #udp: UdpSocket;
  #closed = false;

  /** @param host An IP address, of both sides. */
  constructor(host: string, faults: Faults, seed: number) {
    this.#faults = faults;
    this.#random = seededRandom(seed);
    this.#tcp = createServer({ allowHalfOpen: true }, (client) => this.#forward(client));
    this.#udp = createSocket(host.includes(":") ? "udp6" : "udp4");
  }

  /** Rejects with the error of the socket. */
  async listen({ address, port: asked }: Address): Promise<Address> {
    const port = asked === 0 ? await freePort(address) : asked;
    await new Promise<void>((resolve, reject) => {
      this.#tcp.once("error", reject);
      this.#tcp.listen({ host: address, port }, resolve);
    });
    await new Promise<void>((resolve, reject) => {
      this.#udp.once("error", reject);
      this.#udp.bind({ address, port }, resolve);
    });
    const back = this.#deck();
    const there = this.#deck();
    this.#udp.on("message", (bytes, source) => {
      const name = `${source.address} ${source.port}`;
      const upstream = this.#upstreams.get(name) ?? this.#upstream(name, source, back);
      there(() => upstream.send(bytes, this.backend?.port, this.backend?.address));
    });
    return { address, port };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const connection of this.#connections) connection.destroy();
    for (const upstream of this.#upstreams.values()) upstream.close();
    await Promise.all([
      new Promise<void>((resolve) => this.#tcp.close(() => resolve())),
      new Promise<void>((resolve) => this.#udp.close(() => resolve())),
    ]);
  }

  #upstream(name: string, client: Address, pass: (send: () => void) => void): UdpSocket {
    const upstream = createSocket(client.address.includes(":") ? "udp6" : "udp4");
    this.#upstreams.set(name, upstream);
    upstream.bind({ address: client.address, port: 0 });
    upstream.on("message", (bytes) => {
      pass(() => this.#udp.send(bytes, client.port, client.address));
    });
    return upstream;
  }

  /**
   * Fates are dealt from a shuffled deck of ten, so that every run has the loss that it says, and
   * none ten losses in a row.
   */
  #deck(): (send: () => void) => void {
    const { dropped, doubled, delayMsMax } = this.#faults;
    let deck: number[] = [];
    return (send) => {
      if (deck.length === 0) {
        deck = Array.from({ length: 10 }, (_, card) => card)
          .map((card) => ({ card, order: this.#random() }))
          .sort((a, b) => a.order - b.order)
          .map(({ card }) => card);
      }
      const card = deck.pop() ?? 0;
      if (card < dropped) {
        this.fates.dropped++;
        return;
      }
      const copies = card < dropped + doubled ? 2 : 1;
      if (copies === 2) this.fates.doubled++;
      else this.fates.passed++;
      for (let copy = 0; copy < copies; copy++) {
        setTimeout(() => {
          if (!this.#closed) send();
        }, this.#random() * delayMsMax);
      }
    };
  }

  #forward(client: Socket): void {
    const upstream = connect({ host: this.backend?.address, port: this.backend?.port ?? 0 });
    upstream.setNoDelay(true);
    client.setNoDelay(true);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.#connections.add(from);
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.#connections.delete(from);
        to.destroy();
      });
    }
  }
}
