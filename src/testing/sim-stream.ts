/**
 * One direction of a TCP connection on a simulated link: nothing is lost on it and nothing
 * overtakes; what the link loses comes late, and holds up what follows.
 *
 * Lost acknowledgements are left out: they cost traffic, not time.
 * Source: RFC 6298 (retransmission timer), RFC 5681 (fast retransmit); Linux begins at 200 ms.
 * @module
 */
import type { SimNetwork } from "./sim-network.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** From a lost packet to its second try, doubled at each. */
const RTO_MS = 200;
const RTO_MS_MAX = 120_000;
/** Before anything is known of the way: the first packet of a connection. RFC 6298, 2.1. */
const FIRST_RTO_MS = 1_000;
/** Packets that arrive behind a gap until the sender believes that one was lost. */
const BEHIND_GAP = 3;
const PACKET_BYTES = 1_400;
/** Of a larger message the first loss counts, the others are made good beside it. */
const PACKETS_MAX = 16;
/** A connection breaks when nothing arrives for so long: Windows takes 21 s, Linux 15 minutes. */
const BREAK_MS = 21_000;

export interface SimStreamOptions {
  readonly clock: VirtualClock;
  readonly network: SimNetwork;
  /** IP address of the sending side. */
  readonly from: string;
  /** IP address of the receiving side. */
  readonly to: string;
}

interface Segment {
  readonly packets: number;
  readonly arrive: () => void;
  here: boolean;
  flying: boolean;
}

export class SimStream {
  /** Nothing got through for long; nothing more arrives. */
  onBroken: () => void = () => undefined;
  readonly #options: SimStreamOptions;
  readonly #queue: Segment[] = [];
  #closed = false;
  #begun = false;
  #armed = false;
  /** How often the timer rang since something arrived. */
  #rings = 0;
  #behindGap = 0;
  #progressMs = 0;

  constructor(options: SimStreamOptions) {
    this.#options = options;
  }

  /** @param arrive Called after what was sent before has arrived; perhaps never. */
  send(bytes: number, arrive: () => void): void {
    if (this.#closed) return;
    if (this.#queue.length === 0) this.#progressMs = this.#options.clock.nowMs;
    const packets = Math.min(PACKETS_MAX, Math.max(1, Math.ceil(bytes / PACKET_BYTES)));
    const segment = { packets, arrive, here: false, flying: false };
    this.#queue.push(segment);
    this.#transmit(segment);
  }

  /** Nothing more arrives. */
  close(): void {
    this.#closed = true;
    this.#queue.length = 0;
  }

  #transmit(segment: Segment): void {
    const { clock, network, from, to } = this.#options;
    const onWayMs = network.transitMs(from, to, segment.packets);
    if (onWayMs === undefined) {
      this.#arm();
      return;
    }
    segment.flying = true;
    clock.in(onWayMs, () => {
      segment.flying = false;
      if (this.#closed || segment.here) return;
      if (network.isCut(from, to)) this.#arm();
      else {
        segment.here = true;
        this.#deliver();
      }
    });
  }

  #deliver(): void {
    let progress = false;
    for (let head = this.#queue[0]; head?.here === true; head = this.#queue[0]) {
      this.#queue.shift();
      progress = true;
      head.arrive();
    }
    if (this.#closed) return;
    if (progress) this.#progressed();
    else this.#arrivedBehindGap();
    if (this.#queue[0]?.flying === false) this.#arm();
  }

  #progressed(): void {
    this.#progressMs = this.#options.clock.nowMs;
    this.#begun = true;
    this.#behindGap = 0;
    if (this.#rings === 0) return;
    this.#rings = 0;
    // The way works again: all that was sent into the void follows at once.
    for (const segment of [...this.#queue])
      if (!segment.here && !segment.flying) this.#transmit(segment);
  }

  #arrivedBehindGap(): void {
    this.#behindGap += 1;
    const [head] = this.#queue;
    if (this.#behindGap < BEHIND_GAP || head === undefined || head.flying) return;
    this.#behindGap = 0;
    this.#transmit(head);
  }

  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    const firstMs = this.#begun ? RTO_MS : FIRST_RTO_MS;
    const waitMs = Math.min(RTO_MS_MAX, firstMs * 2 ** this.#rings);
    this.#options.clock.in(waitMs, () => {
      this.#armed = false;
      const [head] = this.#queue;
      if (this.#closed || head === undefined || head.flying) return;
      if (this.#options.clock.nowMs - this.#progressMs >= BREAK_MS) {
        this.close();
        this.onBroken();
        return;
      }
      this.#rings += 1;
      this.#transmit(head);
    });
  }
}
