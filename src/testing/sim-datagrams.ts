/**
 * Datagrams in the simulation: what nodes run over UDP sockets, over simulated links instead.
 *
 * Each datagram is delayed, lost and doubled on its own, comes out of order, and may come again
 * seconds later. The request under it must still reach its handler once.
 * @module
 */
import { createHash } from "node:crypto";
import type { Address, Carrier, Message, Reply, RequestOptions } from "../transport/carrier.ts";
import { DEFAULT_UDP_LIMITS } from "../transport/limits.ts";
import type { After } from "../transport/timers.ts";
import { decodeDatagram } from "../transport/udp-datagram.ts";
import { UdpRoutes } from "../transport/udp-routes.ts";
import { type UdpLoad, UdpStack } from "../transport/udp-stack.ts";
import type { UdpEndpoint } from "../transport/udp-switch.ts";
import type { SimNetwork } from "./sim-network.ts";
import type { SimNode } from "./sim-node.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** A datagram that comes twice may come as late as this. */
const LATE_MS = 10_000;

export interface SimDatagramsContext {
  readonly clock: VirtualClock;
  readonly network: SimNetwork;
  readonly random: () => number;
  readonly entropy: (length: number) => Uint8Array;
  /** The node behind an IP address or a name. */
  readonly nodeAt: (host: string) => SimNode | undefined;
  readonly http: Pick<Carrier, "broadcast">;
  /** Sees each datagram that is sent. */
  readonly note: (bytes: Uint8Array, to: UdpEndpoint) => void;
}

/** The datagram side of one process. */
export class SimDatagrams {
  /** What was told of ways: the address, and whether datagrams pass. */
  readonly told: { readonly to: string; readonly pass: boolean }[] = [];
  readonly #context: SimDatagramsContext;
  readonly #node: SimNode;
  readonly #stack: UdpStack;
  readonly #routes: UdpRoutes;
  /** What came, and which timers ran out, while the process was paused. */
  readonly #held = { datagrams: [] as (() => void)[], timers: [] as (() => void)[] };

  constructor(context: SimDatagramsContext, node: SimNode) {
    this.#context = context;
    this.#node = node;
    const monotonicMs = () => context.clock.nowMs;
    this.#stack = new UdpStack({
      networkKey: networkKeyOf(node.keyId),
      limits: DEFAULT_UDP_LIMITS,
      monotonicMs,
      after: this.#after,
      randomBytes: context.entropy,
      send: (bytes, to) => this.#send(bytes, to),
      resolve: (host, onFound) => {
        const found = context.nodeAt(host);
        onFound(found === undefined ? [] : [found.address]);
      },
    });
    this.#stack.serve({ onRequest: (request, respond) => node.receive(request, respond) });
    this.#routes = new UdpRoutes({
      http: context.http,
      paths: this.#stack,
      monotonicMs,
      onDatagrams: ({ address }, pass) => this.told.push({ to: address, pass }),
    });
  }

  get load(): UdpLoad {
    return this.#stack.load;
  }

  broadcast(
    to: readonly Address[],
    message: Message,
    options: RequestOptions,
    onReply: (index: number, reply: Reply) => void,
  ): void {
    this.#routes.broadcast(to, message, options, onReply);
  }

  speaksDatagrams(to: Address, speaks: boolean, sessions: boolean): void {
    this.#routes.speaksDatagrams(to, speaks, sessions);
  }

  connectionLost(to: Address): void {
    this.#routes.connectionLost(to);
  }

  /** Goes on after a pause: what came is read before a timer says that nothing came. */
  resume(): void {
    for (const happen of this.#held.datagrams.splice(0)) happen();
    for (const happen of this.#held.timers.splice(0)) happen();
  }

  readonly #after: After = (ms, run) => {
    let isCancelled = false;
    const ring = () => {
      if (!isCancelled) run();
    };
    this.#context.clock.in(ms, () => this.#whenAwake(ring, this.#held.timers));
    return () => {
      isCancelled = true;
    };
  };

  #receive(bytes: Uint8Array, source: UdpEndpoint): void {
    this.#whenAwake(() => this.#stack.receive(bytes, source), this.#held.datagrams);
  }

  #whenAwake(happen: () => void, held: (() => void)[]): void {
    if (!this.#node.running) return;
    if (this.#node.paused) held.push(happen);
    else happen();
  }

  #send(bytes: Uint8Array, to: UdpEndpoint): void {
    const { clock, network, random, nodeAt, note } = this.#context;
    const { address, port, running } = this.#node;
    if (!running || network.dropsDatagrams(address, to.address)) return;
    if (network.barrier(address, to.address) !== undefined && isCall(bytes)) return;
    const sent = bytes.slice();
    note(sent, to);
    const arrive = () => {
      const target = nodeAt(to.address);
      const side = target?.port === to.port ? target.datagrams : undefined;
      if (side !== undefined) side.#receive(sent, { address, port });
    };
    network.carry(address, to.address, arrive);
    if (random() >= network.duplicateRate) return;
    clock.in(random() * LATE_MS, () => network.carry(address, to.address, arrive));
  }
}

/** A firewall lets the answers to calls from inside pass. */
function isCall(bytes: Uint8Array): boolean {
  const kind = decodeDatagram(bytes)?.kind;
  return kind !== "challenge" && kind !== "answer";
}

function networkKeyOf(keyId: string | undefined): Uint8Array | undefined {
  if (keyId === undefined) return undefined;
  return createHash("sha256").update(keyId).digest().subarray(0, 16);
}
