import { randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { networkInterfaces } from "node:os";
import { afterEach, describe, expect, it } from "vitest";
import type { Address, CarrierListener, InboundRequest } from "../../../src/transport/carrier.ts";
import type { UdpLimits } from "../../../src/transport/limits.ts";
import { UdpCarrier } from "../../../src/transport/udp-carrier.ts";
import { encodeInit } from "../../../src/transport/udp-datagram.ts";
import type { UdpReply } from "../../../src/transport/udp-exchange.ts";
import type { UdpPath } from "../../../src/transport/udp-path.ts";
import { bytes, data, echo, until } from "../../contract/carrier.ts";

const networkKey = new Uint8Array(16).fill(1);
const OPTIONS = { timeoutMs: 5_000, answerBytesMax: 10_000 };
const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === "::1"),
);

const carriers: UdpCarrier[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  await Promise.all(carriers.splice(0).map((carrier) => carrier.close()));
  for (const socket of sockets.splice(0)) socket.close();
});

function create(limits: Partial<UdpLimits> = {}): UdpCarrier {
  const carrier = new UdpCarrier({ networkKey, limits });
  carriers.push(carrier);
  return carrier;
}

async function serve(
  address = "127.0.0.1",
  onRequest: CarrierListener["onRequest"] = echo,
): Promise<{ carrier: UdpCarrier; at: Address }> {
  const carrier = create();
  return { carrier, at: await carrier.listen({ address, port: 0 }, { onRequest }) };
}

async function connect(carrier: UdpCarrier, to: Address): Promise<UdpPath> {
  const path = carrier.open(to);
  path.invite();
  await until(() => path.takes(0));
  return path;
}

function ask(path: UdpPath, payload: Uint8Array): Promise<UdpReply> {
  return new Promise((resolve) => path.ask(data(payload), OPTIONS, resolve));
}

/** A socket of a stranger, and what came back to it. */
async function stranger(address: string): Promise<{ socket: Socket; received: Buffer[] }> {
  const socket = createSocket("udp4");
  sockets.push(socket);
  const received: Buffer[] = [];
  socket.on("message", (message) => received.push(message));
  await new Promise<void>((resolve) => socket.bind({ address, port: 0 }, resolve));
  return { socket, received };
}

describe("UdpCarrier", () => {
  it("listens on a port that the system chooses, and says which", async () => {
    const { at } = await serve();
    expect(at.address).toBe("127.0.0.1");
    expect(at.port).toBeGreaterThan(0);
  });

  it("asks and answers in both directions at the same time", async () => {
    const [one, two] = [await serve(), await serve()];
    const there = await connect(one.carrier, two.at);
    const back = await connect(two.carrier, one.at);
    const payloads = Array.from({ length: 50 }, (_, index) => bytes(index, index));
    const replies = await Promise.all(
      payloads.flatMap((payload) => [ask(there, payload), ask(back, payload)]),
    );
    for (const [index, reply] of replies.entries()) {
      const payload = Buffer.from(payloads[Math.floor(index / 2)] ?? []);
      expect(reply).toEqual({ kind: "answer", payload });
    }
  });

  it("asks itself", async () => {
    const { carrier, at } = await serve();
    expect(await ask(await connect(carrier, at), bytes(5))).toMatchObject({ kind: "answer" });
  });

  it("tells two nodes at one address apart, and their askers", async () => {
    const answerWith =
      (byte: number): CarrierListener["onRequest"] =>
      (_, respond) =>
        respond({ kind: "answer", payload: Uint8Array.of(byte) });
    const [one, two] = [
      await serve("127.0.0.1", answerWith(1)),
      await serve("127.0.0.1", answerWith(2)),
    ];
    for (const asker of [await serve(), await serve()]) {
      const paths = [await connect(asker.carrier, one.at), await connect(asker.carrier, two.at)];
      const replies = await Promise.all(paths.map((path) => ask(path, bytes(1))));
      expect(replies).toMatchObject([{ payload: Buffer.of(1) }, { payload: Buffer.of(2) }]);
    }
    expect(one.carrier.load.associations).toBe(2);
  });

  it("finds a peer by its name", async () => {
    const { at } = await serve();
    const asker = await serve();
    const path = await connect(asker.carrier, { ...at, address: "localhost" });
    expect(await ask(path, bytes(5))).toMatchObject({ kind: "answer" });
  });

  it.runIf(hasIpv6)("takes IPv4 and IPv6 on ::, and calls IPv4 by its own name", async () => {
    const seen: InboundRequest[] = [];
    const { carrier, at } = await serve("::", (request, respond) => {
      seen.push(request);
      echo(request, respond);
    });
    const asker4 = await serve("127.0.0.1");
    const asker6 = await serve("::1");
    const path4 = await connect(asker4.carrier, { address: "127.0.0.1", port: at.port });
    const path6 = await connect(asker6.carrier, { address: "::1", port: at.port });
    expect(await ask(path4, bytes(1))).toMatchObject({ kind: "answer" });
    expect(await ask(path6, bytes(1))).toMatchObject({ kind: "answer" });
    expect(seen.map(({ from }) => from)).toEqual(["127.0.0.1", "::1"]);
    expect(await ask(await connect(carrier, asker4.at), bytes(1))).toMatchObject({
      kind: "answer",
    });
    expect(await ask(await connect(carrier, asker6.at), bytes(1))).toMatchObject({
      kind: "answer",
    });
  });

  it.runIf(hasIpv6)("does not call a way blocked that its socket cannot take", async () => {
    const { carrier } = await serve("127.0.0.1");
    const { at } = await serve("::1");
    const path = carrier.open(at);
    path.invite();
    await new Promise((resolve) => setTimeout(resolve, 50));
    // Nothing is awaited that could fail to come.
    expect(carrier.load.expected).toBe(0);
    expect(path.takes(0)).toBe(false);
    expect(path.blockedMs).toBeUndefined();
  });

  it.runIf(hasIpv6)("understands addresses with a zone", async () => {
    const address = Object.entries(networkInterfaces())
      .flatMap(([name, own]) =>
        (own ?? [])
          .filter(({ family, scopeid = 0 }) => family === "IPv6" && scopeid > 0)
          .map((one) => `${one.address}%${name}`),
      )
      .at(0);
    if (address === undefined) return;
    const from: string[] = [];
    const { at } = await serve("::", (request, respond) => {
      from.push(request.from);
      echo(request, respond);
    });
    const asker = await serve("::");
    const path = await connect(asker.carrier, { address, port: at.port });
    expect(await ask(path, bytes(1))).toMatchObject({ kind: "answer" });
    expect(from).toEqual([address]);
  });

  it("rejects a port in use, names it, and can take another", async () => {
    const { at } = await serve();
    const second = create();
    await expect(second.listen(at, { onRequest: echo })).rejects.toMatchObject({
      code: "DSN_UDP_UNAVAILABLE",
      endpoint: `127.0.0.1:${at.port}`,
      why: expect.stringContaining(String(at.port)),
    });
    const free = await second.listen({ ...at, port: 0 }, { onRequest: echo });
    const asker = await serve();
    expect(await ask(await connect(asker.carrier, free), bytes(1))).toMatchObject({
      kind: "answer",
    });
  });

  it("rejects an address that this machine does not have", async () => {
    const listening = create().listen({ address: "192.0.2.1", port: 0 }, { onRequest: echo });
    await expect(listening).rejects.toMatchObject({ code: "DSN_UDP_UNAVAILABLE" });
  });

  it("leaves its port to others when it stops listening, and when it closes", async () => {
    const { carrier, at } = await serve();
    await carrier.unlisten();
    await carrier.listen(at, { onRequest: echo });
    await carrier.close();
    expect(await create().listen(at, { onRequest: echo })).toEqual(at);
  });

  it("closes twice, before it listens, and while it begins to", async () => {
    await create().close();
    const { carrier } = await serve();
    await Promise.all([carrier.close(), carrier.close()]);
    const late = create();
    const listening = late.listen({ address: "127.0.0.1", port: 0 }, { onRequest: echo });
    const closing = late.close();
    await expect(listening).rejects.toMatchObject({ code: "DSN_UDP_UNAVAILABLE" });
    await closing;
  });

  it("lets running answers finish for a moment when it closes", async () => {
    const seen: InboundRequest[] = [];
    const { carrier, at } = await serve("127.0.0.1", (request, respond) => {
      seen.push(request);
      setTimeout(() => echo(request, respond), 50);
    });
    const reply = ask(await connect((await serve()).carrier, at), bytes(5));
    await until(() => seen.length === 1);
    await carrier.close();
    expect(await reply).toMatchObject({ kind: "answer" });
  });

  it("begins nothing before it listens", async () => {
    const { at } = await serve();
    const asker = create();
    const path = asker.open(at);
    path.invite();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(path.takes(0)).toBe(false);
    expect(path.blockedMs).toBeUndefined();
  });

  it("cannot send to a port that is none, and says nothing of it", async () => {
    const { carrier } = await serve();
    for (const port of [0, 70_000, -1, Number.NaN]) {
      carrier.open({ address: "127.0.0.1", port }).invite();
    }
    await new Promise((resolve) => setTimeout(resolve, 30));
  });
});

describe("A flood from many addresses", () => {
  const SOURCES = 40;
  const EACH = 50;

  for (const [what, make] of [
    ["INITs", () => encodeInit(randomBytes(16))],
    ["FIRSTs", () => Buffer.concat([Buffer.from("dsnu\x03"), randomBytes(1_195)])],
    ["requests", () => Buffer.concat([Buffer.from("dsnu\x04"), randomBytes(200)])],
    ["answers", () => Buffer.concat([Buffer.from("dsnu\x05"), randomBytes(200)])],
    ["challenges", () => Buffer.concat([Buffer.from("dsnu\x02"), randomBytes(32)])],
    ["junk", () => randomBytes(300)],
  ] as const) {
    it(`of ${what} leaves nothing behind, is not amplified, and stops nobody`, async () => {
      const { carrier, at } = await serve();
      const path = await connect((await serve()).carrier, at);
      const strangers = await Promise.all(
        Array.from({ length: SOURCES }, (_, index) => stranger(`127.0.0.${index + 2}`)),
      );
      let sent = 0;
      for (let round = 0; round < EACH; round++) {
        for (const { socket } of strangers) {
          const datagram = make();
          sent += datagram.length;
          socket.send(datagram, at.port, at.address);
        }
        expect(await ask(path, bytes(round))).toMatchObject({ kind: "answer" });
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
      const received = strangers.flatMap((one) => one.received);
      expect(received.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(sent);
      expect(received.length > 0).toBe(what === "INITs");
      expect(carrier.load).toEqual({ associations: 1, requests: 0, expected: 0 });
    });
  }
});

describe("Datagrams recorded on the way", () => {
  it("reach no handler when they are sent again, from the same address or another", async () => {
    const seen: InboundRequest[] = [];
    const { carrier, at } = await serve("127.0.0.1", (request, respond) => {
      seen.push(request);
      echo(request, respond);
    });
    // Somebody in between, who has its asker's place as well.
    const [tap, recorded] = [await stranger("127.0.0.1"), [] as Buffer[]];
    const back = await stranger("127.0.0.1");
    let asker: Address | undefined;
    tap.socket.on("message", (message, source) => {
      asker = source;
      recorded.push(message);
      back.socket.send(message, at.port, at.address);
    });
    back.socket.on("message", (message) => tap.socket.send(message, asker?.port, asker?.address));
    const path = await connect((await serve()).carrier, tap.socket.address());
    for (let count = 0; count < 10; count++) await ask(path, bytes(count));
    expect(seen).toHaveLength(10);
    expect(recorded.length).toBeGreaterThanOrEqual(12);

    const answered = back.received.length;
    const elsewhere = await stranger("127.0.0.9");
    for (const { socket } of [back, elsewhere]) {
      for (const datagram of recorded.slice(1)) socket.send(datagram, at.port, at.address);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(seen).toHaveLength(10);
    expect(elsewhere.received).toEqual([]);
    expect(back.received).toHaveLength(answered);
    expect(carrier.load.associations).toBe(1);
  });
});
