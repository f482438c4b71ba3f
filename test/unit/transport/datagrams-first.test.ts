import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DsnError } from "../../../src/errors.ts";
import type {
  Address,
  Carrier,
  CarrierListener,
  InboundRequest,
  Message,
  Outcome,
  Reply,
  RequestOptions,
} from "../../../src/transport/carrier.ts";
import {
  createDatagramsFirst,
  type DatagramsFirst,
} from "../../../src/transport/datagrams-first.ts";
import { DEFAULT_UDP_LIMITS } from "../../../src/transport/limits.ts";
import { PAYLOAD_BYTES_MAX } from "../../../src/transport/udp-content.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { bytes, data, echo } from "../../contract/carrier.ts";
import { ANSWERER, OPTIONS, UdpPair } from "./udp-pair.ts";

const UNREACHABLE: Reply = { kind: "failed", reason: "unreachable", detail: "refused" };
const NO_ANSWER: Reply = { kind: "failed", reason: "no-answer", detail: "too late" };

/** HTTP that answers with what the test says, a millisecond later. */
class FakeHttp implements Carrier {
  readonly name = "http";
  readonly asked: { readonly type: MessageType; readonly options: RequestOptions }[] = [];
  listener: CarrierListener | undefined;
  reply: Reply = { kind: "answer", payload: Buffer.from("by http") };
  closed = false;

  async listen(at: Address, listener: CarrierListener): Promise<Address> {
    this.listener = listener;
    return at;
  }

  request(): Promise<Reply> {
    throw new Error("broadcast is all that is needed");
  }

  broadcast(
    to: readonly Address[],
    { type }: Message,
    options: RequestOptions,
    onReply: (index: number, reply: Reply) => void,
  ): void {
    for (const index of to.keys()) {
      this.asked.push({ type, options });
      const { reply } = this;
      setTimeout(() => onReply(index, reply), 1);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

/** A carrier between the two, a peer behind UDP, and what was told. */
class Scene {
  readonly http = new FakeHttp();
  readonly pair: UdpPair;
  readonly carrier: DatagramsFirst;
  readonly told: string[] = [];
  readonly udpCalls: string[] = [];
  readonly seen: InboundRequest[] = [];
  readonly to = { address: "peer.example", port: ANSWERER.port };
  onRequest: (request: InboundRequest, respond: (outcome: Outcome) => void) => void = echo;

  constructor(peersMax = DEFAULT_UDP_LIMITS.peersMax) {
    this.pair = new UdpPair({
      listener: {
        onRequest: (request, respond) => {
          this.seen.push(request);
          this.onRequest(request, respond);
        },
      },
    });
    const { asking } = this.pair;
    this.carrier = createDatagramsFirst({
      http: this.http,
      udp: {
        limits: { ...DEFAULT_UDP_LIMITS, peersMax },
        features: ["udp"],
        listen: async (at) => {
          this.udpCalls.push("listen");
          return at;
        },
        unlisten: async () => {
          this.udpCalls.push("unlisten");
        },
        open: (to) => asking.open(to),
        forget: (path) => asking.forget(path),
        close: async () => asking.close(),
      },
      onDatagrams: ({ address }, passes) => {
        this.told.push(`${address}: ${passes ? "pass" : "do not pass"}`);
      },
    });
  }

  /** The way that a request takes, and its reply. */
  async ask(message = data(bytes(9)), options: Partial<RequestOptions> = {}) {
    const [http, udp] = [this.http.asked.length, this.seen.length];
    let reply: Reply | undefined;
    void this.carrier.request(this.to, message, { ...OPTIONS, ...options }).then((settled) => {
      reply = settled;
    });
    await pass(2);
    while (reply === undefined) await pass(10);
    return {
      reply,
      overHttp: this.http.asked.length - http,
      byDatagram: this.seen.length - udp,
    };
  }

  async connect(): Promise<void> {
    this.carrier.speaksDatagrams(this.to, true);
    await pass(10);
  }
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const dropped = () => 0;
const BY_HTTP = { overHttp: 1, byDatagram: 0 };
const BY_DATAGRAM = { overHttp: 0, byDatagram: 1 };

describe("Datagrams first", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it("sends no datagram to a peer that has not said that it takes them", async () => {
    const scene = new Scene();
    for (let time = 0; time < 5; time++) expect(await scene.ask()).toMatchObject(BY_HTTP);
    await pass(10_000);
    expect(scene.pair.sent).toEqual([]);
    expect(scene.told).toEqual([]);
  });

  it("goes over HTTP until an association has begun, then by datagram", async () => {
    const scene = new Scene();
    scene.pair.delayMs = 20;
    scene.carrier.speaksDatagrams(scene.to, true);
    expect(await scene.ask()).toMatchObject(BY_HTTP);
    await pass(100);
    expect(await scene.ask()).toMatchObject(BY_DATAGRAM);
    expect(scene.told).toEqual([]);
  });

  it("sends each of the five messages by datagram when it fits, and over HTTP when not", async () => {
    const scene = new Scene();
    await scene.connect();
    for (const type of Object.values(MessageType)) {
      const small = type === MessageType.PING ? Buffer.of(0x20) : bytes(PAYLOAD_BYTES_MAX);
      expect(await scene.ask({ type, payload: small })).toMatchObject(BY_DATAGRAM);
      const large = { type, payload: bytes(PAYLOAD_BYTES_MAX + 1) };
      expect(await scene.ask(large)).toMatchObject(BY_HTTP);
    }
  });

  it.for([
    { sessions: false, overHttp: 1 },
    { sessions: true, overHttp: 0 },
  ])("uses HTTP now and then where no session shows the end of a process: %o", async (peer) => {
    const scene = new Scene();
    scene.carrier.speaksDatagrams(scene.to, true, peer.sessions);
    await pass(10);
    expect(await scene.ask()).toMatchObject(BY_DATAGRAM);
    await pass(46_000);
    expect(await scene.ask()).toMatchObject({ overHttp: peer.overHttp, byDatagram: 1 });
  });

  it("goes over HTTP again once the peer takes datagrams no more", async () => {
    const scene = new Scene();
    await scene.connect();
    expect(await scene.ask()).toMatchObject(BY_DATAGRAM);
    scene.carrier.speaksDatagrams(scene.to, false);
    expect(await scene.ask()).toMatchObject(BY_HTTP);
    scene.carrier.speaksDatagrams(scene.to, false);
    await scene.connect();
    expect(await scene.ask()).toMatchObject(BY_DATAGRAM);
  });

  it("goes over HTTP in the time that is left when nothing comes back", async () => {
    const scene = new Scene();
    await scene.connect();
    scene.pair.fate = dropped;
    const asked = await scene.ask();
    expect(asked).toMatchObject({ reply: { kind: "answer" }, overHttp: 1 });
    const timeoutMs = scene.http.asked.at(-1)?.options.timeoutMs ?? 0;
    expect(timeoutMs).toBeGreaterThan(1_500);
    expect(timeoutMs).toBeLessThan(1_620);
    // The next one does not wait.
    expect(await scene.ask()).toMatchObject(BY_HTTP);
  });

  it("says that datagrams do not pass, once, and that they pass again, once", async () => {
    const scene = new Scene();
    await scene.connect();
    expect(await scene.ask()).toMatchObject(BY_DATAGRAM);
    scene.pair.fate = dropped;
    for (let second = 0; second < 100; second++) {
      await scene.ask();
      await pass(1_000);
    }
    expect(scene.told).toEqual(["peer.example: do not pass"]);
    scene.pair.fate = () => 1;
    for (let second = 0; second < 100; second++) {
      // None waits for the way to be found again.
      const startMs = performance.now();
      await scene.ask();
      expect(performance.now() - startMs).toBeLessThan(20);
      await pass(1_000);
    }
    expect(scene.told).toEqual(["peer.example: do not pass", "peer.example: pass"]);
    expect(await scene.ask()).toMatchObject(BY_DATAGRAM);
  });

  it("says so of a peer that datagrams never reached", async () => {
    const scene = new Scene();
    scene.pair.fate = dropped;
    scene.carrier.speaksDatagrams(scene.to, true);
    for (let second = 0; second < 40; second++) {
      expect(await scene.ask()).toMatchObject(BY_HTTP);
      await pass(1_000);
    }
    expect(scene.told).toEqual(["peer.example: do not pass"]);
  });

  it("says nothing because of what it tried long ago", async () => {
    const scene = new Scene();
    scene.pair.fate = dropped;
    scene.carrier.speaksDatagrams(scene.to, true);
    for (let second = 0; second < 10; second++) {
      await scene.ask();
      await pass(1_000);
    }
    await pass(60_000);
    scene.pair.fate = () => 1;
    await scene.ask();
    await pass(1_000);
    expect(await scene.ask()).toMatchObject(BY_DATAGRAM);
    expect(scene.told).toEqual([]);
  });

  it("says nothing of a peer that has no time for datagrams for ten seconds", async () => {
    const scene = new Scene();
    scene.pair.fate = dropped;
    scene.carrier.speaksDatagrams(scene.to, true);
    for (let second = 0; second < 40; second++) {
      if (second === 10) scene.pair.fate = () => 1;
      await scene.ask();
      await pass(1_000);
    }
    expect(await scene.ask()).toMatchObject(BY_DATAGRAM);
    expect(scene.told).toEqual([]);
  });

  it("counts the time anew once datagrams have passed, also without a request of that size", async () => {
    const scene = new Scene();
    scene.pair.fate = dropped;
    scene.carrier.speaksDatagrams(scene.to, true);
    for (let second = 0; second < 5; second++) {
      await scene.ask();
      await pass(1_000);
    }
    scene.pair.fate = () => 1;
    // An association begins, and nothing small is said for a while.
    for (let second = 0; second < 20; second++) {
      await scene.ask(data(bytes(PAYLOAD_BYTES_MAX + 1)));
      await pass(1_000);
    }
    scene.pair.fate = dropped;
    for (let second = 0; second < 6; second++) {
      await scene.ask();
      await pass(1_000);
    }
    scene.pair.fate = () => 1;
    await pass(10_000);
    await scene.ask();
    await pass(10);
    expect(await scene.ask()).toMatchObject(BY_DATAGRAM);
    expect(scene.told).toEqual([]);
  });

  it("counts the time anew for another process", async () => {
    const scene = new Scene();
    await scene.carrier.listen(ANSWERER, { onRequest: echo });
    scene.pair.fate = dropped;
    scene.carrier.speaksDatagrams(scene.to, true);
    for (let second = 0; second < 14; second++) {
      await scene.ask();
      await pass(1_000);
    }
    scene.pair.restartAnswerer();
    scene.http.listener?.onConnectionLost?.(scene.to);
    for (let second = 0; second < 5; second++) {
      await scene.ask();
      await pass(1_000);
    }
    scene.pair.fate = () => 1;
    await pass(10_000);
    await scene.ask();
    expect(scene.told).toEqual([]);
  });

  it("says nothing of a peer that HTTP does not reach either, nor when it is back", async () => {
    const scene = new Scene();
    await scene.connect();
    await scene.ask();
    scene.pair.fate = dropped;
    scene.http.reply = UNREACHABLE;
    for (let second = 0; second < 120; second++) {
      expect((await scene.ask()).reply).toMatchObject({ kind: "failed" });
      await pass(1_000);
    }
    const sent = scene.pair.sent.length;
    await scene.ask();
    await pass(10_000);
    expect(scene.pair.sent).toHaveLength(sent);
    scene.pair.restartAnswerer();
    scene.pair.fate = () => 1;
    scene.http.reply = { kind: "answer", payload: bytes(1) };
    await scene.ask();
    await pass(10);
    expect(await scene.ask()).toMatchObject(BY_DATAGRAM);
    expect(scene.told).toEqual([]);
  });

  it("says nothing of a peer that was stopped for a while and answers nothing at all", async () => {
    const scene = new Scene();
    await scene.connect();
    await scene.ask();
    scene.pair.fate = dropped;
    scene.http.reply = { kind: "failed", reason: "no-answer", detail: "stopped" };
    for (let second = 0; second < 20; second++) {
      await scene.ask();
      await pass(1_000);
    }
    scene.pair.fate = () => 1;
    scene.http.reply = { kind: "answer", payload: bytes(1) };
    await scene.ask();
    await pass(10);
    expect(await scene.ask()).toMatchObject(BY_DATAGRAM);
    expect(scene.told).toEqual([]);
  });

  it("says nothing of a peer that was stopped, and answers HTTP first when it goes on", async () => {
    const scene = new Scene();
    await scene.connect();
    await scene.ask();
    scene.pair.fate = dropped;
    // HTTP waits for longer than datagrams are tried.
    const waiting = scene.ask();
    await pass(5_000);
    await waiting;
    expect(scene.told).toEqual([]);
    scene.pair.fate = () => 1;
    await scene.ask();
    await pass(10);
    expect(await scene.ask()).toMatchObject(BY_DATAGRAM);
    expect(scene.told).toEqual([]);
  });

  it("says nothing of a peer that was restarted", async () => {
    const scene = new Scene();
    await scene.connect();
    await scene.ask();
    scene.pair.restartAnswerer();
    expect(await scene.ask()).toMatchObject({ reply: { kind: "answer" }, overHttp: 1 });
    await pass(10);
    expect(await scene.ask()).toMatchObject(BY_DATAGRAM);
    expect(scene.told).toEqual([]);
  });

  it("loses no time with a peer whose connection was lost", async () => {
    const scene = new Scene();
    const lost: Address[] = [];
    await scene.carrier.listen(ANSWERER, {
      onRequest: echo,
      onConnectionLost: (to) => lost.push(to),
    });
    await scene.connect();
    scene.pair.restartAnswerer();
    scene.http.listener?.onConnectionLost?.(scene.to);
    expect(lost).toEqual([scene.to]);
    expect(await scene.ask()).toMatchObject(BY_HTTP);
    await pass(10);
    expect(await scene.ask()).toMatchObject(BY_DATAGRAM);
  });

  it("asks over HTTP at once what was in flight when the connection was lost", async () => {
    const scene = new Scene();
    scene.onRequest = () => undefined;
    await scene.carrier.listen(ANSWERER, { onRequest: echo });
    await scene.connect();
    const startMs = performance.now();
    setTimeout(() => scene.http.listener?.onConnectionLost?.(scene.to), 30);
    expect(await scene.ask()).toMatchObject({ reply: { kind: "answer" }, overHttp: 1 });
    expect(performance.now() - startMs).toBeLessThan(60);
  });

  it("does not say that a request surely did not arrive, once a datagram may have", async () => {
    const scene = new Scene();
    await scene.connect();
    scene.pair.fate = ({ from }) => (from === "answerer" ? 0 : 1);
    scene.http.reply = UNREACHABLE;
    const { reply, byDatagram } = await scene.ask();
    expect(byDatagram).toBe(1);
    expect(reply).toEqual({ ...UNREACHABLE, reason: "no-answer" });
    expect((await scene.ask()).reply).toEqual(UNREACHABLE);
  });

  it("keeps an association when HTTP is only slow", async () => {
    const scene = new Scene();
    await scene.connect();
    scene.http.reply = NO_ANSWER;
    await scene.ask(data(bytes(5_000)));
    expect(await scene.ask()).toMatchObject(BY_DATAGRAM);
  });

  it("goes over HTTP for a minute with a message whose answer did not fit", async () => {
    const scene = new Scene();
    await scene.connect();
    const large = { kind: "answer", payload: bytes(PAYLOAD_BYTES_MAX + 1) } as const;
    scene.onRequest = (_, respond) => respond(large);
    const update = { type: MessageType.UPDATE, payload: bytes(9) };
    const elsewhere = { reply: { payload: Buffer.from("by http") }, overHttp: 1, byDatagram: 1 };
    expect(await scene.ask(update)).toMatchObject(elsewhere);
    expect(await scene.ask(update)).toMatchObject(BY_HTTP);
    await pass(59_000);
    expect(await scene.ask(update)).toMatchObject(BY_HTTP);
    await pass(1_100);
    expect(await scene.ask(update)).toMatchObject(elsewhere);
    scene.onRequest = echo;
    expect(await scene.ask()).toMatchObject(BY_DATAGRAM);
    expect(scene.told).toEqual([]);
  });

  it("brings refusals of the peer, and asks nobody else then", async () => {
    const scene = new Scene();
    await scene.connect();
    scene.onRequest = (_, respond) =>
      respond({ kind: "refusal", status: 505, text: "no", authenticated: true });
    expect(await scene.ask()).toEqual({
      ...BY_DATAGRAM,
      reply: { kind: "refused", status: 505, text: "no" },
    });
  });

  it("lets the system choose again while a port is free for UDP alone", async () => {
    const scene = new Scene();
    const listener = { onRequest: echo };
    const refuse = (code: "DSN_PORT_IN_USE" | "DSN_CANNOT_LISTEN", times: number) => {
      const listen = vi.spyOn(scene.http, "listen");
      for (let time = 0; time < times; time++) {
        listen.mockRejectedValueOnce(new DsnError(code, "no"));
      }
    };
    const anywhere = { address: "127.0.0.1", port: 0 };
    refuse("DSN_PORT_IN_USE", 3);
    expect(await scene.carrier.listen(anywhere, listener)).toEqual(anywhere);
    expect(scene.udpCalls).toEqual(["listen", ...Array(3).fill(["unlisten", "listen"])].flat());

    scene.udpCalls.length = 0;
    refuse("DSN_CANNOT_LISTEN", 1);
    await expect(scene.carrier.listen(anywhere, listener)).rejects.toMatchObject({
      code: "DSN_CANNOT_LISTEN",
    });
    expect(scene.udpCalls).toEqual(["listen", "unlisten"]);

    // A port that is in use again and again ends with HTTP, wherever that gets.
    scene.udpCalls.length = 0;
    refuse("DSN_PORT_IN_USE", 8);
    expect(await scene.carrier.listen(anywhere, listener)).toEqual(anywhere);
    expect(scene.udpCalls).toHaveLength(17);
    expect(scene.udpCalls.at(-1)).toBe("listen");
  });

  it("uses HTTP now and then, so that the end of the peer shows on a connection", async () => {
    const scene = new Scene();
    await scene.connect();
    for (let second = 0; second < 200; second++) {
      await scene.ask();
      await pass(1_000);
    }
    const { asked } = scene.http;
    expect(asked.map(({ type }) => type)).toEqual([4, 4, 4, 4]);
    expect(scene.seen).toHaveLength(200);
  });

  it("sends no more at once than the peer has room for, and the rest over HTTP", async () => {
    const scene = new Scene();
    await scene.connect();
    const replies = Promise.all(
      Array.from({ length: 100 }, () => scene.carrier.request(scene.to, data(bytes(1)), OPTIONS)),
    );
    await pass(5);
    expect((await replies).every(({ kind }) => kind === "answer")).toBe(true);
    expect(scene.seen).toHaveLength(64);
    expect(scene.http.asked).toHaveLength(36);
  });

  it("broadcasts each its own way, and tells whose reply it is", async () => {
    const scene = new Scene();
    await scene.connect();
    const others = [1, 2].map((port) => ({ address: "192.0.2.1", port }));
    const replies = new Map<number, Reply>();
    const to = [...others.slice(0, 1), scene.to, ...others.slice(1)];
    scene.carrier.broadcast(to, data(bytes(9)), OPTIONS, (index, reply) => {
      expect(replies.has(index)).toBe(false);
      replies.set(index, reply);
    });
    expect(replies.size).toBe(0);
    await pass(5);
    expect(scene.http.asked).toHaveLength(2);
    expect([...replies.keys()].toSorted()).toEqual([0, 1, 2]);
    expect(replies.get(1)).toEqual({ kind: "answer", payload: Buffer.from(bytes(9)) });
  });

  it("ends a request in its time when both ways are silent", async () => {
    for (const timeoutMs of [60, 300, 1_000]) {
      const scene = new Scene();
      await scene.connect();
      scene.pair.fate = dropped;
      scene.http.reply = NO_ANSWER;
      const startMs = performance.now();
      expect((await scene.ask(undefined, { timeoutMs })).reply).toEqual(
        expect.objectContaining({ kind: "failed", reason: "no-answer" }),
      );
      expect(performance.now() - startMs).toBeLessThan(timeoutMs + 20);
    }
  });

  it("ends what is in flight as closed, asks HTTP nothing then, and closes both", async () => {
    const scene = new Scene();
    await scene.connect();
    scene.onRequest = () => undefined;
    const reply = scene.carrier.request(scene.to, data(bytes(1)), OPTIONS);
    await pass(10);
    await scene.carrier.close();
    expect(await reply).toMatchObject({ kind: "failed", reason: "closed" });
    expect(scene.http.asked).toEqual([]);
    expect(scene.http.closed).toBe(true);
    const sent = scene.pair.sent.length;
    scene.carrier.speaksDatagrams(scene.to, true);
    expect(await scene.ask()).toMatchObject(BY_HTTP);
    await pass(100);
    expect(scene.pair.sent).toHaveLength(sent);
  });

  it("knows as many peers as allowed, and leaves the one known longest to HTTP", async () => {
    const scene = new Scene(3);
    await scene.connect();
    for (let port = 1; port <= 3; port++) {
      expect(await scene.ask()).toMatchObject(BY_DATAGRAM);
      scene.carrier.speaksDatagrams({ address: "192.0.2.1", port }, true);
    }
    expect(await scene.ask()).toMatchObject(BY_HTTP);
  });
});
