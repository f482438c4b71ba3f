/**
 * One request over HTTP and its reply, within a total time and a size.
 * @module
 */
import {
  type Agent,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions as NodeRequestOptions,
  request as sendRequest,
} from "node:http";
import type { Socket } from "node:net";
import type { Seal } from "../crypto/seal.ts";
import { formatAddress } from "../wire/exchange.ts";
import { MESSAGE_PATHS, MessageType } from "../wire/message-type.ts";
import { BodyCollector, type ByteBudget } from "./body.ts";
import type { Address, FailureReason, Reply, RequestOptions } from "./carrier.ts";
import { openAnswer, whenDone } from "./framing.ts";
import type { HttpAgent } from "./http-agent.ts";
import { aboutPeer, describe, problemOf } from "./http-reading.ts";
import type { CarrierLimits } from "./limits.ts";

export interface ExchangeContext {
  readonly seal: Seal;
  readonly agent: HttpAgent;
  readonly limits: CarrierLimits;
  readonly budget: ByteBudget;
}

/** setTimeout() takes longer times for 1 ms. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** What a socket says that died before the request reached anybody. */
const STALE_CODES: ReadonlySet<string | undefined> = new Set(["ECONNRESET", "EPIPE"]);

export class HttpExchange {
  readonly #context: ExchangeContext;
  readonly #to: Address;
  readonly #type: MessageType;
  readonly #options: RequestOptions;
  readonly #onReply: (reply: Reply) => void;
  #timer: NodeJS.Timeout;
  readonly #onAbort = () => this.fail("closed", "given up by the caller");
  #body: Uint8Array | undefined;
  #request: ClientRequest | undefined;
  #response: IncomingMessage | undefined;
  #answer: BodyCollector | undefined;
  #connected = false;
  #reused = false;
  #retried = false;
  #settled = false;

  /**
   * The clock starts here; {@link send} follows when the message is sealed.
   *
   * @param onReply Called exactly once, never from within the constructor or `send`.
   */
  constructor(
    context: ExchangeContext,
    to: Address,
    type: MessageType,
    options: RequestOptions,
    onReply: (reply: Reply) => void,
  ) {
    this.#context = context;
    this.#to = to;
    this.#type = type;
    this.#options = options;
    this.#onReply = onReply;
    const timeoutMs = Math.min(options.timeoutMs, TIMER_MS_MAX);
    this.#timer = setTimeout(() => this.#onTimeout(), timeoutMs);
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (options.signal?.aborted === true) queueMicrotask(this.#onAbort);
  }

  send(body: Uint8Array): void {
    if (this.#settled) return;
    this.#body = body;
    try {
      // Node takes an empty host for this machine.
      if (this.#to.address === "") throw new Error("the address is empty");
      this.#sendOn(this.#agent());
    } catch (error) {
      // A host name or port that cannot be one.
      queueMicrotask(() => this.fail("unreachable", describe(error)));
    }
  }

  /** Ends the exchange; nothing happens when it has ended. */
  fail(reason: FailureReason, detail: string): void {
    this.#settle({ kind: "failed", reason, detail });
  }

  /** A PING must not wait behind long transfers to the same peer: it takes a connection apart. */
  #agent(): Agent | false {
    const { agent } = this.#context;
    return this.#type === MessageType.PING && agent.isFull(this.#to) ? false : agent;
  }

  #sendOn(agent: Agent | false): void {
    const { address, port } = this.#to;
    const body = this.#body ?? new Uint8Array(0);
    const options: NodeRequestOptions = {
      agent,
      host: address,
      port,
      method: "POST",
      path: MESSAGE_PATHS[this.#type],
      headers: [
        "Host",
        formatAddress(this.#to),
        "Accept-Encoding",
        "identity",
        "Content-Type",
        "application/octet-stream",
        // Always: the reference reads a body without it as empty.
        "Content-Length",
        String(body.length),
      ],
      maxHeaderSize: this.#context.limits.headerBytesMax,
    };
    this.#connected = false;
    this.#reused = false;
    const request = sendRequest(options);
    this.#request = request;
    request.once("socket", (socket) => this.#onSocket(socket));
    request.once("response", (response) => this.#onResponse(response));
    request.on("error", (error) => this.#onError(request, error));
    request.once("close", () => {
      // A complete answer may still be on its way through the stream, or being opened.
      if (this.#response?.complete === true) return;
      this.#onError(request, new Error("closed without an answer"));
    });
    request.end(body);
  }

  #onSocket(socket: Socket): void {
    this.#connected = !socket.connecting;
    if (!this.#connected) {
      socket.once("connect", () => {
        this.#connected = true;
      });
    }
    // A socket handed over by another request is not `reusedSocket` to Node, but may be as stale.
    this.#reused = this.#connected;
  }

  #onTimeout(): void {
    const { timeoutMs, patienceMs = 0 } = this.#options;
    const leftMs = patienceMs - timeoutMs;
    if (this.#connected && !this.#reused && leftMs > 0) {
      this.#timer = setTimeout(() => this.#giveUp(patienceMs), leftMs);
    } else this.#giveUp(timeoutMs);
  }

  #giveUp(timeoutMs: number): void {
    if (this.#connected) this.fail("no-answer", `no answer within ${timeoutMs} ms`);
    else this.fail(this.#unconnected(), `no connection within ${timeoutMs} ms`);
  }

  #onError(request: ClientRequest, error: NodeJS.ErrnoException): void {
    if (this.#settled || request !== this.#request) return;
    if (this.#isStale(error)) this.#retry();
    else if (!this.#connected) this.fail(this.#unconnected(), describe(error));
    else if (error.code?.startsWith("HPE_") === true) this.fail("not-dsn", describe(error));
    else this.fail("no-answer", describe(error));
  }

  /** A process killed at work also looks stale: then the first try may have been delivered. */
  #unconnected(): FailureReason {
    return this.#retried ? "no-answer" : "unreachable";
  }

  /**
   * True for the race of every kept connection: the other side closed it while we were sending.
   * Then the request did not reach anybody who acts on it, and a new connection may try again.
   */
  #isStale(error: NodeJS.ErrnoException): boolean {
    const untouched = !this.#retried && this.#response === undefined;
    return untouched && this.#reused && STALE_CODES.has(error.code);
  }

  #retry(): void {
    this.#retried = true;
    this.#context.agent.dropIdle(this.#to);
    this.#sendOn(this.#agent());
  }

  #onResponse(response: IncomingMessage): void {
    if (this.#settled) return;
    this.#response = response;
    const status = response.statusCode ?? 0;
    const problem = problemOf(status, response.headers);
    if (problem !== undefined) this.fail("not-dsn", problem);
    else if (status === 200) this.#readAnswer(response);
    else this.#readRefusal(response, status);
    response.once("error", (error) => this.fail("no-answer", describe(error)));
  }

  #readAnswer(response: IncomingMessage): void {
    const { limits, budget } = this.#context;
    const { answerBytesMax } = this.#options;
    const counted = answerBytesMax > limits.uncountedBodyBytesMax ? budget : undefined;
    const announced = Number(response.headers["content-length"]);
    const answer = new BodyCollector(answerBytesMax, counted, announced);
    this.#answer = answer;
    if (announced > answerBytesMax) {
      this.#failTooLarge();
      return;
    }
    response.on("data", (chunk: Buffer) => {
      if (answer.add(chunk) !== undefined) this.#failTooLarge();
    });
    response.once("end", () => {
      if (response.complete) this.#open(response, answer);
      else this.fail("no-answer", "the answer broke off");
    });
  }

  #open(response: IncomingMessage, answer: BodyCollector): void {
    const { seal } = this.#context;
    const opened = whenDone(openAnswer(seal, this.#type, answer.bytes()), (payload) => {
      if (payload === undefined) this.fail("not-dsn", "the answer does not open");
      else this.#settle({ kind: "answer", payload, ...aboutPeer(response.headers) });
    });
    if (opened instanceof Promise) opened.catch((error) => this.fail("not-dsn", describe(error)));
  }

  #readRefusal(response: IncomingMessage, status: number): void {
    const { refusalTextBytesMax } = this.#context.limits;
    let text = Buffer.alloc(0);
    const settle = () => this.#settle({ kind: "refused", status, text: text.toString("utf8") });
    response.on("data", (chunk: Buffer) => {
      const room = refusalTextBytesMax - text.length;
      text = Buffer.concat([text, chunk.subarray(0, room)]);
      if (chunk.length > room) settle();
    });
    response.once("end", settle);
  }

  #failTooLarge(): void {
    this.fail("too-large", `the answer is larger than ${this.#options.answerBytesMax} bytes`);
  }

  #settle(reply: Reply): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    const wasComplete = this.#request?.writableFinished === true && this.#response?.complete;
    // A complete exchange leaves its connection to the next one.
    if (reply.kind === "failed" || wasComplete !== true) this.#request?.destroy();
    this.#onReply(reply);
    this.#answer?.release();
    this.#body = undefined;
  }
}
