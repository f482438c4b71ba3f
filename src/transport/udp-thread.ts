/**
 * A UDP socket in a worker thread, which answers PINGs while this thread is busy.
 *
 * The main thread keeps what is asked; the worker has the socket and what others ask. It is given
 * the network key alone. When it cannot start or ends, a socket in this thread takes its place.
 * @module
 */
import { Worker } from "node:worker_threads";
import { DsnError } from "../errors.ts";
import { BUSY_FEATURE } from "../wire/ping.ts";
import type { Address, Outcome } from "./carrier.ts";
import { DEFAULT_UDP_LIMITS } from "./limits.ts";
import { LoopBeat } from "./loop-beat.ts";
import {
  type OpenUdpSocket,
  openUdpSocket,
  type UdpReceivers,
  type UdpSocket,
} from "./udp-socket.ts";
import type { UdpSend } from "./udp-switch.ts";
import {
  exactly,
  type FromWorker,
  type ThreadSetup,
  type ToWorker,
} from "./udp-thread-messages.ts";

/** Milliseconds for a worker to be bound. */
const START_MS_MAX = 10_000;
/** Milliseconds for it to end by itself, besides the time for running answers. */
const END_MS_MAX = 1_000;
/** Right in `src/` and from a bundle in `dist/shared/` alike. */
const SCRIPT = "../transport/udp-worker.js";
/** It holds some megabytes at most; what is more than this is a mistake of ours. */
const HEAP_MB_MAX = 64;

export interface UdpThreadOptions {
  /** 16 bytes; undefined for a network without a key. */
  readonly networkKey: Uint8Array | undefined;
  /** The worker could not start, or has ended; this thread does its work now. Called once. */
  readonly onLost: (error: DsnError) => void;
  /** The compiled `udp-worker.ts`. @default the package's own */
  readonly script?: URL | undefined;
}

/** Opens sockets in workers. Where none can start, in this thread. */
export function createThreadOpener(options: UdpThreadOptions): OpenUdpSocket {
  return async (at, receivers) => {
    const socket = new ThreadSocket(options, at, receivers);
    await socket.open();
    return socket;
  };
}

class ThreadSocket implements UdpSocket {
  readonly #options: UdpThreadOptions;
  readonly #receivers: UdpReceivers;
  readonly #beat = new LoopBeat();
  readonly #stopBeat: () => void;
  #at: Address;
  #worker: Worker | undefined;
  #ended: Promise<void> = Promise.resolve();
  /** In the place of a worker that is not there. */
  #direct: UdpSocket | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: UdpThreadOptions, at: Address, receivers: UdpReceivers) {
    this.#options = options;
    this.#at = at;
    this.#receivers = receivers;
    this.#stopBeat = this.#beat.start();
  }

  get at(): Address {
    return this.#at;
  }

  get features(): readonly string[] {
    return this.#worker === undefined ? [] : [BUSY_FEATURE];
  }

  readonly send: UdpSend = (bytes, to) => {
    if (this.#direct === undefined) this.#tell({ kind: "send", bytes: exactly(bytes), to });
    else this.#direct.send(bytes, to);
  };

  /** @throws {Error} with the `code` of the system when the port cannot be had. */
  async open(): Promise<void> {
    try {
      this.#at = await this.#start();
    } catch (error) {
      this.#stopBeat();
      throw error;
    }
  }

  /** Resolves when the socket is bound, by whom ever. */
  #start(): Promise<Address> {
    const networkKey = this.#options.networkKey && exactly(this.#options.networkKey);
    const limits = DEFAULT_UDP_LIMITS;
    const setup: ThreadSetup = { at: this.#at, networkKey, limits, beat: this.#beat.memory };
    return new Promise((resolve, reject) => {
      let worker: Worker;
      try {
        worker = this.#create(setup);
      } catch (error) {
        this.#replace(error).then(resolve, reject);
        return;
      }
      let failure: unknown = new Error("it has ended");
      const patience = setTimeout(() => {
        failure = new Error(`it did not start within ${START_MS_MAX} ms`);
        void worker.terminate();
      }, START_MS_MAX);
      let portError: Error | undefined;
      worker.on("message", (message: FromWorker) => {
        if (message.kind === "bound") {
          clearTimeout(patience);
          resolve(message.at);
        } else if (message.kind === "failed") {
          portError = Object.assign(new Error(message.message), { code: message.code });
        } else {
          this.#take(message);
        }
      });
      worker.on("error", (error) => {
        failure = error;
      });
      this.#ended = new Promise((ended) => {
        worker.once("exit", () => {
          clearTimeout(patience);
          if (this.#worker === worker) this.#worker = undefined;
          ended();
          if (portError !== undefined) reject(portError);
          else if (this.#closing === undefined) this.#replace(failure).then(resolve, reject);
          else reject(new Error("the carrier is closed"));
        });
      });
      this.#worker = worker;
    });
  }

  #create(setup: ThreadSetup): Worker {
    const worker = new Worker(this.#options.script ?? new URL(SCRIPT, import.meta.url), {
      name: "dsn udp",
      workerData: setup,
      // A loader or an inspector of the program is not for it.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB_MAX },
    });
    // The HTTP server keeps the process running, as long as it shall.
    worker.unref();
    return worker;
  }

  #take(message: Extract<FromWorker, { kind: "datagram" | "request" }>): void {
    this.#beat.take();
    if (message.kind === "datagram") {
      this.#receivers.onDatagram(message.bytes, message.source);
      return;
    }
    const { exchange, request } = message;
    const respond = (outcome: Outcome) => {
      this.#tell({ kind: "respond", exchange, outcome: exactOutcome(outcome) });
    };
    try {
      this.#receivers.onRequest(request, respond);
    } catch (error) {
      respond({ kind: "refusal", status: 500, text: "", authenticated: false });
      this.#receivers.onFault(error);
    }
  }

  #tell(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }

  /** Nobody answers for us any more: this thread does what it can. */
  async #replace(cause: unknown): Promise<Address> {
    this.#stopBeat();
    this.#options.onLost(workerLost(cause));
    const direct = await openUdpSocket(this.#at, this.#receivers);
    if (this.#closing === undefined) this.#direct = direct;
    else await direct.close();
    return direct.at;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#stopBeat();
    await this.#direct?.close();
    const worker = this.#worker;
    if (worker === undefined) return;
    // Whoever waits for the end must not find the process gone before.
    worker.ref();
    this.#tell({ kind: "close" });
    const patience = setTimeout(
      () => void worker.terminate(),
      DEFAULT_UDP_LIMITS.closeGraceMs + END_MS_MAX,
    );
    await this.#ended;
    clearTimeout(patience);
  }
}

function exactOutcome(outcome: Outcome): Outcome {
  return outcome.kind === "answer" ? { ...outcome, payload: exactly(outcome.payload) } : outcome;
}

function workerLost(cause: unknown): DsnError {
  return new DsnError("DSN_WORKER_LOST", "Cannot answer probes while the program is busy", {
    why: `the worker thread has ended: ${cause instanceof Error ? cause.message : String(cause)}`,
    fix: [
      "nothing, if the program never blocks for three seconds",
      "else restart it; if it is bundled, keep dist/transport/udp-worker.js beside it",
    ],
    cause,
  });
}
