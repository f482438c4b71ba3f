/**
 * The worker thread that owns the UDP socket of a node; `udp-thread.ts` starts it.
 *
 * It opens and answers what others ask, and passes on what answers us. What waits at the main
 * thread is bounded: while that does nothing, datagrams are dropped, as they may be.
 * @module
 */
import { randomBytes } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import type { InboundRequest, Outcome } from "./carrier.ts";
import { LoopBeat } from "./loop-beat.ts";
import { patientAfter } from "./timers.ts";
import { decodeDatagram, isForAsker } from "./udp-datagram.ts";
import { UdpFront } from "./udp-front.ts";
import { openUdpSocket, type UdpSocket } from "./udp-socket.ts";
import type { UdpEndpoint } from "./udp-switch.ts";
import {
  exactly,
  type FromWorker,
  type ThreadSetup,
  type ToWorker,
} from "./udp-thread-messages.ts";

/** Messages that the main thread has not taken yet: 1,200 bytes each at most. */
const WAITING_MAX = 1_024;

class UdpWorker {
  readonly #setup: ThreadSetup;
  readonly #tell: (message: FromWorker) => void;
  readonly #beat: LoopBeat;
  readonly #front: UdpFront;
  readonly #exchanges = new Map<number, (outcome: Outcome) => void>();
  #socket: UdpSocket | undefined;
  #lastExchange = 0;
  /** Messages for the main thread, those that it counts. */
  #handed = 0;

  constructor(setup: ThreadSetup, tell: (message: FromWorker) => void) {
    this.#setup = setup;
    this.#tell = tell;
    this.#beat = new LoopBeat(setup.beat);
    this.#front = new UdpFront({
      networkKey: setup.networkKey,
      limits: setup.limits,
      monotonicMs: () => performance.now(),
      after: patientAfter,
      randomBytes,
      send: (bytes, to) => this.#socket?.send(bytes, to),
      loopAgeMs: () => this.#beat.ageMs,
      hand: (request, respond) => this.#hand(request, respond),
    });
  }

  async listen(): Promise<void> {
    this.#socket = await openUdpSocket(this.#setup.at, {
      onDatagram: (bytes, source) => this.#receive(bytes, source),
      onRequest: () => undefined,
      onFault: () => undefined,
    });
    this.#tell({ kind: "bound", at: this.#socket.at });
  }

  take(message: ToWorker): void {
    switch (message.kind) {
      case "send":
        this.#socket?.send(message.bytes, message.to);
        break;
      case "respond":
        this.#exchanges.get(message.exchange)?.(message.outcome);
        this.#exchanges.delete(message.exchange);
        break;
      case "close":
        void this.#close();
        break;
    }
  }

  async #close(): Promise<void> {
    await this.#front.close();
    await this.#socket?.close();
    parentPort?.close();
  }

  #receive(bytes: Uint8Array, source: UdpEndpoint): void {
    const datagram = decodeDatagram(bytes);
    if (datagram === undefined) return;
    if (!isForAsker(datagram)) this.#front.receive(datagram, source);
    else if (this.#hasRoom) this.#tellCounted({ kind: "datagram", bytes: exactly(bytes), source });
  }

  #hand({ type, payload, from }: InboundRequest, respond: (outcome: Outcome) => void): boolean {
    if (!this.#hasRoom) return false;
    this.#lastExchange += 1;
    const exchange = this.#lastExchange;
    this.#exchanges.set(exchange, respond);
    this.#tellCounted({
      kind: "request",
      exchange,
      request: { type, payload: exactly(payload), from },
    });
    return true;
  }

  get #hasRoom(): boolean {
    const isTaken = this.#handed - this.#beat.taken < WAITING_MAX;
    // An answer that never comes is forgotten by whoever asked, and its place kept here.
    return isTaken && this.#exchanges.size < this.#setup.limits.requestsMax;
  }

  #tellCounted(message: FromWorker): void {
    this.#handed += 1;
    this.#tell(message);
  }
}

const port = parentPort;
if (port !== null) {
  const worker = new UdpWorker(workerData as ThreadSetup, (message) => port.postMessage(message));
  port.on("message", (message: ToWorker) => worker.take(message));
  worker.listen().catch((error: NodeJS.ErrnoException) => {
    const failed: FromWorker = { kind: "failed", code: error.code, message: error.message };
    port.postMessage(failed);
    port.close();
  });
}
