/**
 * A carrier of the network in memory. It frames and seals like HTTP, and fails like it.
 * @module
 */
import type { Seal } from "../crypto/seal.ts";
import { DsnError } from "../errors.ts";
import type { MessageType } from "../wire/message-type.ts";
import type {
  Address,
  Carrier,
  CarrierListener,
  FailureReason,
  Message,
  Outcome,
  Reply,
  RequestOptions,
} from "./carrier.ts";
import {
  openAnswer,
  openRequest,
  sealMessage,
  unopenedRefusal,
  type WireRefusal,
  whenDone,
  wireRefusal,
} from "./framing.ts";
import { DEFAULT_LIMITS } from "./limits.ts";

/** What a carrier needs of its network. */
export interface MemoryLinks {
  /** @throws {DsnError} `DSN_PORT_IN_USE`. */
  bind(carrier: MemoryCarrier, at: Address): Address;
  unbind(at: Address): void;
  find(at: Address): MemoryCarrier | undefined;
  /** Brings one message one way, or loses it. `from` and `to` are hosts. */
  carry(from: string, to: string, deliver: () => void): void;
  isDuplicated(): boolean;
  setTimer(ms: number, fn: () => void): () => void;
}

/** What comes back over the network. */
type WireReply =
  | { readonly kind: "answer"; readonly body: Uint8Array }
  | ({ readonly kind: "refused" } & WireRefusal)
  | { readonly kind: "failed"; readonly reason: FailureReason; readonly detail: string };

const CLOSED = { kind: "failed", reason: "closed", detail: "the carrier is closed" } as const;
const NOBODY = { kind: "failed", reason: "unreachable", detail: "nothing listens there" } as const;
const BROKEN = { kind: "failed", reason: "no-answer", detail: "the connection broke" } as const;
const NOT_DSN = { kind: "failed", reason: "not-dsn", detail: "the answer does not open" } as const;
const TOO_LARGE = { kind: "refused", status: 413, text: "", uniform: false } as const;
const FAULT = { kind: "refusal", status: 500, text: "", authenticated: false } as const;

export class MemoryCarrier implements Carrier {
  readonly name = "memory";
  readonly host: string;
  readonly #seal: Seal;
  readonly #links: MemoryLinks;
  readonly #settlers = new Set<(reply: Reply) => void>();
  readonly #running = new Set<(reply: WireReply) => void>();
  /** Carriers that have had an answer from us: over HTTP they would hold a connection. */
  readonly #connected = new Map<MemoryCarrier, Address>();
  #listener: CarrierListener | undefined;
  #bound: Address | undefined;
  #closed = false;

  constructor(host: string, seal: Seal, links: MemoryLinks) {
    this.host = host;
    this.#seal = seal;
    this.#links = links;
  }

  async listen(at: Address, listener: CarrierListener): Promise<Address> {
    if (this.#closed) throw new DsnError("DSN_CANNOT_LISTEN", "The carrier is closed");
    this.#bound = this.#links.bind(this, at);
    this.#listener = listener;
    return this.#bound;
  }

  request(to: Address, message: Message, options: RequestOptions): Promise<Reply> {
    return new Promise((resolve) => {
      this.broadcast([to], message, options, (_, reply) => resolve(reply));
    });
  }

  broadcast(
    to: readonly Address[],
    message: Message,
    options: RequestOptions,
    onReply: (index: number, reply: Reply) => void,
  ): void {
    void whenDone(sealMessage(this.#seal, message.type, message.payload), (body) => {
      to.forEach((address, index) => {
        this.#ask(address, message.type, body, options, (reply) => onReply(index, reply));
      });
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#bound !== undefined) this.#links.unbind(this.#bound);
    for (const settle of [...this.#settlers]) settle(CLOSED);
    for (const reply of [...this.#running]) reply(BROKEN);
    for (const [asker, at] of this.#connected) {
      this.#links.carry(this.host, asker.host, () => asker.#onConnectionLost(at));
    }
    this.#connected.clear();
  }

  #ask(
    to: Address,
    type: MessageType,
    body: Uint8Array,
    { timeoutMs, answerBytesMax, signal }: RequestOptions,
    onReply: (reply: Reply) => void,
  ): void {
    const settle = (reply: Reply) => {
      if (!this.#settlers.delete(settle)) return;
      stopTimer();
      signal?.removeEventListener("abort", onAbort);
      onReply(reply);
    };
    const onAbort = () => settle(CLOSED);
    const stopTimer = this.#links.setTimer(timeoutMs, () => {
      settle({ kind: "failed", reason: "no-answer", detail: `no answer within ${timeoutMs} ms` });
    });
    this.#settlers.add(settle);
    if (this.#closed || signal?.aborted === true) {
      queueMicrotask(onAbort);
      return;
    }
    signal?.addEventListener("abort", onAbort, { once: true });

    const arrive = (reply: WireReply) => {
      if (reply.kind !== "answer") settle(plainReply(reply));
      else if (reply.body.length > answerBytesMax) settle(answerTooLarge(answerBytesMax));
      else
        void whenDone(openAnswer(this.#seal, type, reply.body), (payload) => {
          settle(payload === undefined ? NOT_DSN : { kind: "answer", payload });
        });
    };
    this.#send(to, type, body, arrive);
    if (this.#links.isDuplicated()) this.#send(to, type, body, arrive);
  }

  /** One request over the network; `arrive` is called when a reply makes it back. */
  #send(
    to: Address,
    type: MessageType,
    body: Uint8Array,
    arrive: (reply: WireReply) => void,
  ): void {
    const { carry, find } = this.#links;
    const back = (reply: WireReply) => carry(to.address, this.host, () => arrive(reply));
    carry(this.host, to.address, () => {
      const receiver = find(to);
      if (receiver === undefined) return back(NOBODY);
      // Not `slice()`, which of a Buffer is no copy.
      receiver.#receive(this.host, type, new Uint8Array(body), (reply) => {
        if (reply.kind === "answer") receiver.#connected.set(this, to);
        back(reply);
      });
    });
  }

  #receive(
    from: string,
    type: MessageType,
    body: Uint8Array,
    onReply: (reply: WireReply) => void,
  ): void {
    const reply = (wireReply: WireReply) => {
      if (this.#running.delete(reply)) onReply(wireReply);
    };
    this.#running.add(reply);
    if (body.length > DEFAULT_LIMITS.bodyBytesMax[type]) {
      reply(TOO_LARGE);
      return;
    }
    void whenDone(openRequest(this.#seal, type, body), (payload) => {
      if (payload !== undefined) return this.#handle(from, type, payload, reply);
      reply({ kind: "refused", ...unopenedRefusal(this.#seal) });
      if (this.#seal.secret) this.#listener?.onStranger?.(from);
    });
  }

  #handle(
    from: string,
    type: MessageType,
    payload: Uint8Array,
    reply: (reply: WireReply) => void,
  ): void {
    const respond = (outcome: Outcome) => {
      if (outcome.kind === "refusal") {
        return reply({ kind: "refused", ...wireRefusal(this.#seal, outcome) });
      }
      void whenDone(sealMessage(this.#seal, type, outcome.payload), (body) => {
        reply({ kind: "answer", body });
      });
    };
    try {
      this.#listener?.onRequest({ type, payload, from }, respond);
    } catch (error) {
      respond(FAULT);
      this.#listener?.onFault?.(error);
    }
  }

  #onConnectionLost(to: Address): void {
    if (!this.#closed) this.#listener?.onConnectionLost?.(to);
  }
}

/**
 * A seal that hides nothing and tells networks apart like one that does: a mark, the label, the
 * plaintext.
 */
export function createLabelSeal(label: string): Seal {
  // The mark is no message type, so a network without a key finds the wrong type, as over HTTP.
  const prefix = Buffer.from(`\0${label}\0`);
  return {
    secret: true,
    seal: (plaintext) => Buffer.concat([prefix, plaintext]),
    open: (sealed) =>
      prefix.equals(sealed.subarray(0, prefix.length)) ? sealed.subarray(prefix.length) : undefined,
  };
}

function answerTooLarge(bytesMax: number): Reply {
  const detail = `the answer is larger than ${bytesMax} bytes`;
  return { kind: "failed", reason: "too-large", detail };
}

function plainReply(reply: Exclude<WireReply, { kind: "answer" }>): Reply {
  if (reply.kind === "failed") return reply;
  return { kind: "refused", status: reply.status, text: reply.text };
}
