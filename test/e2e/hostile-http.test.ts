/** What a stranger sends to a server to hold it, fill it, or have it read one thing as two. */
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { createAesCbcSeal } from "../../src/crypto/aes-cbc-seal.ts";
import type { Address } from "../../src/transport/carrier.ts";
import { createHttpCarrier, type HttpCarrier } from "../../src/transport/http-carrier.ts";
import type { CarrierLimits } from "../../src/transport/limits.ts";
import { MessageType } from "../../src/wire/message-type.ts";
import { echo, until } from "../contract/carrier.ts";
import { closeHeld, exchange, Held, post, type RawExchange } from "../helpers/raw-http.ts";

const KIB = 1024;
const seal = createAesCbcSeal(new Uint8Array(16).fill(5));
const carriers: HttpCarrier[] = [];

afterEach(async () => {
  closeHeld();
  await Promise.all(carriers.splice(0).map((carrier) => carrier.close()));
});

interface Served {
  readonly at: Address;
  /** Messages that reached the handler. */
  readonly handled: MessageType[];
}

async function serve(limits: Partial<CarrierLimits> = {}): Promise<Served> {
  const carrier = createHttpCarrier({ seal, limits });
  carriers.push(carrier);
  const handled: MessageType[] = [];
  const at = await carrier.listen(
    { address: "127.0.0.1", port: 0 },
    {
      onRequest: (request, respond) => {
        handled.push(request.type);
        echo(request, respond);
      },
      onFault: (error) => {
        throw error;
      },
    },
  );
  return { at, handled };
}

async function ping(): Promise<Buffer> {
  return Buffer.from(await seal.seal(Buffer.of(MessageType.PING, 0x20)));
}

/** A head of these lines, and a body. */
function request(lines: readonly string[], body: Uint8Array | string = ""): Buffer {
  const head = `${lines.join("\r\n")}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), Buffer.from(body)]);
}

function chunked(body: Uint8Array, size = body.length.toString(16), end = "0\r\n\r\n"): Buffer {
  return Buffer.concat([Buffer.from(`${size}\r\n`), body, Buffer.from(`\r\n${end}`)]);
}

/** All that comes until the other side closes. */
function hear(at: Address, bytes: Uint8Array, halfClose = false): Promise<RawExchange> {
  return exchange(at, bytes, { enough: () => false, timeoutMs: 20_000, halfClose });
}

const statuses = ({ responses }: RawExchange) => responses.map(({ status }) => status);

async function expectServes({ at, handled }: Served): Promise<void> {
  handled.length = 0;
  const { responses } = await exchange(at, post("/ping", await ping()), { timeoutMs: 20_000 });
  expect(responses[0]?.status).toBe(200);
  expect(handled).toEqual([MessageType.PING]);
}

describe("Slow senders", () => {
  it("that drip a header are cut, though it never stops coming", async () => {
    const served = await serve({ headersTimeoutMs: 400 });
    const dripping = Array.from({ length: 50 }, () => new Held(served.at));
    const head = Buffer.from(`POST /data HTTP/1.1\r\nX-Slow: ${"a".repeat(7_000)}`);
    let sent = 0;
    const drip = setInterval(() => {
      for (const { socket, closed } of dripping) {
        if (!closed) socket.write(head.subarray(sent, sent + 1));
      }
      sent++;
    }, 20);
    try {
      await expectServes(served);
      await until(() => dripping.every(({ closed }) => closed));
    } finally {
      clearInterval(drip);
    }
    expect(sent).toBeLessThan(head.length);
    expect(dripping.flatMap((one) => one.statuses).every((status) => status === 408)).toBe(true);
    expect(served.handled).toEqual([MessageType.PING]);
  });

  it("that connect and say nothing are cut", async () => {
    const served = await serve({ headersTimeoutMs: 400 });
    const silent = Array.from({ length: 50 }, () => new Held(served.at));
    await until(() => silent.every(({ closed }) => closed));
    await expectServes(served);
  });

  it("that drip chunks are cut, though each is a whole one", async () => {
    const served = await serve({ bodyGraceMs: 300, bodyBytesPerSecondMin: 1_000 });
    const held = new Held(served.at);
    held.socket.write("POST /data HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    const drip = setInterval(() => held.socket.write("1;ext=aaaaaaaaaaaa\r\nx\r\n"), 20);
    await until(() => held.closed);
    clearInterval(drip);
    expect(held.statuses).toEqual([]);
    expect(served.handled).toEqual([]);
  });
});

describe("Headers without end", () => {
  const FLOODS: Readonly<Record<string, readonly string[]>> = {
    "many small ones": Array.from({ length: 5_000 }, (_, index) => `X-${index}: a`),
    "one that is repeated": Array.from({ length: 5_000 }, () => "Host: a"),
    "one name without end": [`${"x".repeat(100 * KIB)}: a`],
    "one value without end": [`X: ${"x".repeat(100 * KIB)}`],
    "folded lines": [`X: a${"\r\n a".repeat(5_000)}`],
  };

  for (const [what, lines] of Object.entries(FLOODS)) {
    it(`(${what}) are refused, and the connection closes`, async () => {
      const served = await serve();
      const heard = await hear(served.at, request(["POST /ping HTTP/1.1", ...lines]));
      expect(heard.closed).toBe(true);
      for (const status of statuses(heard)) expect([400, 431]).toContain(status);
      expect(served.handled).toEqual([]);
      await expectServes(served);
    });
  }

  it("behind a chunked body are refused too, and so are extensions of chunks", async () => {
    const served = await serve();
    const head = ["POST /ping HTTP/1.1", "Transfer-Encoding: chunked"];
    const trailers = `0\r\n${"X-Trailer: aaaaaaaaaaaaaaaa\r\n".repeat(5_000)}\r\n`;
    const extensions = `20;${"x=y;".repeat(50_000)}`;
    for (const body of [
      chunked(await ping(), undefined, trailers),
      chunked(await ping(), extensions),
    ]) {
      const heard = await hear(served.at, request(head, body));
      expect(heard.closed).toBe(true);
      for (const status of statuses(heard)) expect([400, 413, 431]).toContain(status);
    }
    expect(served.handled).toEqual([]);
    await expectServes(served);
  });
});

describe("Requests that two readers would take apart differently", () => {
  /** Heads behind which a proxy and a server could disagree where the body ends. */
  const AMBIGUOUS: Readonly<Record<string, readonly string[]>> = {
    "a length and chunks": ["Content-Length: 5", "Transfer-Encoding: chunked"],
    "chunks and a length": ["Transfer-Encoding: chunked", "Content-Length: 5"],
    "two lengths": ["Content-Length: 5", "Content-Length: 32"],
    "two lengths in one": ["Content-Length: 5, 32"],
    "an encoding that is none": ["Transfer-Encoding: xchunked"],
    "chunks that are not last": ["Transfer-Encoding: chunked, identity"],
    "chunks behind a tab": ["Transfer-Encoding:\u000bchunked"],
    "a space before the colon": ["Transfer-Encoding : chunked"],
    "a line feed in a value": ["X: a\nTransfer-Encoding: chunked"],
    "a carriage return in a value": ["X: a\rContent-Length: 5"],
    "a zero byte in a value": ["Content-Length: 5\u0000"],
    "a length with a sign": ["Content-Length: +5"],
    "a length in hex": ["Content-Length: 0x5"],
    "a length beyond 2^64": ["Content-Length: 18446744073709551621"],
  };

  for (const [what, lines] of Object.entries(AMBIGUOUS)) {
    it(`(${what}) are refused whole: what is hidden behind them is not read`, async () => {
      const served = await serve();
      const hidden = post("/ping", await ping());
      const body = Buffer.concat([Buffer.from("0\r\n\r\n"), hidden]);
      const heard = await hear(served.at, request(["POST /ping HTTP/1.1", ...lines], body), true);
      expect(heard.closed).toBe(true);
      expect(statuses(heard).filter((status) => status === 200)).toEqual([]);
      expect(served.handled).toEqual([]);
      await expectServes(served);
    });
  }

  const SIZES = ["-1", "+20", "0x20", "2 0", "20000000000000000", "ffffffffffffffff", "g", ""];
  it.each(SIZES)("chunks of the size %j are refused", async (size) => {
    const served = await serve();
    const head = ["POST /ping HTTP/1.1", "Transfer-Encoding: chunked"];
    const heard = await hear(served.at, request(head, chunked(await ping(), size)), true);
    expect(heard.closed).toBe(true);
    expect(statuses(heard).filter((status) => status === 200)).toEqual([]);
    expect(served.handled).toEqual([]);
    await expectServes(served);
  });
});

describe("Requests for something else than an answer", () => {
  it("a body in an encoding is taken as it is: nothing is unpacked", async () => {
    const served = await serve();
    const bomb = gzipSync(Buffer.alloc(32 * KIB * KIB));
    expect(bomb.length).toBeLessThan(60 * KIB);
    for (const encoding of ["gzip", "deflate", "br", "x-gzip", "gzip, gzip"]) {
      for (const body of [bomb, gzipSync(await ping())]) {
        const more = `Content-Encoding: ${encoding}\r\n`;
        const { responses } = await exchange(served.at, post("/update", body, more), {
          timeoutMs: 20_000,
        });
        expect(responses[0]?.status).toBe(401);
      }
    }
    expect(served.handled).toEqual([]);
    await expectServes(served);
  });

  it("Expect: 100-continue is granted, and a body over its limit is refused unread", async () => {
    const served = await serve();
    const body = await ping();
    const more = "Expect: 100-continue\r\n";
    const granted = await exchange(served.at, post("/ping", body, more), {
      timeoutMs: 20_000,
      enough: ({ length }) => length === 2,
    });
    expect(statuses(granted)).toEqual([100, 200]);
    const head = ["POST /ping HTTP/1.1", "Content-Length: 100000000", "Expect: 100-continue"];
    const refused = await hear(served.at, request(head));
    expect(statuses(refused).filter((status) => status !== 100)).toEqual([413]);
    const odd = await hear(
      served.at,
      post("/ping", body, "Expect: a-miracle\r\nConnection: close\r\n"),
    );
    expect(statuses(odd)[0]).toBe(417);
    expect(served.handled).toEqual([MessageType.PING]);
  });

  const PROTOCOLS: Readonly<Record<string, Buffer>> = {
    "HTTP/2 with prior knowledge": Buffer.from(
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    ),
    "a tunnel": request(["CONNECT 127.0.0.1:22 HTTP/1.1", "Host: 127.0.0.1:22"]),
    "a proxy": request(["GET http://127.0.0.1:22/ HTTP/1.1", "Host: 127.0.0.1:22"]),
    TLS: Buffer.from("16030100c8010000c40303", "hex"),
    "RTSP, which the parser knows": request(["DESCRIBE / RTSP/1.0"]),
    "no version": Buffer.from("POST /ping\r\n\r\n"),
  };

  for (const [what, bytes] of Object.entries(PROTOCOLS)) {
    it(`another protocol (${what}) is refused`, async () => {
      const served = await serve();
      const heard = await hear(served.at, bytes, true);
      expect(heard.closed).toBe(true);
      expect(statuses(heard).every((status) => status >= 400)).toBe(true);
      expect(served.handled).toEqual([]);
      await expectServes(served);
    });
  }

  it.each(["websocket", "h2c", "TLS/1.0"])("an upgrade to %s is not made", async (protocol) => {
    const served = await serve();
    const more = `Connection: Upgrade, HTTP2-Settings\r\nUpgrade: ${protocol}\r\nHTTP2-Settings: \r\n`;
    const { responses } = await exchange(served.at, post("/ping", await ping(), more), {
      timeoutMs: 20_000,
    });
    // As if it had not asked.
    expect(responses[0]?.status).toBe(200);
    const get = request(["GET / HTTP/1.1", "Connection: Upgrade", `Upgrade: ${protocol}`]);
    expect(statuses(await hear(served.at, get, true))).toEqual([501]);
    await expectServes(served);
  });
});
