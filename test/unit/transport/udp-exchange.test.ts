import { getEventListeners } from "node:events";
import { describe, expect, it, vi } from "vitest";
import type { RequestOptions } from "../../../src/transport/carrier.ts";
import { RoundTrip } from "../../../src/transport/round-trip.ts";
import type { UdpContent } from "../../../src/transport/udp-content.ts";
import { UdpExchange, type UdpReply } from "../../../src/transport/udp-exchange.ts";
import { MessageType } from "../../../src/wire/message-type.ts";

const payload = Buffer.from("an answer");
const answer: UdpContent = { what: "answer", id: 1, type: MessageType.DATA, payload };

/** An exchange whose time is what the test says. */
function begin(options: Partial<RequestOptions> = {}) {
  const replies: UdpReply[] = [];
  const [send, onEnd] = [vi.fn(), vi.fn()];
  const roundTrip = new RoundTrip();
  const exchange = new UdpExchange(
    { roundTrip, heardMs: () => 0, send, onEnd },
    MessageType.DATA,
    { timeoutMs: 10_000, answerBytesMax: 1_000, ...options },
    0,
    (reply) => replies.push(reply),
  );
  exchange.onDue(0);
  return { exchange, replies, send, onEnd, roundTrip };
}

describe("UdpExchange", () => {
  it("takes no answer to a message of another type", () => {
    const { exchange, replies } = begin();
    exchange.receive({ ...answer, type: MessageType.PING }, 1);
    expect(replies).toEqual([]);
    exchange.receive(answer, 2);
    expect(replies).toEqual([{ kind: "answer", payload }]);
  });

  it("takes nothing for an answer that is none", () => {
    const { exchange, replies } = begin();
    exchange.receive({ ...answer, what: "request" }, 1);
    exchange.receive({ what: "confirm", id: 1 }, 1);
    exchange.receive({ what: "taken", id: 1 }, 1);
    expect(replies).toEqual([]);
  });

  it("ends once, whatever comes after", () => {
    const { exchange, replies, onEnd } = begin();
    exchange.receive(answer, 1);
    exchange.receive(answer, 2);
    exchange.receive({ what: "elsewhere", id: 1 }, 3);
    exchange.fail("closed");
    exchange.giveUp();
    exchange.onDue(20_000);
    expect(replies).toHaveLength(1);
    expect(onEnd).toHaveBeenCalledTimes(1);
  });

  it("tries again before it gives up, if this process was late itself", () => {
    const { exchange, replies, send } = begin();
    exchange.onDue(5_000);
    exchange.onDue(5_080);
    expect(send).toHaveBeenCalledTimes(3);
    expect(replies).toEqual([]);
    exchange.onDue(5_160);
    expect(replies).toEqual([{ kind: "silent" }]);
  });

  it("waits twice as long after few tries", () => {
    const { exchange, replies, send } = begin();
    for (const nowMs of [200, 410, 460, 790]) exchange.onDue(nowMs);
    expect(send).toHaveBeenCalledTimes(5);
    exchange.onDue(801);
    expect(replies).toEqual([{ kind: "silent" }]);
  });

  it("is due again no later than it has to end", () => {
    const { exchange } = begin({ timeoutMs: 50 });
    expect(exchange.dueMs).toBe(50);
    expect(begin().exchange.dueMs).toBe(80);
  });

  it("leaves no listener on the signal of its caller", () => {
    const { signal } = new AbortController();
    const { exchange, replies } = begin({ signal });
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    exchange.receive({ what: "refusal", id: 1, status: 505, text: "no" }, 1);
    expect(replies).toEqual([{ kind: "refused", status: 505, text: "no" }]);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("learns from every answer how long the way is", () => {
    for (const content of [answer, { what: "refusal", id: 1, status: 500, text: "" }] as const) {
      const { exchange, roundTrip } = begin();
      exchange.receive(content, 30);
      expect(roundTrip.patienceMs).toBe(60);
    }
  });
});
