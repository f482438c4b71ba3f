import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { InboundRequest, Outcome } from "../../../src/transport/carrier.ts";
import { UdpAssociation } from "../../../src/transport/udp-association.ts";
import {
  encodeConfirm,
  encodeContent,
  PAYLOAD_BYTES_MAX,
} from "../../../src/transport/udp-content.ts";
import { CONTENT_BYTES_MAX, decodeDatagram } from "../../../src/transport/udp-datagram.ts";
import { bytes, echo } from "../../contract/carrier.ts";
import { ANSWERER, NETWORK_KEY, UdpPair } from "./udp-pair.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const dropped = () => 0;

/** A listener that remembers what it was asked. */
function remember(answer: (request: InboundRequest, respond: (outcome: Outcome) => void) => void) {
  const seen: InboundRequest[] = [];
  const onRequest = (request: InboundRequest, respond: (outcome: Outcome) => void) => {
    seen.push(request);
    answer(request, respond);
  };
  return { seen, listener: { onRequest } };
}

describe("An association", () => {
  it("begins with a challenge, and a datagram of full size each way", async () => {
    const pair = new UdpPair();
    await pair.connect();
    expect(pair.story).toEqual([
      "asker: init",
      "answerer: challenge",
      "asker: first",
      "answerer: answer",
    ]);
    expect(pair.sent.map(({ bytes }) => bytes.length)).toEqual([37, 37, 1_200, 1_200]);
  });

  it("then needs one datagram each way for a request", async () => {
    const pair = new UdpPair();
    await pair.connect();
    const asked = pair.ask(bytes(100));
    await pass(1);
    expect(asked.reply).toEqual({ kind: "answer", payload: Buffer.from(bytes(100)) });
    expect(pair.story.slice(4)).toEqual(["asker: request", "answerer: answer"]);
  });

  for (const kind of ["init", "challenge", "first", "answer"] as const) {
    it(`begins although its ${kind} is lost twice`, async () => {
      const pair = new UdpPair();
      pair.fate = (sent) => (sent.kind === kind && pair.count(kind) <= 2 ? 0 : 1);
      pair.path.invite();
      await pass(1_000);
      expect(pair.path.takes(0)).toBe(true);
      expect(pair.answering.size).toBe(1);
    });
  }

  it("begins once, however often it is asked for", async () => {
    const pair = new UdpPair();
    for (let time = 0; time < 10; time++) pair.path.invite();
    await pair.connect();
    pair.path.invite();
    await pass(1_000);
    expect(pair.count("init")).toBe(1);
  });

  it("begins although everything comes three times", async () => {
    const pair = new UdpPair();
    pair.fate = () => 3;
    await pair.connect();
    await pass(1_000);
    expect(pair.answering.size).toBe(1);
    expect(pair.path.takes(0)).toBe(true);
  });

  it("does not begin with another network key, and leaves nothing behind", async () => {
    const pair = new UdpPair({ answererKey: new Uint8Array(16).fill(2) });
    pair.path.invite();
    await pass(2_900);
    expect(pair.path.blockedMs).toBeUndefined();
    await pass(200);
    expect(pair.path.blockedMs).toBeDefined();
    expect(pair.count("answer")).toBe(0);
    expect(pair.answering.size).toBe(0);
  });

  it("does not begin with a network that has a key, if we have none", async () => {
    const pair = new UdpPair({ networkKey: undefined });
    pair.path.invite();
    await pass(3_100);
    expect(pair.path.takes(0)).toBe(false);
    expect(pair.answering.size).toBe(0);
  });

  it("begins without any key", async () => {
    const pair = new UdpPair({ networkKey: undefined, answererKey: undefined });
    await pair.connect();
    expect(pair.path.takes(0)).toBe(true);
  });

  it("does not begin where only small datagrams pass", async () => {
    const pair = new UdpPair();
    pair.fate = ({ bytes }) => (bytes.length > 1_000 ? 0 : 1);
    pair.path.invite();
    await pass(3_100);
    expect(pair.path.takes(0)).toBe(false);
    expect(pair.path.blockedMs).toBeDefined();
  });

  it("is confirmed only by an answer to a try of ours", async () => {
    const pair = new UdpPair();
    pair.fate = ({ kind }) => (kind === "first" ? 0 : 1);
    pair.path.invite();
    await pass(1);
    const first = decodeDatagram(pair.sent.find(({ kind }) => kind === "first")?.bytes ?? bytes(0));
    if (first?.kind !== "first") throw new Error("no FIRST");
    const answerer = new UdpAssociation(NETWORK_KEY, first.saltA, first.saltB, "answerer");
    const answer = (content: Uint8Array) => {
      const datagram = decodeDatagram(answerer.seal(content));
      if (datagram?.kind === "answer") pair.asking.receive(datagram);
    };
    answer(encodeConfirm(99, CONTENT_BYTES_MAX));
    answer(encodeContent({ what: "taken", id: 0 }));
    answer(new Uint8Array(1));
    expect(pair.path.takes(0)).toBe(false);
    answer(encodeConfirm(0, CONTENT_BYTES_MAX));
    expect(pair.path.takes(0)).toBe(true);
  });

  it("is tried at every address of a name, and begun with the one that answers", async () => {
    const resolve = () => ["10.0.0.9", "::9", ANSWERER.address];
    const pair = new UdpPair({ resolve });
    await pair.connect();
    expect(pair.count("init")).toBe(3);
    expect(pair.count("first")).toBe(1);
    const asked = pair.ask(bytes(3));
    await pass(1);
    expect(asked.reply?.kind).toBe("answer");
  });

  it("is tried at four addresses of a name at most", async () => {
    const pair = new UdpPair({ resolve: () => Array.from({ length: 50 }, () => "10.0.0.9") });
    pair.path.invite();
    await pass(1);
    expect(pair.count("init")).toBe(4);
  });

  it("is not tried where a name has no address for us, which says nothing of the way", async () => {
    const found = vi.fn(() => []);
    const pair = new UdpPair({ resolve: found });
    pair.path.invite();
    await pass(100);
    expect(pair.sent).toEqual([]);
    expect(pair.path.blockedMs).toBeUndefined();
    pair.path.invite();
    await pass(100);
    expect(found).toHaveBeenCalledTimes(1);
  });

  it("is made anew after ten idle minutes", async () => {
    const pair = new UdpPair();
    await pair.connect();
    await pass(10 * 60_000 - 100);
    expect(pair.path.takes(0)).toBe(true);
    await pass(200);
    expect(pair.path.takes(0)).toBe(false);
    await pair.connect();
    expect(pair.count("init")).toBe(2);
  });

  it("is made anew when an idle one is asked for", async () => {
    const pair = new UdpPair();
    await pair.connect();
    await pass(11 * 60_000);
    pair.path.invite();
    await pass(100);
    expect(pair.count("init")).toBe(2);
    expect(pair.path.takes(0)).toBe(true);
  });
});

describe("A request by datagram", () => {
  it("costs little when a datagram is lost on a short way", async () => {
    const { seen, listener } = remember(echo);
    for (const lost of ["request", "answer"] as const) {
      const pair = new UdpPair({ listener });
      await pair.connect();
      const before = pair.count(lost);
      pair.fate = ({ kind }) => (kind === lost && pair.count(lost) === before + 1 ? 0 : 1);
      const asked = pair.ask(bytes(10));
      await pass(100);
      expect(asked.reply).toMatchObject({ kind: "answer" });
      expect(asked.tookMs).toBeGreaterThan(19);
      expect(asked.tookMs).toBeLessThan(25);
    }
    expect(seen).toHaveLength(2);
  });

  it("is not repeated early on a long way", async () => {
    const pair = new UdpPair();
    pair.delayMs = 60;
    await pair.connect();
    const asked = pair.ask(bytes(10));
    await pass(200);
    expect(asked.reply).toMatchObject({ kind: "answer" });
    expect(pair.count("request")).toBe(1);
  });

  it("reaches the handler once, although it comes three times and its answers are lost", async () => {
    const { seen, listener } = remember(echo);
    const pair = new UdpPair({ listener });
    await pair.connect();
    pair.fate = ({ kind }) => (kind === "answer" && pair.count("answer") < 8 ? 0 : 3);
    const asked = pair.ask(bytes(10));
    await pass(1_000);
    expect(asked.reply).toMatchObject({ kind: "answer" });
    expect(seen).toHaveLength(1);
  });

  it("is given up in about 450 ms of silence, and told so once", async () => {
    const pair = new UdpPair();
    await pair.connect();
    pair.fate = dropped;
    const asked = pair.ask(bytes(10));
    await pass(2_000);
    expect(asked.reply).toEqual({ kind: "silent" });
    expect(asked.tookMs).toBeGreaterThan(380);
    expect(asked.tookMs).toBeLessThan(460);
    const tries = pair.count("request");
    expect(tries).toBeGreaterThan(6);
    expect(tries).toBeLessThan(14);
  });

  it("leaves half of a short time to HTTP", async () => {
    const pair = new UdpPair();
    await pair.connect();
    pair.fate = dropped;
    const asked = pair.ask(bytes(10), { timeoutMs: 400 });
    await pass(1_000);
    expect(asked.reply).toEqual({ kind: "silent" });
    expect(asked.tookMs).toBeLessThan(260);
  });

  for (const timeoutMs of [1, 30, 90]) {
    it(`ends as unanswered after ${timeoutMs} ms, if that is all it has`, async () => {
      const pair = new UdpPair();
      await pair.connect();
      pair.fate = dropped;
      const asked = pair.ask(bytes(10), { timeoutMs });
      await pass(1_000);
      expect(asked.reply).toMatchObject({ kind: "failed", reason: "no-answer" });
      expect(asked.tookMs).toBeGreaterThanOrEqual(timeoutMs);
      expect(asked.tookMs).toBeLessThan(timeoutMs + 3);
    });
  }

  it("waits for a slow handler that has it, and asks it once", async () => {
    const { seen, listener } = remember((request, respond) => {
      setTimeout(() => echo(request, respond), 5_000);
    });
    const pair = new UdpPair({ listener });
    await pair.connect();
    const asked = pair.ask(bytes(10), { timeoutMs: 10_000 });
    await pass(6_000);
    expect(asked.reply).toMatchObject({ kind: "answer" });
    expect(asked.tookMs).toBeLessThan(5_010);
    expect(seen).toHaveLength(1);
    expect(pair.count("request")).toBeLessThan(40);
  });

  it("ends in time although the handler that has it never answers", async () => {
    const pair = new UdpPair({ listener: { onRequest: () => undefined } });
    await pair.connect();
    const asked = pair.ask(bytes(10), { timeoutMs: 1_000 });
    await pass(2_000);
    expect(asked.reply).toMatchObject({ kind: "failed", reason: "no-answer" });
    expect(asked.tookMs).toBeLessThan(1_003);
  });

  it("is given up when the peer dies that has it", async () => {
    const pair = new UdpPair({ listener: { onRequest: () => undefined } });
    await pair.connect();
    const asked = pair.ask(bytes(10), { timeoutMs: 10_000 });
    await pass(1_000);
    pair.fate = dropped;
    await pass(2_000);
    expect(asked.reply).toEqual({ kind: "silent" });
    expect(asked.tookMs).toBeLessThan(2_800);
  });

  it("is tried longer while others get answers, but not for ever", async () => {
    const pair = new UdpPair();
    await pair.connect();
    let unlucky = 0;
    pair.fate = ({ from, bytes }) => {
      if (from === "asker" && bytes.length > 500) unlucky++;
      return from === "asker" && bytes.length > 500 ? 0 : 1;
    };
    const asked = pair.ask(bytes(1_000), { timeoutMs: 10_000 });
    for (let time = 0; time < 30; time++) {
      pair.ask(bytes(10));
      await pass(100);
    }
    expect(asked.reply).toEqual({ kind: "silent" });
    expect(asked.tookMs).toBeGreaterThan(1_400);
    expect(asked.tookMs).toBeLessThan(1_700);
    expect(unlucky).toBeGreaterThan(20);
  });

  it("ends when the caller gives it up, before and meanwhile", async () => {
    const pair = new UdpPair({ listener: { onRequest: () => undefined } });
    await pair.connect();
    const giveUp = new AbortController();
    const asked = pair.ask(bytes(10), { signal: giveUp.signal });
    await pass(30);
    expect(asked.reply).toBeUndefined();
    giveUp.abort();
    expect(asked.reply).toMatchObject({ kind: "failed", reason: "closed" });
    const again = pair.ask(bytes(10), { signal: giveUp.signal });
    expect(again.reply).toBeUndefined();
    await pass(1);
    expect(again.reply).toMatchObject({ kind: "failed", reason: "closed" });
    const sent = pair.count("request");
    await pass(1_000);
    expect(pair.count("request")).toBe(sent);
  });

  it("refuses an answer that is larger than allowed", async () => {
    const pair = new UdpPair();
    await pair.connect();
    const asked = pair.ask(bytes(101), { answerBytesMax: 100 });
    const exact = pair.ask(bytes(100), { answerBytesMax: 100 });
    await pass(1);
    expect(asked.reply).toMatchObject({ kind: "failed", reason: "too-large" });
    expect(exact.reply).toMatchObject({ kind: "answer" });
  });

  it("goes elsewhere when its answer does not fit", async () => {
    const { listener } = remember((_, respond) => {
      respond({ kind: "answer", payload: bytes(PAYLOAD_BYTES_MAX + 1) });
    });
    const pair = new UdpPair({ listener });
    await pair.connect();
    const asked = pair.ask(bytes(1));
    await pass(1);
    expect(asked.reply).toEqual({ kind: "elsewhere" });
  });

  it("may be as large as fits, and no larger", async () => {
    const pair = new UdpPair();
    await pair.connect();
    expect(pair.path.takes(PAYLOAD_BYTES_MAX)).toBe(true);
    expect(pair.path.takes(PAYLOAD_BYTES_MAX + 1)).toBe(false);
    const asked = pair.ask(bytes(PAYLOAD_BYTES_MAX));
    await pass(1);
    expect(asked.reply).toMatchObject({ kind: "answer" });
    expect(Math.max(...pair.sent.map((sent) => sent.bytes.length))).toBe(1_200);
  });

  it("finds room for 64 at once", async () => {
    const pair = new UdpPair({ listener: { onRequest: () => undefined } });
    await pair.connect();
    for (let count = 0; count < 64; count++) {
      expect(pair.path.takes(1)).toBe(true);
      pair.ask(bytes(1), { timeoutMs: 100 });
    }
    expect(pair.path.takes(1)).toBe(false);
    await pass(200);
    expect(pair.path.takes(1)).toBe(true);
  });

  it("without an association is silent, later", async () => {
    const pair = new UdpPair();
    const asked = pair.ask(bytes(1));
    expect(asked.reply).toBeUndefined();
    await pass(1);
    expect(asked.reply).toEqual({ kind: "silent" });
  });

  it("leaves no timer running", async () => {
    const pair = new UdpPair();
    await pair.connect();
    pair.ask(bytes(1));
    await pass(1_000);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("After silence", () => {
  it("a restarted peer is found at once, and nobody calls the way blocked", async () => {
    const pair = new UdpPair();
    await pair.connect();
    pair.restartAnswerer();
    const asked = pair.ask(bytes(1));
    await pass(460);
    expect(asked.reply).toEqual({ kind: "silent" });
    await pass(100);
    expect(pair.path.blockedMs).toBeUndefined();
    expect(pair.path.takes(0)).toBe(true);
    const again = pair.ask(bytes(1));
    await pass(1);
    expect(again.reply).toMatchObject({ kind: "answer" });
  });

  it("others in flight may still be answered", async () => {
    let release = () => {};
    const { listener } = remember((request, respond) => {
      if (request.payload.length === 2) release = () => echo(request, respond);
    });
    const pair = new UdpPair({ listener });
    await pair.connect();
    const slow = pair.ask(bytes(2), { timeoutMs: 10_000 });
    await pass(50);
    pair.fate = ({ from }) => (from === "asker" ? 0 : 1);
    const other = pair.ask(bytes(1), { timeoutMs: 10_000 });
    await pass(600);
    expect(other.reply).toEqual({ kind: "silent" });
    expect(pair.path.takes(0)).toBe(false);
    release();
    await pass(1);
    expect(slow.reply).toMatchObject({ kind: "answer" });
  });

  it("the way is tried again once, then left alone for 5 s, 10 s, … 60 s", async () => {
    const pair = new UdpPair();
    await pair.connect();
    pair.fate = dropped;
    pair.ask(bytes(1));
    const startMs = performance.now();
    // As requests over HTTP would, all the time.
    while (performance.now() < startMs + 200_000) {
      pair.path.invite();
      await pass(100);
    }
    const bursts = pair.sent
      .filter(({ kind, atMs }) => kind === "init" && atMs > startMs)
      .map(({ atMs }) => atMs)
      .filter((atMs, index, all) => index === 0 || atMs - (all[index - 1] ?? 0) > 1_000);
    const pauses = bursts.slice(1).map((atMs, index) => atMs - (bursts[index] ?? 0) - 3_000);
    expect(pauses.map((ms) => Math.round(ms / 1_000))).toEqual([5, 10, 20, 40, 60]);
  });

  it("twice in a row the way is blocked, although invitations pass", async () => {
    const pair = new UdpPair();
    await pair.connect();
    pair.fate = ({ kind }) => (kind === "request" ? 0 : 1);
    pair.ask(bytes(1));
    await pass(600);
    expect(pair.path.blockedMs).toBeUndefined();
    pair.ask(bytes(1));
    await pass(600);
    expect(pair.path.blockedMs).toBeDefined();
    pair.path.invite();
    await pass(4_000);
    expect(pair.path.takes(0)).toBe(false);
    pair.fate = () => 1;
    await pass(1_000);
    await pair.connect();
    expect(pair.path.blockedMs).toBeUndefined();
    const asked = pair.ask(bytes(1));
    await pass(1);
    expect(asked.reply).toMatchObject({ kind: "answer" });
  });

  it("an answer shows that datagrams pass, so that the next silence is the first again", async () => {
    const pair = new UdpPair();
    for (let time = 0; time < 5; time++) {
      pair.fate = () => 1;
      await pair.connect();
      expect(pair.ask(bytes(1)).reply).toBeUndefined();
      await pass(5);
      pair.fate = ({ kind }) => (kind === "request" ? 0 : 1);
      pair.ask(bytes(1));
      await pass(600);
      expect(pair.path.blockedMs).toBeUndefined();
      expect(pair.path.takes(0)).toBe(true);
    }
  });

  it("what is left of an association says nothing of the next one", async () => {
    const pair = new UdpPair({ listener: { onRequest: () => undefined } });
    await pair.connect();
    const left = pair.ask(bytes(2), { timeoutMs: 10_000 });
    await pass(50);
    pair.fate = ({ from }) => (from === "asker" ? 0 : 1);
    pair.ask(bytes(1), { timeoutMs: 10_000 });
    await pass(500);
    pair.fate = () => 1;
    await pass(700);
    expect(pair.path.takes(0)).toBe(true);
    expect(left.reply).toBeUndefined();
    expect(pair.asking.expected).toBe(2);
    // The answerer has retired the association: nothing comes of it any more.
    await pass(2_000);
    expect(left.reply).toEqual({ kind: "silent" });
    expect(pair.asking.expected).toBe(1);
    expect(pair.path.takes(0)).toBe(true);
    expect(pair.path.blockedMs).toBeUndefined();
  });

  it("nothing is kept of associations that are over", async () => {
    const pair = new UdpPair();
    for (let time = 0; time < 5; time++) {
      pair.fate = () => 1;
      await pair.connect();
      pair.ask(bytes(1));
      await pass(5);
      expect(pair.asking.expected).toBe(1);
      pair.fate = ({ kind }) => (kind === "request" ? 0 : 1);
      pair.ask(bytes(1));
      await pass(600);
      expect(pair.asking.expected).toBe(1);
      pair.path.reset();
      expect(pair.asking.expected).toBe(0);
    }
    pair.fate = dropped;
    pair.path.invite();
    await pass(100);
    expect(pair.asking.expected).toBe(1);
    await pass(3_000);
    expect(pair.asking.expected).toBe(0);
  });

  it("a reset forgets pauses and lets go of what is in flight", async () => {
    const pair = new UdpPair({ listener: { onRequest: () => undefined } });
    await pair.connect();
    const asked = pair.ask(bytes(1));
    await pass(50);
    pair.path.reset();
    expect(asked.reply).toEqual({ kind: "silent" });
    expect(pair.path.takes(0)).toBe(false);
    pair.fate = dropped;
    pair.path.invite();
    await pass(3_100);
    expect(pair.path.blockedMs).toBeDefined();
    pair.path.reset();
    expect(pair.path.blockedMs).toBeUndefined();
    pair.fate = () => 1;
    await pair.connect();
  });

  it("a reset ends an invitation that is under way", async () => {
    const pair = new UdpPair();
    pair.fate = dropped;
    pair.path.invite();
    await pass(100);
    pair.path.reset();
    const sent = pair.count("init");
    await pass(5_000);
    expect(pair.count("init")).toBe(sent);
    expect(pair.path.blockedMs).toBeUndefined();
  });
});

describe("Closing", () => {
  it("ends what is in flight as closed, and every timer", async () => {
    const pair = new UdpPair({ listener: { onRequest: () => undefined } });
    await pair.connect();
    const asked = pair.ask(bytes(1));
    const other = pair.asking.open(ANSWERER);
    other.invite();
    await pass(1);
    pair.asking.close();
    expect(asked.reply).toMatchObject({ kind: "failed", reason: "closed" });
    const served = pair.serving.close();
    await pass(1_000);
    await served;
    expect(vi.getTimerCount()).toBe(0);
    other.invite();
    pair.path.invite();
    const sent = pair.sent.length;
    await pass(1_000);
    expect(pair.sent).toHaveLength(sent);
  });

  it("forgets a single way, and asks there no more", async () => {
    const pair = new UdpPair();
    await pair.connect();
    pair.asking.forget(pair.path);
    expect(pair.path.takes(0)).toBe(false);
    pair.path.invite();
    await pass(100);
    expect(pair.count("init")).toBe(1);
  });
});
