/** What simulated nodes send: on sessions, by datagram or over HTTP, whichever the message goes by. */
import type { Effect } from "../protocol/index.ts";
import { type Address, formatAddress, type Reply, wholePayload } from "../wire/exchange.ts";
import { MessageType } from "../wire/message-type.ts";
import { anyName, isNativeType } from "../wire/native-type.ts";
import type { SimCall } from "./sim-carrier.ts";
import { type NodeDatagrams, SimDatagrams, type SimDatagramsContext } from "./sim-datagrams.ts";
import type { SimNode } from "./sim-node.ts";
import type { AddOptions } from "./sim-options.ts";
import { SimPlainDatagrams } from "./sim-plain-datagrams.ts";
import type { Simulation } from "./simulation.ts";

/** A connection is kept open this long after a request, and its end is noticed. */
const KEPT_OPEN_MS = 5_000;

export class SimWire {
  readonly #simulation: Simulation;
  /** When a node last called an address. */
  readonly #called = new Map<SimNode, Map<string, { to: Address; atMs: number }>>();

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  /** Sends what a core asks for, and brings it the replies. */
  transmit(from: SimNode, effect: Extract<Effect, { kind: "request" }>): void {
    const { sessions, promises, carrier, nodes } = this.#simulation;
    const { targets, type, timeoutMs, answerBytesMax } = effect;
    const payload = wholePayload(effect);
    const replied = (index: number, reply: Reply) => {
      const exchange = targets[index]?.exchange;
      if (exchange !== undefined) from.step({ kind: "reply", exchange, reply });
    };
    if (isNativeType(type)) {
      const counter = `${from.name} ${anyName(type)}`;
      carrier.sent.set(counter, (carrier.sent.get(counter) ?? 0) + targets.length);
      for (const [index, { to }] of targets.entries()) {
        sessions.request(from, { to, type, payload, timeoutMs }, (reply) => replied(index, reply));
      }
      return;
    }
    if (type === MessageType.UPDATE) promises.sent(from, payload);
    for (const { to } of targets) {
      const host = carrier.hostAt(to.address);
      if (host !== undefined) promises.spoke(from, nodes.get(host.name), type);
    }
    const addresses = targets.map(({ to }) => to);
    if (from.datagrams !== undefined) {
      const options = { timeoutMs, answerBytesMax };
      from.datagrams.broadcast(addresses, { type, payload }, options, replied);
      return;
    }
    for (const [index, to] of addresses.entries()) {
      this.#call(from, to, { type, payload, timeoutMs }, (reply) => replied(index, reply));
    }
  }

  /** One request over HTTP. */
  #call(
    from: SimNode,
    to: Address,
    call: Omit<SimCall, "address" | "port">,
    onReply: (reply: Reply) => void,
  ): void {
    const { clock, carrier } = this.#simulation;
    const called = this.#called.get(from) ?? new Map<string, { to: Address; atMs: number }>();
    this.#called.set(from, called);
    called.set(formatAddress(to), { to, atMs: clock.nowMs });
    carrier.request(from, { ...call, address: to.address, port: to.port }, onReply);
  }

  /** Who called a process that died notices, as a TCP stack has it. */
  closeConnections(dead: SimNode): void {
    const { clock, network } = this.#simulation;
    for (const [node, called] of this.#called) {
      for (const { to, atMs } of called.values()) {
        if (to.address !== dead.address || clock.nowMs - atMs > KEPT_OPEN_MS) continue;
        network.carry(dead.address, node.address, () => node.step({ kind: "connection-lost", to }));
      }
    }
  }

  /** Another process takes its place. */
  forget(node: SimNode): void {
    this.#called.delete(node);
  }

  /** What makes the datagram side of a node. */
  datagramsOf(kind: AddOptions["datagrams"]): ((node: SimNode) => NodeDatagrams) | undefined {
    if (kind === "plain")
      return (node) => new SimPlainDatagrams(this.#datagramsContext(node), node);
    if (kind === true) return (node) => new SimDatagrams(this.#datagramsContext(node), node);
    return undefined;
  }

  #datagramsContext(node: SimNode): SimDatagramsContext {
    const { clock, network, random, entropy, traffic, trace } = this.#simulation;
    return {
      clock,
      network,
      random,
      entropy,
      nodeAt: (address) => this.#simulation.nodeAt(address),
      http: {
        broadcast: (to, message, options, onReply) => {
          for (const [index, address] of to.entries()) {
            this.#call(node, address, { ...message, ...options }, (reply) => onReply(index, reply));
          }
        },
      },
      note: (from, bytes) => traffic.note(from.name, "datagram", bytes),
      see: (bytes, { address }) =>
        trace.note(clock.nowMs, `${node.name} datagram ${address}`, bytes),
    };
  }
}
