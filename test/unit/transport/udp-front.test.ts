/** What a worker answers for a main loop: nothing that this answers in time itself. */
import { describe, expect, it } from "vitest";
import type { InboundRequest, Outcome } from "../../../src/transport/carrier.ts";
import { DEFAULT_UDP_LIMITS } from "../../../src/transport/limits.ts";
import { UdpAssociation } from "../../../src/transport/udp-association.ts";
import {
  decodeContent,
  encodeConfirm,
  encodeContent,
  type UdpContent,
} from "../../../src/transport/udp-content.ts";
import {
  type DatagramToAnswerer,
  decodeDatagram,
  encodeInit,
  FIRST_CONTENT_BYTES,
} from "../../../src/transport/udp-datagram.ts";
import { UdpFront } from "../../../src/transport/udp-front.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { decodeBusy, PING_REQUEST } from "../../../src/wire/ping.ts";

const KEY = new Uint8Array(16).fill(1);
const SOURCE = { address: "10.0.0.2", port: 8_000 };
const EMPTY: Outcome = { kind: "answer", payload: new Uint8Array() };

/** A front whose main loop a test plays, and an asker of it. */
class Desk {
  loopAgeMs = 0;
  hasRoom = true;
  /** Answers at once, as a main loop in the same thread does. */
  atOnce: Outcome | undefined;
  readonly handed: { request: InboundRequest; respond: (outcome: Outcome) => void }[] = [];
  readonly timers: { ms: number; run: () => void; cancelled: boolean }[] = [];
  readonly #sent: Uint8Array[] = [];
  readonly #front = new UdpFront({
    networkKey: KEY,
    limits: DEFAULT_UDP_LIMITS,
    monotonicMs: () => 0,
    after: (ms, run) => {
      const timer = { ms, run, cancelled: false };
      this.timers.push(timer);
      return () => {
        timer.cancelled = true;
      };
    },
    randomBytes: (length) => new Uint8Array(length).fill(7),
    send: (bytes) => this.#sent.push(bytes),
    loopAgeMs: () => this.loopAgeMs,
    hand: (request, respond) => {
      if (!this.hasRoom) return false;
      this.handed.push({ request, respond });
      if (this.atOnce !== undefined) respond(this.atOnce);
      return true;
    },
  });
  readonly #asker: UdpAssociation;
  #lastId = 0;

  constructor() {
    const saltA = new Uint8Array(16).fill(3);
    this.#receive(encodeInit(saltA));
    const challenge = decodeDatagram(this.#sent.pop() ?? new Uint8Array());
    if (challenge?.kind !== "challenge") throw new Error("no challenge came");
    this.#asker = new UdpAssociation(KEY, saltA, challenge.saltB, "asker");
    this.#receive(this.#asker.sealFirst(encodeConfirm(0, FIRST_CONTENT_BYTES)));
    this.#sent.length = 0;
  }

  ask(type: MessageType, payload: Uint8Array): void {
    this.#lastId += 1;
    const content = encodeContent({ what: "request", id: this.#lastId, type, payload });
    this.#receive(this.#asker.seal(content));
  }

  ping(): void {
    this.ask(MessageType.PING, PING_REQUEST);
  }

  /** Time passes until the timer of so many milliseconds rings. */
  ring(ms: number): void {
    for (const timer of this.timers) if (timer.ms === ms && !timer.cancelled) timer.run();
  }

  /** What the asker got. */
  answers(): UdpContent[] {
    return this.#sent.splice(0).map((bytes) => {
      const datagram = decodeDatagram(bytes);
      const opened = datagram?.kind === "answer" ? this.#asker.open(datagram) : undefined;
      const content = opened && decodeContent(opened);
      if (content === undefined) throw new Error("something else than an answer came");
      return content;
    });
  }

  #receive(bytes: Uint8Array): void {
    this.#front.receive(decodeDatagram(bytes) as DatagramToAnswerer, SOURCE);
  }
}

/** What PINGs were answered with: how long the program has been busy, or nothing. */
const busyMs = (desk: Desk) =>
  desk.answers().map((one) => (one.what === "answer" ? decodeBusy(one.payload) : one.what));

describe("UdpFront", () => {
  it("leaves a PING to a main loop that answers, at once or a moment later", () => {
    const desk = new Desk();
    desk.ping();
    expect(desk.answers()).toEqual([]);
    desk.handed[0]?.respond(EMPTY);
    expect(busyMs(desk)).toEqual([undefined]);
    desk.ring(100);
    desk.atOnce = EMPTY;
    desk.ping();
    expect(busyMs(desk)).toEqual([undefined]);
    desk.ring(100);
    expect(desk.answers()).toEqual([]);
  });

  it("answers after 100 ms itself, and what the main loop says later goes nowhere", () => {
    const desk = new Desk();
    desk.ping();
    desk.loopAgeMs = 340;
    desk.ring(100);
    expect(busyMs(desk)).toEqual([340]);
    desk.handed[0]?.respond(EMPTY);
    expect(desk.answers()).toEqual([]);
  });

  it("asks a main loop nothing that has not turned for half a second", () => {
    const desk = new Desk();
    desk.loopAgeMs = 501;
    desk.ping();
    expect(busyMs(desk)).toEqual([501]);
    expect(desk.handed).toEqual([]);
  });

  it("answers a PING, and refuses all else, where too much waits for the main loop", () => {
    const desk = new Desk();
    desk.hasRoom = false;
    desk.ping();
    desk.ask(MessageType.DATA, new Uint8Array(3));
    const [ping, data] = desk.answers();
    expect(ping?.what).toBe("answer");
    expect(data).toMatchObject({ what: "refusal", status: 503 });
  });

  it("leaves everything but a PING to the main loop, for as long as it takes", () => {
    const desk = new Desk();
    desk.loopAgeMs = 5_000;
    desk.ask(MessageType.DATA, Uint8Array.of(1, 2));
    desk.ring(100);
    expect(desk.answers()).toEqual([]);
    expect(desk.handed[0]?.request).toMatchObject({ type: MessageType.DATA, from: "10.0.0.2" });
    desk.handed[0]?.respond(EMPTY);
    expect(desk.answers()).toHaveLength(1);
  });

  it("D11: answers no PING that is not exactly one", () => {
    const desk = new Desk();
    desk.loopAgeMs = 5_000;
    desk.ask(MessageType.PING, Uint8Array.of(0x20, 0x20));
    expect(desk.answers()[0]).toMatchObject({ what: "refusal", status: 401 });
  });
});
