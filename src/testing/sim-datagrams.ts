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
import { UdpAsking } from "../transport/udp-asking.ts";
import { decodeDatagram } from "../transport/udp-datagram.ts";
import { UdpFront } from "../transport/udp-front.ts";
import { UdpRoutes, type UdpRoutesOptions } from "../transport/udp-routes.ts";
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
  /** Counts a datagram that a node sends. */
  readonly note: (from: SimNode, bytes: number) => void;
  /** Sees each datagram that is sent. */
  readonly see: (bytes: Uint8Array, to: UdpEndpoint) => void;
}

/** What brings the datagrams of one process. */
export interface NodeDatagrams extends Pick<Carrier, "broadcast"> {
  /** What was told of ways: the address, and whether datagrams pass. */
  readonly told: readonly { readonly to: string; readonly pass: boolean }[];
  readonly load: UdpLoad;
  speaksDatagrams(to: Address, speaks: boolean, sessions: boolean): void;
  connectionLost(to: Address): void;
  /** Goes on after a pause. */
  resume(): void;
}

/** What a node asks, and what others ask it; in one thread or in two. */
interface Halves {
  readonly paths: UdpRoutesOptions["paths"];
  readonly receive: (bytes: Uint8Array, source: UdpEndpoint) => void;
  readonly load: () => UdpLoad;
}

/** The datagram side of one process: all of UDP but the socket. */
export class SimDatagrams implements NodeDatagrams {
  readonly told: { readonly to: string; readonly pass: boolean }[] = [];
  readonly #context: SimDatagramsContext;
  readonly #node: SimNode;
  readonly #halves: Halves;
  readonly #routes: UdpRoutes;
  /** What came, and which timers ran out, while the process was paused. */
  readonly #held = { datagrams: [] as (() => void)[], timers: [] as (() => void)[] };

  constructor(context: SimDatagramsContext, node: SimNode) {
    this.#context = context;
    this.#node = node;
    this.#halves = node.thread ? this.#halvesInTwoThreads() : this.#halvesInOneThread();
    this.#routes = new UdpRoutes({
      http: context.http,
      paths: this.#halves.paths,
      monotonicMs: () => context.clock.nowMs,
      onDatagrams: ({ address }, pass) => this.told.push({ to: address, pass }),
    });
  }

  #halvesInOneThread(): Halves {
    const stack = new UdpStack({ ...this.#stackOptions(), after: this.#after });
    stack.serve({ onRequest: (request, respond) => this.#node.receive(request, respond) });
    return {
      paths: stack,
      receive: (bytes, source) => this.#whenAwake(() => stack.receive(bytes, source)),
      load: () => stack.load,
    };
  }

  /** As with a worker: the answering half goes on while the program is busy. */
  #halvesInTwoThreads(): Halves {
    const node = this.#node;
    const options = this.#stackOptions();
    const front = new UdpFront({
      ...options,
      after: this.#afterInWorker,
      loopAgeMs: () => node.stalledMs,
      hand: (request, respond) => {
        node.receive(request, respond);
        return true;
      },
    });
    const inFlightMax = options.limits.inFlightPerPeerMax;
    const asking = new UdpAsking({ ...options, after: this.#after, inFlightMax });
    return {
      paths: {
        limits: options.limits,
        open: (to) => asking.open(to),
        forget: (path) => asking.forget(path),
      },
      receive: (bytes, source) => {
        const datagram = decodeDatagram(bytes);
        if (datagram === undefined) return;
        if (datagram.kind === "challenge" || datagram.kind === "answer") {
          this.#whenAwake(() => asking.receive(datagram));
        } else {
          this.#whenWorkerRuns(() => front.receive(datagram, source));
        }
      },
      load: () => ({
        associations: front.associations,
        requests: front.requests,
        expected: asking.expected,
      }),
    };
  }

  #stackOptions() {
    const { clock, entropy, nodeAt } = this.#context;
    return {
      networkKey: networkKeyOf(this.#node.keyId),
      limits: DEFAULT_UDP_LIMITS,
      monotonicMs: () => clock.nowMs,
      randomBytes: entropy,
      send: (bytes: Uint8Array, to: UdpEndpoint) => this.#send(bytes, to),
      resolve: (host: string, onFound: (addresses: readonly string[]) => void) => {
        const found = nodeAt(host);
        onFound(found === undefined ? [] : [found.address]);
      },
    };
  }

  get load(): UdpLoad {
    return this.#halves.load();
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

  readonly #after: After = (ms, run) =>
    this.#later(ms, run, (ring) => this.#whenAwake(ring, this.#held.timers));

  readonly #afterInWorker: After = (ms, run) =>
    this.#later(ms, run, (ring) => this.#whenWorkerRuns(ring, this.#held.timers));

  #later(ms: number, run: () => void, happen: (ring: () => void) => void): () => void {
    let isCancelled = false;
    this.#context.clock.in(ms, () =>
      happen(() => {
        if (!isCancelled) run();
      }),
    );
    return () => {
      isCancelled = true;
    };
  }

  #whenAwake(happen: () => void, held = this.#held.datagrams): void {
    if (!this.#node.running) return;
    if (this.#node.paused) held.push(happen);
    else happen();
  }

  #whenWorkerRuns(happen: () => void, held = this.#held.datagrams): void {
    if (this.#node.running && this.#node.isStalled) happen();
    else this.#whenAwake(happen, held);
  }

  #send(bytes: Uint8Array, to: UdpEndpoint): void {
    const { clock, network, random, nodeAt, note, see } = this.#context;
    const { address, port, running } = this.#node;
    if (!running || network.dropsDatagrams(address, to.address)) return;
    if (network.barrier(address, to.address) !== undefined && isCall(bytes)) return;
    const sent = bytes.slice();
    note(this.#node, sent.length);
    see(sent, to);
    const arrive = () => {
      const target = nodeAt(to.address);
      const side = target?.port === to.port ? target.datagrams : undefined;
      if (side instanceof SimDatagrams) side.#halves.receive(sent, { address, port });
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
