/**
 * The answering half of UDP in front of a main loop that may not turn: it brings requests there,
 * and answers a PING itself, as busy, while nobody answers.
 *
 * A worker runs it over a real socket, a simulation over its own. It needs the network key and no
 * other: what it says of the main loop proves no more than any datagram does.
 * @module
 */
import { createNetworkSeal } from "../crypto/aes-cbc-seal.ts";
import { MessageType } from "../wire/message-type.ts";
import { encodeBusy } from "../wire/ping.ts";
import type { InboundRequest, Outcome, RequestHandler } from "./carrier.ts";
import { UdpAnswering } from "./udp-answering.ts";
import type { DatagramToAnswerer } from "./udp-datagram.ts";
import type { UdpOutside } from "./udp-outside.ts";
import { UdpServing } from "./udp-serving.ts";
import type { UdpEndpoint } from "./udp-switch.ts";

/** A main loop that turned so lately answers for itself; milliseconds. */
const FRESH_MS = 500;
/** So long it may take; half of the shortest time after which an asker tries its session. */
const PATIENCE_MS = 100;

export interface UdpFrontOptions extends UdpOutside {
  /** Milliseconds since the main loop last turned. */
  readonly loopAgeMs: () => number;
  /**
   * Hands a request to the main loop, which may answer at any time or never.
   *
   * @returns false when too much waits there already; then `respond` is not called.
   */
  readonly hand: (...request: Parameters<RequestHandler>) => boolean;
}

export class UdpFront {
  readonly #options: UdpFrontOptions;
  readonly #serving: UdpServing;
  readonly #answering: UdpAnswering;

  constructor(options: UdpFrontOptions) {
    const { networkKey, limits, after, randomBytes } = options;
    this.#options = options;
    const seal = createNetworkSeal(networkKey);
    this.#serving = new UdpServing(seal, limits, after);
    this.#serving.listener = {
      onRequest: (request, respond) => this.#requested(request, respond),
    };
    const secret = randomBytes(32);
    this.#answering = new UdpAnswering({ ...options, secret, serving: this.#serving });
  }

  /** Associations kept. */
  get associations(): number {
    return this.#answering.size;
  }

  /** Requests being answered. */
  get requests(): number {
    return this.#serving.running;
  }

  receive(datagram: DatagramToAnswerer, source: UdpEndpoint): void {
    this.#answering.receive(datagram, source);
  }

  /** Takes no more requests; lets running answers finish for a moment. */
  close(): Promise<void> {
    return this.#serving.close();
  }

  #requested(request: InboundRequest, respond: (outcome: Outcome) => void): void {
    if (request.type === MessageType.PING) this.#pinged(request, respond);
    else if (!this.#options.hand(request, respond)) respond(NO_ROOM);
  }

  #pinged(request: InboundRequest, respond: (outcome: Outcome) => void): void {
    const { after, hand, loopAgeMs } = this.#options;
    let open = true;
    const answer = (outcome: Outcome) => {
      if (!open) return;
      open = false;
      // It may answer before this thread goes on.
      cancel?.();
      respond(outcome);
    };
    const answerBusy = () => answer({ kind: "answer", payload: encodeBusy(loopAgeMs()) });
    let cancel: (() => void) | undefined;
    if (loopAgeMs() > FRESH_MS || !hand(request, answer)) answerBusy();
    else cancel = after(PATIENCE_MS, answerBusy);
  }
}

const NO_ROOM: Outcome = { kind: "refusal", status: 503, text: "", authenticated: true };
