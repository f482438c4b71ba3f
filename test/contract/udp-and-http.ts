/**
 * The `udp+http` carrier as the contract sees it: every request that fits a datagram goes by
 * datagram, from the first.
 *
 * In a node the first messages go over HTTP, and an association begins behind them. Here the
 * first request to a peer waits for that, after a message over HTTP of which the tests know
 * nothing.
 * @module
 */
import { createAesCbcSeal, createPlainSeal } from "../../src/crypto/aes-cbc-seal.ts";
import { DsnError } from "../../src/errors.ts";
import type {
  Address,
  Carrier,
  CarrierListener,
  Message,
  Reply,
  RequestOptions,
} from "../../src/transport/carrier.ts";
import { createDatagramsFirst, type DatagramsFirst } from "../../src/transport/datagrams-first.ts";
import { createHttpCarrier } from "../../src/transport/http-carrier.ts";
import { UdpCarrier, type UdpCarrierOptions } from "../../src/transport/udp-carrier.ts";
import type { UdpPath } from "../../src/transport/udp-path.ts";
import type { OpenUdpSocket } from "../../src/transport/udp-socket.ts";
import { MessageType } from "../../src/wire/message-type.ts";
import { type Faults, LossyUdpProxy } from "./lossy-udp-proxy.ts";

export interface BetweenSetup {
  readonly networkKey: Uint8Array | undefined;
  readonly host: string;
  /** A proxy in front of every node; none without. */
  readonly faults?: Faults | undefined;
  /** What binds the socket; one in this thread without. */
  readonly open?: OpenUdpSocket | undefined;
}

/** What was done by datagram in one row of the contract. */
export class UdpUse {
  asked = 0;
  answered = 0;
  /** Requests that had to go on over HTTP because nothing came back. */
  silent = 0;
  passed = 0;
  dropped = 0;
  doubled = 0;
  proxies = 0;
}

/** Where carriers of these rows listen, with which key. */
const listening = new Map<string, Uint8Array | undefined>();
const WARM_UP = Buffer.from("a message over HTTP");

export function createUdpAndHttp(setup: BetweenSetup, use: UdpUse): Carrier {
  return new EagerUdpAndHttp(setup, use);
}

class EagerUdpAndHttp implements Carrier {
  readonly name = "udp+http";
  readonly #setup: BetweenSetup;
  readonly #use: UdpUse;
  readonly #http: Carrier;
  readonly #udp: CountingUdpCarrier;
  readonly #carrier: DatagramsFirst;
  readonly #prepared = new Map<string, Promise<void>>();
  #proxy: LossyUdpProxy | undefined;
  #at: Address | undefined;
  #listening: Promise<Address> | undefined;

  constructor(setup: BetweenSetup, use: UdpUse) {
    const { networkKey, open } = setup;
    const seal = networkKey === undefined ? createPlainSeal() : createAesCbcSeal(networkKey);
    this.#setup = setup;
    this.#use = use;
    this.#http = createHttpCarrier({ seal });
    this.#udp = new CountingUdpCarrier({ networkKey, open }, use);
    this.#carrier = createDatagramsFirst({ http: this.#http, udp: this.#udp });
  }

  listen(at: Address, listener: CarrierListener): Promise<Address> {
    this.#listening = this.#listen(at, listener);
    return this.#listening;
  }

  async #listen(at: Address, listener: CarrierListener): Promise<Address> {
    const { faults, networkKey } = this.#setup;
    const quiet: CarrierListener = {
      ...listener,
      onRequest: (request, respond) => {
        if (WARM_UP.equals(request.payload)) respond({ kind: "answer", payload: WARM_UP });
        else listener.onRequest(request, respond);
      },
    };
    this.#at =
      faults === undefined
        ? await this.#carrier.listen(at, quiet)
        : await this.#listenBehindProxy(at, quiet, faults);
    listening.set(nameOf(this.#at), networkKey);
    return this.#at;
  }

  async #listenBehindProxy(at: Address, listener: CarrierListener, faults: Faults) {
    this.#use.proxies++;
    const proxy = new LossyUdpProxy(at.address, faults, this.#use.proxies);
    const front = await proxy.listen(at).catch((cause: unknown) => {
      throw new DsnError("DSN_PORT_IN_USE", `Port ${at.port} is in use`, { cause });
    });
    this.#proxy = proxy;
    proxy.backend = await this.#carrier.listen({ ...at, port: 0 }, listener);
    return front;
  }

  async request(to: Address, message: Message, options: RequestOptions): Promise<Reply> {
    await this.#prepare(to);
    return this.#carrier.request(to, message, options);
  }

  broadcast(
    to: readonly Address[],
    message: Message,
    options: RequestOptions,
    onReply: (index: number, reply: Reply) => void,
  ): void {
    void Promise.all(to.map((address) => this.#prepare(address))).then(() =>
      this.#carrier.broadcast(to, message, options, onReply),
    );
  }

  async close(): Promise<void> {
    if (this.#at !== undefined) listening.delete(nameOf(this.#at));
    await this.#carrier.close();
    const proxy = this.#proxy;
    this.#proxy = undefined;
    if (proxy === undefined) return;
    await proxy.close();
    this.#use.passed += proxy.fates.passed;
    this.#use.dropped += proxy.fates.dropped;
    this.#use.doubled += proxy.fates.doubled;
  }

  #prepare(to: Address): Promise<void> {
    const name = nameOf(to);
    if (listening.get(name) !== this.#setup.networkKey || !listening.has(name)) {
      return Promise.resolve();
    }
    const known = this.#prepared.get(name);
    const prepared = known ?? this.#warmUp(to);
    this.#prepared.set(name, prepared);
    return prepared;
  }

  async #warmUp(to: Address): Promise<void> {
    this.#listening ??= this.#listen(
      { address: this.#setup.host, port: 0 },
      { onRequest: () => {} },
    );
    await this.#listening;
    const warmUp = { type: MessageType.DATA, payload: WARM_UP };
    await this.#http.request(to, warmUp, { timeoutMs: 5_000, answerBytesMax: 1_000 });
    this.#carrier.speaksDatagrams(to, true);
    const allDropped = this.#setup.faults?.dropped === 10;
    const untilMs = performance.now() + (allDropped ? 20 : 3_000);
    while (performance.now() < untilMs && !this.#udp.isReady(to)) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

class CountingUdpCarrier extends UdpCarrier {
  readonly #use: UdpUse;
  readonly #paths = new Map<string, UdpPath>();

  constructor(options: UdpCarrierOptions, use: UdpUse) {
    super(options);
    this.#use = use;
  }

  isReady(to: Address): boolean {
    return this.#paths.get(nameOf(to))?.takes(0) === true;
  }

  override open(to: Address): UdpPath {
    const path = super.open(to);
    this.#paths.set(nameOf(to), path);
    const ask = path.ask.bind(path);
    path.ask = (message, options, onReply) => {
      this.#use.asked++;
      ask(message, options, (reply) => {
        if (reply.kind === "answer" || reply.kind === "refused") this.#use.answered++;
        if (reply.kind === "silent") this.#use.silent++;
        onReply(reply);
      });
    };
    return path;
  }
}

function nameOf({ address, port }: Address): string {
  return `${address} ${port}`;
}
