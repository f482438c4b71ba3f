import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { createAesCbcSeal, createPlainSeal } from "../../../src/crypto/aes-cbc-seal.ts";
import type { Address, CarrierListener } from "../../../src/transport/carrier.ts";
import { createHttpCarrier, type HttpCarrier } from "../../../src/transport/http-carrier.ts";
import type { CarrierLimits } from "../../../src/transport/limits.ts";
import { MESSAGE_PATHS, MessageType } from "../../../src/wire/message-type.ts";
import { bytes, data, echo, until } from "../../contract/carrier.ts";
import { closeHeld, exchange, Held, post } from "../../helpers/raw-http.ts";

const MIB = 1024 * 1024;
const OPTIONS = { timeoutMs: 20_000, answerBytesMax: 70 * MIB };
const PING = { type: MessageType.PING, payload: Buffer.of(0x20) };

const carriers: HttpCarrier[] = [];

afterEach(async () => {
  closeHeld();
  await Promise.all(carriers.splice(0).map((carrier) => carrier.close()));
});

function create(limits: Partial<CarrierLimits> = {}, seal = createPlainSeal()): HttpCarrier {
  const carrier = createHttpCarrier({ seal, limits });
  carriers.push(carrier);
  return carrier;
}

function serve(
  limits: Partial<CarrierLimits> = {},
  onRequest: CarrierListener["onRequest"] = echo,
): Promise<Address> {
  return create(limits).listen({ address: "127.0.0.1", port: 0 }, { onRequest });
}

async function expectQuickPing(at: Address): Promise<void> {
  const reply = await create().request(at, PING, { ...OPTIONS, timeoutMs: 5000 });
  expect(reply).toMatchObject({ kind: "answer" });
}

describe("D13: bodies", () => {
  for (const [type, path] of Object.entries(MESSAGE_PATHS)) {
    it(`of 64 MiB of zeros on ${path} are not kept`, async () => {
      const carrier = create({}, createAesCbcSeal(new Uint8Array(16)));
      const at = await carrier.listen({ address: "127.0.0.1", port: 0 }, { onRequest: echo });
      const before = process.memoryUsage().rss;
      const peak = { bytes: 0 };
      const sampler = setInterval(() => {
        peak.bytes = Math.max(peak.bytes, process.memoryUsage().rss);
      }, 5);
      const senders = Array.from({ length: 4 }, () => new Held(at).announce(path, 64 * MIB));
      await Promise.all(senders.map((sender) => sendZeros(sender, 64 * MIB)));
      clearInterval(sampler);
      const statuses = senders.flatMap(({ statuses }) => statuses);
      expect(statuses).toHaveLength(4);
      const allowed = Number(type) === MessageType.DATA ? [401, 503] : [413];
      for (const status of statuses) expect(allowed).toContain(status);
      // All bodies together 128 MiB, one being copied to a larger buffer, one being opened.
      expect(peak.bytes - before).toBeLessThan(420 * MIB);
    });
  }

  it("that announce too much get 413 at once, and the connection closes", async () => {
    const at = await serve();
    const held = new Held(at).announce("/ping", 2000);
    await until(() => held.closed);
    expect(held.statuses).toEqual([413]);
  });

  it("that grow over the limit get 413, and the connection closes", async () => {
    const at = await serve();
    const held = new Held(at);
    held.socket.write("POST /ping HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (let sent = 0; sent < 20; sent++) held.socket.write(`64\r\n${"a".repeat(100)}\r\n`);
    await until(() => held.closed);
    expect(held.statuses).toEqual([413]);
  });

  it("in chunks within the limit are read", async () => {
    const at = await serve();
    const request =
      "POST /data HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n\x05\r\n3\r\nabc\r\n0\r\n\r\n";
    const { responses } = await exchange(at, Buffer.from(request, "latin1"));
    expect(responses[0]).toMatchObject({ status: 200 });
    expect(responses[0]?.body.toString("latin1")).toBe("\x05abc");
  });

  it("beyond what all may hold together get 503, PINGs do not, and the room comes back", async () => {
    const at = await serve({ unauthenticatedBytesMax: 300_000 });
    const hog = new Held(at).announce("/data", 1_000_000);
    hog.socket.write(bytes(200_000));
    const asker = create();
    const refused = async () => {
      const reply = await asker.request(at, data(bytes(250_000)), OPTIONS);
      return reply.kind === "refused" && reply.status === 503;
    };
    while (!(await refused())) await new Promise((resolve) => setTimeout(resolve, 5));
    await expectQuickPing(at);
    hog.socket.destroy();
    // Far more than fits at once: what is taken is given back each time, and no more than that.
    let answers = 0;
    while (answers < 10) {
      const reply = await asker.request(at, data(bytes(250_000)), OPTIONS);
      if (reply.kind === "answer") answers++;
      else expect(reply).toMatchObject({ status: 503 });
    }
    const tooMuch = await asker.request(at, data(bytes(310_000)), OPTIONS);
    expect(tooMuch).toMatchObject({ kind: "refused", status: 503 });
  });

  it("of PINGs are answered when there is no room for any other", async () => {
    const at = await serve({ unauthenticatedBytesMax: 0 });
    await expectQuickPing(at);
    const reply = await create().request(at, data(bytes(1)), OPTIONS);
    expect(reply).toMatchObject({ kind: "refused", status: 503 });
  });

  it("that drip are cut at their deadline, whatever they announced", async () => {
    const at = await serve({ bodyGraceMs: 200, bodyBytesPerSecondMin: 1000 });
    const startedMs = performance.now();
    const held = new Held(at).announce("/data", 60 * MIB);
    const drip = setInterval(() => held.socket.write("x"), 10);
    await until(() => held.closed);
    clearInterval(drip);
    expect(performance.now() - startedMs).toBeGreaterThan(190);
    expect(performance.now() - startedMs).toBeLessThan(3000);
    expect(held.statuses).toEqual([]);
  });

  it("that keep up the rate are read, however long they take", async () => {
    const at = await serve({ bodyGraceMs: 150, bodyBytesPerSecondMin: 1000 });
    const held = new Held(at).announce("/data", 40 * 500);
    for (let sent = 0; sent < 40; sent++) {
      held.socket.write(Buffer.alloc(500, MessageType.DATA));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await until(() => held.statuses.length > 0);
    expect(held.statuses).toEqual([200]);
  });
});

describe("D13: connections", () => {
  it("with half a request leave room for others, and time out", async () => {
    const at = await serve({ headersTimeoutMs: 500, bodyGraceMs: 500 });
    const halves = Array.from({ length: 400 }, (_, index) => {
      const held = new Held(at);
      if (index % 2 === 0) held.socket.write("POST /data HTTP/1.1\r\nContent-Le");
      else held.announce("/data", 1000).socket.write("half");
      return held;
    });
    await expectQuickPing(at);
    await until(() => halves.every(({ closed }) => closed));
    await expectQuickPing(at);
  });

  it("from one source are limited, from another served", async () => {
    const at = await serve({ connectionsPerSourceMax: 5 });
    const first = Array.from({ length: 5 }, () => new Held(at, "127.0.0.3"));
    for (const held of first) held.socket.write(post("/data", Buffer.of(MessageType.DATA)));
    await until(() => first.every(({ statuses }) => statuses.length === 1));
    const sixth = new Held(at, "127.0.0.3");
    await until(() => sixth.closed);
    await expectQuickPing(at);
    first[0]?.socket.destroy();
    // The place of a connection that ended is free again.
    for (;;) {
      const next = new Held(at, "127.0.0.3");
      next.socket.write(post("/data", Buffer.of(MessageType.DATA)));
      await until(() => next.closed || next.statuses.length === 1);
      if (!next.closed) break;
    }
  });

  it("are limited all together", async () => {
    const at = await serve({ connectionsMax: 3 });
    const three = ["127.0.0.3", "127.0.0.4", "127.0.0.5"].map((source) => new Held(at, source));
    for (const held of three) held.socket.write(post("/data", Buffer.of(MessageType.DATA)));
    await until(() => three.every(({ statuses }) => statuses.length === 1));
    const fourth = new Held(at, "127.0.0.6");
    await until(() => fourth.closed);
    expect(three.every(({ closed }) => !closed)).toBe(true);
  });

  it("that have proven nothing make room, the oldest of the source with most of them", async () => {
    const at = await serve({ connectionsMax: 14 });
    const proven = new Held(at, "127.0.0.9");
    proven.socket.write(post("/data", Buffer.of(MessageType.DATA)));
    await until(() => proven.statuses.length === 1);
    const lone = new Held(at, "127.0.0.3");
    await once(lone.socket, "connect");
    const many: Held[] = [];
    for (let count = 0; count < 15; count++) {
      const held = new Held(at, "127.0.0.4");
      many.push(held);
      await once(held.socket, "connect");
    }
    await until(() => many.filter(({ closed }) => closed).length === 3);
    expect(many.map(({ closed }) => closed).indexOf(false)).toBe(3);
    // A few each: the oldest of all goes.
    const at3 = await serve({ connectionsMax: 3 });
    const each: Held[] = [];
    for (const source of [3, 4, 5, 6, 7]) {
      const held = new Held(at3, `127.0.0.${source}`);
      each.push(held);
      await once(held.socket, "connect");
    }
    await until(() => each.filter(({ closed }) => closed).length === 2);
    expect(each.map(({ closed }) => closed)).toEqual([true, true, false, false, false]);
    await expectQuickPing(at3);
    expect([proven.closed, lone.closed]).toEqual([false, false]);
  });

  it("with a header over 8 KiB are refused", async () => {
    const at = await serve();
    const { responses, closed } = await exchange(
      at,
      post("/data", Buffer.of(5), `X-Long: ${"a".repeat(9000)}\r\n`),
      { enough: () => false },
    );
    expect(responses[0]?.status).toBe(431);
    expect(closed).toBe(true);
  });

  it("that do not take a large answer are cut", async () => {
    const limits = { bodyGraceMs: 200, bodyBytesPerSecondMin: 1000 * MIB };
    const at = await serve(limits, (_, respond) =>
      respond({ kind: "answer", payload: new Uint8Array(60 * MIB) }),
    );
    const held = new Held(at);
    held.socket.pause();
    held.socket.write(post("/data", Buffer.of(MessageType.DATA)));
    await new Promise((resolve) => setTimeout(resolve, 600));
    held.socket.resume();
    await until(() => held.closed);
    expect(held.received.length).toBeLessThan(60 * MIB);
  });
});

describe("HTTP server, handlers", () => {
  it("that never answer are answered for with 500", async () => {
    const at = await serve({ answerTimeoutMs: 100 }, () => {});
    const reply = await create().request(at, data(bytes(3)), OPTIONS);
    expect(reply).toEqual({ kind: "refused", status: 500, text: "" });
  });

  it("that answer after that are ignored", async () => {
    const late: (() => void)[] = [];
    const at = await serve({ answerTimeoutMs: 50 }, (request, respond) =>
      late.push(() => echo(request, respond)),
    );
    const asker = create();
    expect(await asker.request(at, data(bytes(3)), OPTIONS)).toMatchObject({ status: 500 });
    late[0]?.();
    expect(await asker.request(at, data(bytes(3)), OPTIONS)).toMatchObject({ status: 500 });
  });

  it("that refuse with what is no error status are answered for with 500", async () => {
    for (const status of [2, 36, 200, 302, 999, 404.5, Number.NaN]) {
      const at = await serve({}, (_, respond) =>
        respond({ kind: "refusal", status, text: "errno", authenticated: true }),
      );
      const reply = await create().request(at, data(bytes(3)), OPTIONS);
      expect(reply).toEqual({ kind: "refused", status: 500, text: "" });
    }
  });
});

/** Sends at the speed of the receiver; ends when there is an answer or the connection is gone. */
async function sendZeros(held: Held, length: number): Promise<void> {
  const zeros = Buffer.alloc(256 * 1024);
  for (let sent = 0; sent < length && !held.closed; sent += zeros.length) {
    if (!held.socket.write(zeros)) await until(() => held.closed || !held.socket.writableNeedDrain);
  }
  await until(() => held.closed || held.statuses.length > 0);
}
