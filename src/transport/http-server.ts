/**
 * The answering half of the HTTP carrier: what the reference's server does, within limits.
 *
 * Method and path first, then size, then seal and frame, then the handler. A body is never read
 * beyond the limit of its path, and never outlives its answer.
 *
 * Source: `docs/protocol.md`, HTTP.
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Seal } from "../crypto/seal.ts";
import { type MessageType, messageTypeOfPath } from "../wire/message-type.ts";
import { BodyCollector, type ByteBudget } from "./body.ts";
import type { CarrierListener, Outcome } from "./carrier.ts";
import { ConnectionGuard } from "./connection-guard.ts";
import {
  openRequest,
  sealMessage,
  unopenedRefusal,
  type WireRefusal,
  whenDone,
  wireRefusal,
} from "./framing.ts";
import { refuseUnread, sendAnswer, sendRefusal, whenUniformRefusalIsDue } from "./http-response.ts";
import { type CarrierLimits, transferMsMax } from "./limits.ts";

export interface HttpServingOptions {
  readonly seal: Seal;
  readonly limits: CarrierLimits;
  readonly budget: ByteBudget;
  /** Milliseconds on a clock that never steps back. */
  readonly monotonicMs: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** A request on its way through: read, opened, being handled. */
interface Inbound {
  readonly type: MessageType;
  readonly from: string;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly body: BodyCollector;
  /** When the last byte of the request came; `undefined` before. */
  arrivedMs?: number;
}

const SERVER_ERROR: WireRefusal = { status: 500, text: "", uniform: false };

/** Requests of peers, from the socket to the handler and back. */
export class HttpServing {
  /** For other carriers on the same port: `upgrade` is free. Listening and closing are ours. */
  readonly server: Server;
  readonly #options: HttpServingOptions;
  readonly #guard: ConnectionGuard;
  #listener: CarrierListener | undefined;
  #running = 0;
  #onIdle: (() => void) | undefined;

  constructor(options: HttpServingOptions) {
    const { limits } = options;
    this.#options = options;
    this.server = createServer(
      {
        maxHeaderSize: limits.headerBytesMax,
        headersTimeout: limits.headersTimeoutMs,
        // The last net; each body has its own, tighter deadline.
        requestTimeout:
          limits.headersTimeoutMs +
          transferMsMax(Math.max(...Object.values(limits.bodyBytesMax)), limits),
        keepAliveTimeout: limits.serverIdleMs,
        connectionsCheckingInterval: 1000,
        // The reference answers HTTP/1.1 requests without Host.
        requireHostHeader: false,
        noDelay: true,
      },
      (req, res) => this.#onRequest(req, res),
    );
    this.#guard = new ConnectionGuard(this.server, limits);
    // Failing to listen is told by who listens; what comes later must not crash the process.
    this.server.on("error", (error) => {
      if (this.server.listening) this.#listener?.onFault?.(error);
    });
  }

  /** Who answers. To be set before the server listens. */
  set listener(listener: CarrierListener) {
    this.#listener = listener;
  }

  /** Another carrier knows who is at the other end of this connection. */
  proven(connection: Socket): void {
    this.#guard.proven(connection);
  }

  /** Stops accepting, lets running answers finish for a moment, then closes every connection. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    if (this.#running > 0) await this.#idle();
    this.#guard.closeAll();
    await closed;
  }

  #idle(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#options.limits.closeGraceMs);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #onRequest(req: IncomingMessage, res: ServerResponse): void {
    const type = messageTypeOfPath(req.url ?? "");
    if (req.method !== "POST") refuseUnread(req, res, 501);
    else if (type === undefined) refuseUnread(req, res, 404);
    else this.#accept(type, req, res);
  }

  #accept(type: MessageType, req: IncomingMessage, res: ServerResponse): void {
    const { limits, budget } = this.#options;
    const bytesMax = limits.bodyBytesMax[type];
    const announced = Number(req.headers["content-length"]);
    if (announced > bytesMax) {
      refuseUnread(req, res, 413);
      return;
    }
    const counted = bytesMax > limits.uncountedBodyBytesMax ? budget : undefined;
    const body = new BodyCollector(bytesMax, counted, announced);
    const from = this.#guard.sourceOf(req.socket);
    this.#read({ type, from, req, res, body });
  }

  #read(inbound: Inbound): void {
    const { req, res, body } = inbound;
    const { limits, monotonicMs } = this.#options;
    const startedMs = monotonicMs();
    const check = () => {
      // What has come earns the time for what is to come: announcing a size earns none.
      const leftMs = startedMs + transferMsMax(body.length, limits) - monotonicMs();
      if (leftMs <= 0) req.destroy();
      else deadline = setTimeout(check, leftMs);
    };
    let deadline = setTimeout(check, limits.bodyGraceMs);

    req.on("data", (chunk: Buffer) => {
      const refusal = body.add(chunk);
      if (refusal === undefined) return;
      clearTimeout(deadline);
      body.release();
      refuseUnread(req, res, refusal === "too-large" ? 413 : 503);
    });
    req.once("end", () => {
      clearTimeout(deadline);
      if (res.headersSent) return;
      inbound.arrivedMs = monotonicMs();
      this.#running++;
      this.#open(inbound);
    });
    // The asker may leave before its body is complete, or before its answer is.
    res.once("close", () => {
      clearTimeout(deadline);
      body.release();
      if (inbound.arrivedMs === undefined) return;
      this.#running--;
      if (this.#running === 0) this.#onIdle?.();
    });
  }

  #open(inbound: Inbound): void {
    const { seal } = this.#options;
    const { type, from, body } = inbound;
    const opened = whenDone(openRequest(seal, type, body.bytes()), (payload) => {
      if (payload !== undefined) return this.#handle(inbound, payload);
      body.release();
      this.#refuse(inbound, unopenedRefusal(seal));
      if (seal.secret) this.#guarded(() => this.#listener?.onStranger?.(from));
    });
    if (opened instanceof Promise) opened.catch((error) => this.#fault(inbound, error));
  }

  #handle(inbound: Inbound, payload: Uint8Array): void {
    const { type, from, res } = inbound;
    let deadline: NodeJS.Timeout | undefined;
    let responded = false;
    const respond = (outcome: Outcome) => {
      if (responded) return;
      responded = true;
      clearTimeout(deadline);
      this.#respond(inbound, outcome);
    };
    try {
      this.#listener?.onRequest({ type, payload, from }, respond);
    } catch (error) {
      responded = true;
      this.#fault(inbound, error);
    }
    if (responded) return;
    deadline = setTimeout(() => {
      responded = true;
      inbound.body.release();
      sendRefusal(res, SERVER_ERROR);
    }, this.#options.limits.answerTimeoutMs);
    res.once("close", () => clearTimeout(deadline));
  }

  #respond(inbound: Inbound, outcome: Outcome): void {
    const { type, req, res, body } = inbound;
    const { seal, limits } = this.#options;
    body.release();
    if (outcome.kind === "refusal") {
      this.#refuse(inbound, wireRefusal(seal, outcome));
      return;
    }
    const sealed = whenDone(sealMessage(seal, type, outcome.payload), (bytes) => {
      if (res.destroyed) return;
      this.#guard.proven(req.socket);
      sendAnswer(res, bytes, limits);
    });
    if (sealed instanceof Promise) sealed.catch((error) => this.#fault(inbound, error));
  }

  /** A bug of ours, not a fault of the asker. It must not tell how far a request got either. */
  #fault(inbound: Inbound, error: unknown): void {
    const { seal } = this.#options;
    inbound.body.release();
    this.#refuse(inbound, seal.secret ? unopenedRefusal(seal) : SERVER_ERROR);
    this.#listener?.onFault?.(error);
  }

  #guarded(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#listener?.onFault?.(error);
    }
  }

  #refuse({ res, arrivedMs = 0 }: Inbound, refusal: WireRefusal): void {
    const send = () => {
      if (!res.destroyed && !res.headersSent) sendRefusal(res, refusal);
    };
    const { monotonicMs, random } = this.#options;
    if (refusal.uniform) whenUniformRefusalIsDue(arrivedMs, monotonicMs, random, send);
    else send();
  }
}
