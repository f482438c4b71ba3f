/**
 * The asking half of the HTTP carrier: seals, sends, opens.
 *
 * It ignores proxy variables of the environment and follows no redirects (defects D26, D27): what
 * is meant for a peer goes to that peer or nowhere.
 * @module
 */
import type { Seal } from "../crypto/seal.ts";
import type { MessageType } from "../wire/message-type.ts";
import type { ByteBudget } from "./body.ts";
import type { Address, Message, Reply, RequestOptions } from "./carrier.ts";
import { sealMessage, whenDone } from "./framing.ts";
import { HttpAgent } from "./http-agent.ts";
import { HttpExchange } from "./http-exchange.ts";
import type { CarrierLimits } from "./limits.ts";

export interface HttpAskingOptions {
  readonly seal: Seal;
  readonly limits: CarrierLimits;
  readonly budget: ByteBudget;
  readonly onConnectionLost: (to: Address) => void;
}

const CLOSED = { kind: "failed", reason: "closed", detail: "the carrier is closed" } as const;

/** Requests to peers, from the message to the opened answer. */
export class HttpAsking {
  readonly #options: HttpAskingOptions;
  readonly #agent: HttpAgent;
  readonly #open = new Set<HttpExchange>();
  #closed = false;

  constructor(options: HttpAskingOptions) {
    this.#options = options;
    this.#agent = new HttpAgent(options.limits, (to) => {
      // Whatever else is idle there is just as dead.
      this.#agent.dropIdle(to);
      if (!this.#closed) options.onConnectionLost(to);
    });
  }

  /** Sends `message` to each of `to`, framed and sealed once. */
  ask(
    to: readonly Address[],
    message: Message,
    options: RequestOptions,
    onReply: (index: number, reply: Reply) => void,
  ): void {
    if (this.#closed) {
      queueMicrotask(() => to.forEach((_, index) => void onReply(index, CLOSED)));
      return;
    }
    const exchanges = to.map((address, index) =>
      this.#exchange(address, message.type, options, (reply) => onReply(index, reply)),
    );
    const sent = whenDone(
      sealMessage(this.#options.seal, message.type, message.payload),
      (body) => {
        for (const exchange of exchanges) exchange.send(body);
      },
    );
    if (sent instanceof Promise) {
      sent.catch((error) => {
        for (const exchange of exchanges) exchange.fail("unreachable", `not sealed: ${error}`);
      });
    }
  }

  /** Ends what is open as `closed`, and every connection. */
  close(): void {
    this.#closed = true;
    for (const exchange of [...this.#open]) exchange.fail("closed", CLOSED.detail);
    this.#agent.destroy();
  }

  #exchange(
    to: Address,
    type: MessageType,
    options: RequestOptions,
    onReply: (reply: Reply) => void,
  ): HttpExchange {
    const { seal, limits, budget } = this.#options;
    const context = { seal, agent: this.#agent, limits, budget };
    const exchange = new HttpExchange(context, to, type, options, (reply) => {
      this.#open.delete(exchange);
      onReply(reply);
    });
    this.#open.add(exchange);
    return exchange;
  }
}
