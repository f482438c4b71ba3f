import { spawn } from "node:child_process";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createPlainSeal } from "../../../src/crypto/aes-cbc-seal.ts";
import type { Address, Reply, RequestOptions } from "../../../src/transport/carrier.ts";
import { createHttpCarrier, type HttpCarrier } from "../../../src/transport/http-carrier.ts";
import type { CarrierLimits } from "../../../src/transport/limits.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { bytes, data, echo, until } from "../../contract/carrier.ts";
import { onRequests, serveRaw } from "../../helpers/raw-http.ts";

const MIB = 1024 * 1024;
const OPTIONS: RequestOptions = { timeoutMs: 5000, answerBytesMax: MIB };
const DATE = "Fri, 02 Oct 2026 10:20:30 GMT";

const undo: (() => unknown)[] = [];

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

interface Asker {
  readonly carrier: HttpCarrier;
  /** Addresses that onConnectionLost() was called with. */
  readonly lost: Address[];
  ask(to: Address, options?: Partial<RequestOptions>): Promise<Reply>;
}

async function createAsker(limits: Partial<CarrierLimits> = {}): Promise<Asker> {
  const carrier = createHttpCarrier({ seal: createPlainSeal(), limits });
  undo.push(() => carrier.close());
  const lost: Address[] = [];
  await carrier.listen(
    { address: "127.0.0.1", port: 0 },
    { onRequest: echo, onConnectionLost: (to) => lost.push(to) },
  );
  const ask = (to: Address, options = {}) =>
    carrier.request(to, data(bytes(10)), { ...OPTIONS, ...options });
  return { carrier, lost, ask };
}

/** A server of bare sockets; `answer` gets each request and its number, from 0. */
async function raw(
  answer: (socket: Socket, request: { head: string; body: Buffer; index: number }) => void,
) {
  const seen = { connections: 0, requests: 0, sockets: [] as Socket[] };
  const { at, close } = await serveRaw((socket) => {
    seen.connections++;
    seen.sockets.push(socket);
    onRequests(socket, (head, body) => answer(socket, { head, body, index: seen.requests++ }));
  });
  undo.push(close);
  return { at, seen, close };
}

/** A server of Node. */
async function serve(onRequest: RequestListener): Promise<{ at: Address; server: Server }> {
  const server = createServer({ keepAliveTimeout: 60_000 }, onRequest);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  undo.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { at: { address: "127.0.0.1", port: (server.address() as AddressInfo).port }, server };
}

function pythonAnswer(body: Uint8Array, status = "200 OK"): Buffer {
  const head = [
    `HTTP/1.0 ${status}`,
    "Server: BaseHTTP/0.6 Python/3.11.2",
    `Date: ${DATE}`,
    "Content-Type: application/octet-stream",
    `Content-Length: ${body.length}`,
  ];
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]);
}

function keptAnswer(body: Uint8Array): Buffer {
  return Buffer.concat([
    Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`),
    body,
  ]);
}

const failed = (reason: string) => ({ kind: "failed", reason });

describe("HTTP client and a server that has much to do", () => {
  const patient = { timeoutMs: 50, patienceMs: 5_000 };

  it("waits longer for the answer of one that has taken its connection", async () => {
    const { at } = await raw((socket, { body }) => {
      setTimeout(() => socket.end(pythonAnswer(body)), 200);
    });
    const { ask } = await createAsker();
    expect(await ask(at, patient)).toMatchObject({ kind: "answer" });
    expect(await ask(at, { timeoutMs: 50 })).toMatchObject(failed("no-answer"));
  });

  it("does not where the connection is an old one, whose other end may be cut off", async () => {
    const { at, seen } = await raw((socket, { body, index }) => {
      if (index === 0) socket.write(keptAnswer(body));
    });
    const { ask } = await createAsker();
    expect(await ask(at, patient)).toMatchObject({ kind: "answer" });
    const detail = "no answer within 50 ms";
    expect(await ask(at, patient)).toMatchObject({ ...failed("no-answer"), detail });
    expect(seen).toMatchObject({ connections: 1, requests: 2 });
  });

  it("gives up in the end", async () => {
    const { at } = await raw(() => undefined);
    const detail = "no answer within 100 ms";
    const reply = await (await createAsker()).ask(at, { timeoutMs: 50, patienceMs: 100 });
    expect(reply).toMatchObject({ ...failed("no-answer"), detail });
  });
});

describe("HTTP client and servers like the reference's", () => {
  it("sends what the reference reads", async () => {
    let request: { head: string; body: Buffer } = { head: "", body: Buffer.alloc(0) };
    const { at } = await raw((socket, { head, body }) => {
      request = { head, body };
      socket.end(pythonAnswer(Buffer.of(MessageType.DATA)));
    });
    await (await createAsker()).ask(at);
    expect(request.head.split("\r\n")).toEqual([
      "POST /data HTTP/1.1",
      `Host: 127.0.0.1:${at.port}`,
      "Accept-Encoding: identity",
      "Content-Type: application/octet-stream",
      "Content-Length: 11",
      "Connection: keep-alive",
    ]);
    expect(request.body.toString("hex")).toBe(`05${Buffer.from(bytes(10)).toString("hex")}`);
  });

  it("takes an HTTP/1.0 answer, tells its date and server, and counts no connection as lost", async () => {
    const { at, seen } = await raw((socket, { body }) => socket.end(pythonAnswer(body)));
    const { ask, lost } = await createAsker();
    for (let round = 1; round <= 3; round++) {
      expect(await ask(at)).toEqual({
        kind: "answer",
        payload: expect.anything(),
        peerUnixSeconds: Date.parse(DATE) / 1000,
        server: "BaseHTTP/0.6 Python/3.11.2",
      });
      expect(seen.connections).toBe(round);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(lost).toEqual([]);
  });

  it("counts no connection as lost that a server announced to close", async () => {
    const { at } = await serve((req, res) => {
      res.setHeader("Connection", "close");
      req.pipe(res);
    });
    const { ask, lost } = await createAsker();
    for (let round = 0; round < 3; round++) expect(await ask(at)).toMatchObject({ kind: "answer" });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(lost).toEqual([]);
  });

  it("takes refusals with and without a body, and without a length", async () => {
    const answers = [
      pythonAnswer(Buffer.from("Could not find x in address book"), "401 Unauthorized"),
      Buffer.from("HTTP/1.0 400 Bad Request\r\nServer: BaseHTTP/0.6\r\n\r\n"),
      Buffer.from("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"),
      pythonAnswer(Buffer.alloc(5000, "x"), "500 Internal Server Error"),
      pythonAnswer(Buffer.of(0xff, 0x41), "406 Not Acceptable"),
    ];
    const { at } = await raw((socket, { index }) => socket.end(answers[index] ?? ""));
    const { ask } = await createAsker();
    const refused = (status: number, text: string) => ({ kind: "refused", status, text });
    expect(await ask(at)).toEqual(refused(401, "Could not find x in address book"));
    expect(await ask(at)).toEqual(refused(400, ""));
    expect(await ask(at)).toEqual(refused(204, ""));
    expect(await ask(at)).toEqual(refused(500, "x".repeat(1024)));
    expect(await ask(at)).toEqual(refused(406, "\ufffdA"));
  });

  it("takes what is no DSN answer for that", async () => {
    const answers: Buffer[] = [
      // The reference answers so to an id with a slash.
      pythonAnswer(Buffer.from("No such file or directory"), "2 "),
      pythonAnswer(Buffer.from("File name too long"), "36 "),
      pythonAnswer(Buffer.from("<html>")),
      pythonAnswer(Buffer.alloc(0)),
      pythonAnswer(Buffer.of(MessageType.HELLO)),
      Buffer.from("SSH-2.0-OpenSSH_9.2\r\n"),
      Buffer.from(`HTTP/1.1 200 OK\r\nX: ${"x".repeat(9000)}\r\nContent-Length: 0\r\n\r\n`),
    ];
    const { at } = await raw((socket, { index }) => socket.end(answers[index] ?? ""));
    const { ask } = await createAsker();
    for (const _ of answers) expect(await ask(at)).toMatchObject(failed("not-dsn"));
  });

  it("takes no encoded answer", async () => {
    const { at } = await serve((_, res) => {
      res.setHeader("Content-Encoding", "gzip");
      res.end(gzipSync(Buffer.of(MessageType.DATA)));
    });
    expect(await (await createAsker()).ask(at)).toMatchObject(failed("not-dsn"));
  });

  it("takes a chunked answer", async () => {
    const { at } = await serve((_, res) => {
      res.write(Buffer.of(MessageType.DATA, 1));
      res.end(Buffer.of(2));
    });
    expect(await (await createAsker()).ask(at)).toMatchObject({ payload: Buffer.of(1, 2) });
  });

  it("cuts the name of a server to 64 characters", async () => {
    const { at } = await serve((_, res) => {
      res.setHeader("Server", "s".repeat(500));
      res.end(Buffer.of(MessageType.DATA));
    });
    expect(await (await createAsker()).ask(at)).toMatchObject({ server: "s".repeat(64) });
  });
});

describe("D26: redirects", () => {
  for (const status of [301, 302, 303, 307, 308]) {
    it(`${status} are not followed`, async () => {
      const visits: string[] = [];
      const target = await serve((req, res) => {
        visits.push(req.url ?? "");
        res.end();
      });
      const { at } = await serve((_, res) => {
        res.writeHead(status, { Location: `http://127.0.0.1:${target.at.port}/internal/admin` });
        res.end();
      });
      expect(await (await createAsker()).ask(at)).toMatchObject(failed("not-dsn"));
      expect(visits).toEqual([]);
    });
  }

  for (const address of ["127.0.0.1/internal?x=", "127.0.0.1:80", "a b", "x\r\nEvil: 1", "ü", ""]) {
    it(`${JSON.stringify(address)} is no address, and nobody is asked`, async () => {
      const visits: string[] = [];
      const { at } = await serve((req, res) => {
        visits.push(req.url ?? "");
        res.end();
      });
      const { ask } = await createAsker();
      expect(await ask({ address, port: at.port })).toMatchObject(failed("unreachable"));
      expect(visits).toEqual([]);
    });
  }

  for (const port of [-1, 0, 65_536, 1.5, Number.NaN]) {
    it(`${port} is no port`, async () => {
      const reply = await (await createAsker()).ask({ address: "127.0.0.1", port });
      expect(reply).toMatchObject(failed("unreachable"));
    });
  }
});

it("D27: proxies of the environment are ignored", async () => {
  let visits = 0;
  const proxy = await serve((_, res) => {
    visits++;
    res.end();
  });
  const url = `http://127.0.0.1:${proxy.at.port}`;
  for (const name of ["http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"]) {
    vi.stubEnv(name, url);
  }
  vi.stubEnv("NODE_USE_ENV_PROXY", "1");
  undo.push(() => vi.unstubAllEnvs());
  const { at } = await serve((req, res) => req.pipe(res));
  expect(await (await createAsker()).ask(at)).toMatchObject({ kind: "answer" });
  expect(visits).toBe(0);
});

describe("D29: time and size of answers", () => {
  it("a dripped body is cut when the total time is over", async () => {
    const { at } = await raw((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
      const drip = setInterval(() => socket.write("x"), 20);
      socket.once("close", () => clearInterval(drip));
    });
    const startedMs = performance.now();
    const reply = await (await createAsker()).ask(at, { timeoutMs: 300 });
    expect(reply).toMatchObject(failed("no-answer"));
    expect(performance.now() - startedMs).toBeLessThan(1500);
  });

  it("a dripped header is cut when the total time is over", async () => {
    const { at } = await raw((socket) => {
      socket.write("HTTP/1.1 200 OK\r\n");
      const drip = setInterval(() => socket.write("X: y\r\n"), 20);
      socket.once("close", () => clearInterval(drip));
    });
    const startedMs = performance.now();
    const reply = await (await createAsker()).ask(at, { timeoutMs: 300 });
    expect(reply).toMatchObject(failed("no-answer"));
    expect(performance.now() - startedMs).toBeLessThan(1500);
  });

  for (const [how, head] of [
    ["announced", `Content-Length: ${300 * MIB}`],
    ["in chunks", "Transfer-Encoding: chunked"],
    ["until the end", "Connection: close"],
  ] as const) {
    it(`D13: an answer of 300 MiB, ${how}, is cut`, async () => {
      let sent = 0;
      const { at } = await raw((socket) => {
        socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n`);
        const chunk = Buffer.alloc(64 * 1024, 5);
        const more = () => {
          while (sent < 300 * MIB && !socket.destroyed) {
            sent += chunk.length;
            if (how === "in chunks") socket.write("10000\r\n");
            const room = socket.write(chunk);
            if (how === "in chunks") socket.write("\r\n");
            if (!room) return;
          }
        };
        socket.on("drain", more);
        more();
      });
      const reply = await (await createAsker()).ask(at, { answerBytesMax: 1024 });
      expect(reply).toMatchObject(failed("too-large"));
      expect(sent).toBeLessThan(30 * MIB);
    });
  }

  it("answers of all peers together are limited, small ones never refused", async () => {
    const { at } = await serve((_, res) => res.end(Buffer.alloc(200_000, MessageType.DATA)));
    const { ask } = await createAsker({ unauthenticatedBytesMax: 100_000 });
    expect(await ask(at)).toMatchObject(failed("too-large"));
    const small = await serve((req, res) => req.pipe(res));
    expect(await ask(small.at, { answerBytesMax: 1000 })).toMatchObject({ kind: "answer" });
  });

  it("a server that closes midway has not answered", async () => {
    const { at } = await raw((socket) =>
      socket.end("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\x05"),
    );
    expect(await (await createAsker()).ask(at)).toMatchObject(failed("no-answer"));
  });
});

describe("HTTP client, connections", () => {
  it("are kept and used again", async () => {
    const { at, seen } = await raw((socket, { body }) => socket.write(keptAnswer(body)));
    const { ask } = await createAsker();
    for (let round = 0; round < 5; round++) expect(await ask(at)).toMatchObject({ kind: "answer" });
    expect(seen).toMatchObject({ connections: 1, requests: 5 });
  });

  it("are kept after a refusal too", async () => {
    const { at, seen } = await raw((socket) =>
      socket.write("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno"),
    );
    const { ask } = await createAsker();
    for (let round = 0; round < 5; round++) expect(await ask(at)).toMatchObject({ status: 401 });
    expect(seen.connections).toBe(1);
  });

  it("are 16 at most to one peer, and 2 when idle", async () => {
    const held: (() => void)[] = [];
    const { at, seen } = await raw((socket, { body }) =>
      held.push(() => socket.write(keptAnswer(body))),
    );
    const { ask } = await createAsker();
    const replies = Array.from({ length: 40 }, () => ask(at));
    await until(() => held.length === 16);
    expect(seen.connections).toBe(16);
    let answered = 0;
    while (answered < 40) {
      await until(() => held.length > 0);
      for (const answer of held.splice(0)) {
        answer();
        answered++;
      }
    }
    for (const reply of await Promise.all(replies)) expect(reply).toMatchObject({ kind: "answer" });
    await until(() => seen.sockets.filter(({ destroyed }) => !destroyed).length === 2);
  });

  it("let a PING pass when all 16 are busy", async () => {
    const { at } = await raw((socket, { head, body }) => {
      if (head.startsWith("POST /ping")) socket.write(keptAnswer(body));
    });
    const { ask, carrier } = await createAsker();
    for (let busy = 0; busy < 16; busy++) void ask(at);
    const ping = { type: MessageType.PING, payload: Buffer.of(0x20) };
    expect(await carrier.request(at, ping, OPTIONS)).toMatchObject({ kind: "answer" });
    const waiting = await ask(at, { timeoutMs: 100 });
    // It was never sent.
    expect(waiting).toMatchObject(failed("unreachable"));
  });

  it("that died while idle are replaced, once", async () => {
    const { at, seen } = await raw((socket, { body, index }) => {
      // The second request finds a connection that is closed at that moment.
      if (index === 1) socket.resetAndDestroy();
      else socket.write(keptAnswer(body));
    });
    const { ask } = await createAsker();
    expect(await ask(at)).toMatchObject({ kind: "answer" });
    expect(await ask(at)).toMatchObject({ kind: "answer" });
    expect(seen).toMatchObject({ connections: 2, requests: 3 });
  });

  it("that die again are not replaced again", async () => {
    const { at, seen } = await raw((socket, { body, index }) => {
      if (index > 0) socket.destroy();
      else socket.write(keptAnswer(body));
    });
    const { ask } = await createAsker();
    expect(await ask(at)).toMatchObject({ kind: "answer" });
    expect(await ask(at)).toMatchObject(failed("no-answer"));
    expect(seen).toMatchObject({ connections: 2, requests: 3 });
  });

  it("that are new and die are not replaced: the request may have been read", async () => {
    const { at, seen } = await raw((socket) => socket.destroy());
    expect(await (await createAsker()).ask(at)).toMatchObject(failed("no-answer"));
    expect(seen.connections).toBe(1);
  });

  it("that die with part of the answer sent are not replaced", async () => {
    const { at, seen } = await raw((socket, { body, index }) => {
      if (index === 0) socket.write(keptAnswer(body));
      else socket.end("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc");
    });
    const { ask } = await createAsker();
    expect(await ask(at)).toMatchObject({ kind: "answer" });
    expect(await ask(at)).toMatchObject(failed("no-answer"));
    expect(seen.requests).toBe(2);
  });

  it("to a peer that dies at work do not claim that nothing was delivered", async () => {
    const { at, seen, close } = await raw((socket, { body, index }) => {
      if (index === 0) socket.write(keptAnswer(body));
      else void close();
    });
    const { ask } = await createAsker();
    expect(await ask(at)).toMatchObject({ kind: "answer" });
    // The second try is refused, yet the first had been read.
    expect(await ask(at)).toMatchObject(failed("no-answer"));
    expect(seen.requests).toBe(2);
    expect(await ask(at)).toMatchObject(failed("unreachable"));
  });

  it("are closed by us when idle for long, which is no loss", async () => {
    const { at, seen } = await raw((socket, { body }) => socket.write(keptAnswer(body)));
    const { ask, lost } = await createAsker({ clientIdleMs: 100 });
    await ask(at);
    await until(() => seen.sockets.every(({ destroyed }) => destroyed));
    expect(lost).toEqual([]);
    expect(await ask(at)).toMatchObject({ kind: "answer" });
  });

  it("reach a host by name, whichever of its addresses listens", async () => {
    const { at } = await serve((req, res) => req.pipe(res));
    const reply = await (await createAsker()).ask({ address: "localhost", port: at.port });
    expect(reply).toMatchObject({ kind: "answer" });
    const nobody = await (await createAsker()).ask({ address: "localhost", port: 1 });
    expect(nobody).toMatchObject(failed("unreachable"));
  });

  it("to a name that does not exist are unreachable", async () => {
    const reply = await (await createAsker()).ask({ address: "no-such-host.invalid", port: 80 });
    expect(reply).toMatchObject(failed("unreachable"));
  });
});

describe("onConnectionLost()", () => {
  it("is called once when idle connections are closed by the other side", async () => {
    for (const how of ["end", "resetAndDestroy"] as const) {
      const { at, seen } = await raw((socket, { body }) => socket.write(keptAnswer(body)));
      const { ask, lost } = await createAsker();
      await Promise.all([ask(at), ask(at), ask(at)]);
      for (const socket of seen.sockets) socket[how]();
      await until(() => lost.length > 0);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(lost).toEqual([at]);
    }
  });

  it("is called once for connections that are closed one after the other", async () => {
    const held: (() => void)[] = [];
    const { at, seen } = await raw((socket, { body }) =>
      held.push(() => socket.write(keptAnswer(body))),
    );
    const { ask, lost } = await createAsker();
    const replies = [ask(at), ask(at)];
    await until(() => held.length === 2);
    held[0]?.();
    await Promise.race(replies);
    seen.sockets[0]?.end();
    await until(() => lost.length === 1);
    // The other is in use; it becomes idle and is closed a moment later.
    held[1]?.();
    await Promise.all(replies);
    seen.sockets[1]?.end();
    await until(() => seen.sockets.every(({ destroyed }) => destroyed));
    expect(lost).toEqual([at]);
    // Later is another loss.
    await new Promise((resolve) => setTimeout(resolve, 150));
    const again = ask(at);
    await until(() => held.length === 3);
    held[2]?.();
    await again;
    seen.sockets[2]?.end();
    await until(() => lost.length === 2);
  });

  it("leaves no other idle connection to that peer, which would be as dead", async () => {
    const { at, seen } = await raw((socket, { body }) => socket.write(keptAnswer(body)));
    const { ask, lost } = await createAsker();
    await Promise.all([ask(at), ask(at)]);
    expect(seen.connections).toBe(2);
    seen.sockets[0]?.end();
    await until(() => lost.length === 1);
    await until(() => seen.sockets.every(({ destroyed }) => destroyed));
    expect(await ask(at)).toMatchObject({ kind: "answer" });
    expect(seen.connections).toBe(3);
  });

  it("is not called when a connection in use breaks: its request fails instead", async () => {
    const { at } = await raw((socket, { index, body }) => {
      if (index === 0) socket.write(keptAnswer(body));
      else socket.resetAndDestroy();
    });
    const { ask, lost } = await createAsker();
    await ask(at);
    expect(await ask(at)).toMatchObject(failed("no-answer"));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(lost).toEqual([]);
  });

  it("is called within milliseconds of the death of a process", async () => {
    const program = `
      require("node:http").createServer({ keepAliveTimeout: 60000 }, (req, res) => req.pipe(res))
        .listen(0, "127.0.0.1", function () { console.log(this.address().port); });`;
    const child = spawn(process.execPath, ["-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    undo.push(() => child.kill("SIGKILL"));
    const port = await new Promise<number>((resolve) => {
      child.stdout.once("data", (line) => resolve(Number(line)));
    });
    const at = { address: "127.0.0.1", port };
    const { ask, lost } = await createAsker();
    await Promise.all([ask(at), ask(at)]);
    const startedMs = performance.now();
    child.kill("SIGKILL");
    await until(() => lost.length > 0);
    expect(performance.now() - startedMs).toBeLessThan(1000);
    expect(lost).toEqual([at]);
    // Until it is gone for good, its queue of connections still takes one.
    await until(() => child.signalCode !== null);
    expect(await ask(at)).toMatchObject(failed("unreachable"));
  });
});
