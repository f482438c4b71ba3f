/** What a server can answer to hold, fill or mislead whoever asks it. */
import type { Socket } from "node:net";
import { deflateRawSync, gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { createPlainSeal } from "../../src/crypto/aes-cbc-seal.ts";
import type { Reply } from "../../src/transport/carrier.ts";
import { createHttpCarrier, type HttpCarrier } from "../../src/transport/http-carrier.ts";
import { MessageType } from "../../src/wire/message-type.ts";
import { bytes, data } from "../contract/carrier.ts";
import { eventually } from "../helpers/eventually.ts";
import { it as netIt } from "../helpers/network.ts";
import { onRequests, serveRaw } from "../helpers/raw-http.ts";

const MIB = 1024 * 1024;
const undo: (() => unknown)[] = [];

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** Asks a server that answers with these bytes, or as it is told. */
async function ask(
  answer: string | Buffer | ((socket: Socket) => void),
  timeoutMs = 20_000,
): Promise<Reply> {
  const { at, close } = await serveRaw((socket) => {
    onRequests(socket, () => {
      if (typeof answer === "function") answer(socket);
      else socket.write(answer);
    });
  });
  undo.push(close);
  const carrier: HttpCarrier = createHttpCarrier({ seal: createPlainSeal() });
  undo.push(() => carrier.close());
  return carrier.request(at, data(bytes(10)), { timeoutMs, answerBytesMax: MIB });
}

/** Writes `piece` for as long as anybody listens; returns how many bytes were taken. */
function pour(socket: Socket, piece: string): { bytes: number } {
  const taken = { bytes: 0 };
  const chunk = piece.repeat(Math.ceil(16_384 / piece.length));
  const next = () => {
    if (socket.destroyed) return;
    taken.bytes += chunk.length;
    if (socket.write(chunk)) setImmediate(next);
    else socket.once("drain", next);
  };
  next();
  return taken;
}

const GOOD = `HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${String.fromCharCode(MessageType.DATA)}`;
const failed = (reason: string) => ({ kind: "failed", reason });

describe("Answers without end", () => {
  const ENDLESS: Readonly<Record<string, readonly [start: string, piece: string]>> = {
    "of a header": ["HTTP/1.1 200 OK\r\n", "X-More: aaaaaaaaaaaaaaaa\r\n"],
    "of a status line": ["HTTP/1.1 200 ", "OK "],
    "of trailers": [
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n\u0005\r\n0\r\n",
      "X-More: aaaaaaaaaaaaaaaa\r\n",
    ],
    "of an extension of a chunk": [
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1",
      ";more=aaaaaaaaaaaaaaaa",
    ],
    "of empty text": ["HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n", " "],
  };

  for (const [what, [start, piece]] of Object.entries(ENDLESS)) {
    it(`(${what}) are given up early`, async () => {
      let taken = { bytes: 0 };
      const reply = await ask((socket) => {
        socket.write(start);
        taken = pour(socket, piece);
      });
      expect(reply.kind).toBe("failed");
      expect(JSON.stringify(reply)).not.toContain("within");
      expect(taken.bytes).toBeLessThan(16 * MIB);
    });
  }

  it("(of provisional ones) are given up when the time is over", async () => {
    const before = process.memoryUsage().rss;
    const reply = await ask((socket) => void pour(socket, "HTTP/1.1 103 Early Hints\r\n\r\n"), 500);
    expect(reply).toMatchObject({ kind: "failed" });
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * MIB);
  });
});

describe("Answers of another kind", () => {
  it("in an encoding are not unpacked, whatever their status", async () => {
    const zeros = Buffer.alloc(64 * MIB);
    zeros[0] = MessageType.DATA;
    const before = process.memoryUsage().rss;
    for (const [encoding, packed] of [
      ["gzip", gzipSync(zeros)],
      ["deflate", deflateRawSync(zeros)],
      ["GZIP", gzipSync(zeros)],
      ["identity, gzip", gzipSync(zeros)],
    ] as const) {
      for (const status of ["200 OK", "401 Unauthorized"]) {
        const head = `HTTP/1.1 ${status}\r\nContent-Encoding: ${encoding}\r\nContent-Length: ${packed.length}\r\n\r\n`;
        const reply = await ask(Buffer.concat([Buffer.from(head), packed]));
        expect(reply).toMatchObject(failed("not-dsn"));
      }
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * MIB);
  });

  const ODD: Readonly<Record<string, string>> = {
    "a switch of protocols":
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
    "a switch of protocols, unasked": "HTTP/1.1 101 Switching Protocols\r\n\r\nwhatever",
    "a length and chunks":
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n\u0005\r\n0\r\n\r\n",
    "two lengths": "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n\u0005a",
    "a negative length": "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n\u0005",
    "another protocol": "ICY 200 OK\r\n\r\n\u0005",
    "no status": "HTTP/1.1 OK\r\n\r\n\u0005",
    "a request": "POST /data HTTP/1.1\r\nContent-Length: 1\r\n\r\n\u0005",
    nothing: "\r\n\r\n\r\n\r\n",
  };

  for (const [what, answer] of Object.entries(ODD)) {
    it(`(${what}) are none`, async () => {
      const reply = await ask((socket) => socket.end(answer));
      expect(reply.kind).not.toBe("answer");
    });
  }

  it("that were not asked for break their own connection and nothing else", async () => {
    const carrier = createHttpCarrier({ seal: createPlainSeal() });
    undo.push(() => carrier.close());
    const { at, close } = await serveRaw((socket) =>
      onRequests(socket, () => socket.write(GOOD + GOOD + GOOD)),
    );
    undo.push(close);
    for (let round = 0; round < 5; round++) {
      const reply = await carrier.request(at, data(bytes(1)), {
        timeoutMs: 20_000,
        answerBytesMax: MIB,
      });
      expect(["answer", "failed"]).toContain(reply.kind);
    }
  });
});

netIt("A node whose bootstrap node answers nonsense joins through another", async ({ net }) => {
  const { at, close } = await serveRaw((socket) => {
    onRequests(socket, () => pour(socket, "HTTP/1.1 100 Continue\r\n\r\n"));
  });
  net.atEnd(close);
  const a = await net.ours({ nodeId: "a" });
  const nonsense = `${at.address}:${at.port}`;
  const b = await net.ours({ nodeId: "b", bootstrapNodes: [nonsense, a.address] });
  await eventually(() => expect(b.server.peers()).toEqual(["b", "a"]));
});

netIt("What a server says in a header is told without its control characters", async ({ net }) => {
  const { at, close } = await serveRaw((socket) => {
    const answer = "HTTP/1.1 200 OK\r\nContent-Encoding: x\x9b31m\r\nContent-Length: 1\r\n\r\nx";
    onRequests(socket, () => socket.write(Buffer.from(answer, "latin1")));
  });
  undo.push(close);
  const { warnings } = await net.ours({
    nodeId: "b",
    bootstrapNodes: [`${at.address}:${at.port}`],
  });
  await eventually(() => expect(warnings).not.toEqual([]));
  const told = warnings.flatMap(({ error }) => [error, ...error.causes]).map(({ why }) => why);
  expect(told.join()).toContain("in the encoding");
  expect(told.join()).not.toMatch(/\p{Cc}/u);
});
