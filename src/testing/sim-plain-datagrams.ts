/**
 * Datagrams for large networks: lost, delayed and repeated as ever, but without handshakes and seals,
 * which cost more of this machine than all else of a probe. Their bytes are counted all the same.
 */
import type { Address, Message, Reply, RequestOptions } from "../transport/carrier.ts";
import { PAYLOAD_BYTES_MAX } from "../transport/udp-content.ts";
import { DATAGRAM_BYTES_MAX } from "../transport/udp-datagram.ts";
import type { Outcome } from "../wire/exchange.ts";
import type { NodeDatagrams, SimDatagramsContext } from "./sim-datagrams.ts";
import type { SimNode } from "./sim-node.ts";

/** From one try to the next, as `udp-exchange.ts` has it where answers take some milliseconds. */
const TRY_MS = 40;
/** Silence after which HTTP has its turn, unless half of the time is over sooner. */
const SILENCE_MS = { min: 100, max: 400 };
/** Head, counter, id, type and tag. */
const SEALED_BYTES = 21 + 6 + 16;
/** INIT and FIRST of the asker; CHALLENGE and ANSWER of the other side are as long. */
const HANDSHAKE = [37, DATAGRAM_BYTES_MAX];

interface Exchange {
  readonly from: SimNode;
  readonly to: Address;
  readonly message: Message;
  readonly silentAtMs: number;
  /** The request has arrived; what comes after it are repeats. */
  isTaken: boolean;
  /** What is sent again for each repeat. */
  outcome: Outcome | undefined;
  isOver: boolean;
  readonly end: (reply: Reply | undefined) => void;
}

/** The datagram side of one process without a worker. */
export class SimPlainDatagrams implements NodeDatagrams {
  /** Nothing is told: where datagrams do not pass, HTTP is silently used. */
  readonly told: NodeDatagrams["told"] = [];
  readonly #context: SimDatagramsContext;
  readonly #node: SimNode;
  /** Addresses whose nodes take datagrams. */
  readonly #speak = new Set<string>();
  #running = 0;

  constructor(context: SimDatagramsContext, node: SimNode) {
    this.#context = context;
    this.#node = node;
  }

  get load(): NodeDatagrams["load"] {
    return { associations: 0, requests: this.#running, expected: 0 };
  }

  speaksDatagrams({ address, port }: Address, speaks: boolean): void {
    if (!speaks) this.#speak.delete(address);
    if (!speaks || this.#speak.has(address)) return;
    this.#speak.add(address);
    const { note, nodeAt } = this.#context;
    for (const bytes of HANDSHAKE) {
      note(this.#node, bytes);
      const other = nodeAt(address);
      if (other?.running === true && other.port === port) note(other, bytes);
    }
  }

  connectionLost(): void {
    // There is no association that could have ended.
  }

  resume(): void {
    // What came meanwhile is held by the node itself.
  }

  broadcast(
    to: readonly Address[],
    message: Message,
    options: RequestOptions,
    onReply: (index: number, reply: Reply) => void,
  ): void {
    for (const [index, address] of to.entries()) {
      this.#ask(address, message, options, (reply) => onReply(index, reply));
    }
  }

  #ask(
    to: Address,
    message: Message,
    options: RequestOptions,
    onReply: (reply: Reply) => void,
  ): void {
    const { clock, http } = this.#context;
    const { timeoutMs } = options;
    const startMs = clock.nowMs;
    const overHttp = () => {
      const leftMs = Math.max(1, timeoutMs - (clock.nowMs - startMs));
      const rest = { ...options, timeoutMs: leftMs };
      http.broadcast([to], message, rest, (_, reply) => onReply(reply));
    };
    if (!this.#speak.has(to.address) || message.payload.length > PAYLOAD_BYTES_MAX) {
      overHttp();
      return;
    }
    const patientMs = Math.min(SILENCE_MS.max, Math.max(SILENCE_MS.min, timeoutMs / 2));
    const exchange: Exchange = {
      from: this.#node,
      to,
      message: { ...message, payload: message.payload.slice() },
      silentAtMs: startMs + patientMs,
      isTaken: false,
      outcome: undefined,
      isOver: false,
      end: (reply) => {
        if (exchange.isOver) return;
        exchange.isOver = true;
        this.#running -= 1;
        if (reply === undefined) overHttp();
        else onReply(reply);
      },
    };
    this.#running += 1;
    this.#try(exchange);
  }

  #try(exchange: Exchange): void {
    const { clock, note, network, nodeAt } = this.#context;
    const { from, to, message, silentAtMs } = exchange;
    if (exchange.isOver || !from.running) return;
    if (clock.nowMs >= silentAtMs) {
      exchange.end(undefined);
      return;
    }
    note(from, SEALED_BYTES + message.payload.length);
    const isBarred =
      network.dropsDatagrams(from.address, to.address) ||
      network.barrier(from.address, to.address) !== undefined;
    if (!isBarred) {
      network.carry(from.address, to.address, () => this.#arrive(exchange, nodeAt(to.address)));
    }
    clock.in(TRY_MS, () => from.whenAwake(() => this.#try(exchange)));
  }

  #arrive(exchange: Exchange, target: SimNode | undefined): void {
    const { from, to, message } = exchange;
    if (target?.running !== true || target.port !== to.port) return;
    if (target.datagrams === undefined || target.keyId !== from.keyId) return;
    if (exchange.isTaken) {
      this.#answer(exchange, target);
      return;
    }
    exchange.isTaken = true;
    const { type, payload } = message;
    target.receive({ type, payload, from: from.address }, (outcome) => {
      exchange.outcome = outcome;
      this.#answer(exchange, target);
    });
  }

  #answer(exchange: Exchange, target: SimNode): void {
    const { note, network } = this.#context;
    const { from, outcome } = exchange;
    if (outcome === undefined) return;
    const isTooLarge = outcome.kind === "answer" && outcome.payload.length > PAYLOAD_BYTES_MAX;
    const bytes = outcome.kind === "answer" && !isTooLarge ? outcome.payload.length : 0;
    note(target, SEALED_BYTES + bytes);
    if (network.dropsDatagrams(target.address, from.address)) return;
    network.carry(target.address, from.address, () => {
      if (!from.running) return;
      from.whenAwake(() => exchange.end(isTooLarge ? undefined : replyOf(outcome)));
    });
  }
}

function replyOf(outcome: Outcome): Reply {
  return outcome.kind === "answer"
    ? { kind: "answer", payload: outcome.payload.slice() }
    : { kind: "refused", status: outcome.status, text: outcome.text };
}
