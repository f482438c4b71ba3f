/** A socket in a worker thread: what comes of one that does not start, or ends. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { DsnError } from "../../../src/errors.ts";
import { DEFAULT_UDP_LIMITS } from "../../../src/transport/limits.ts";
import { LoopBeat } from "../../../src/transport/loop-beat.ts";
import { UdpCarrier } from "../../../src/transport/udp-carrier.ts";
import { ASSOCIATION_BYTES, encodeSealedHead } from "../../../src/transport/udp-datagram.ts";
import type { UdpPath } from "../../../src/transport/udp-path.ts";
import { createThreadOpener } from "../../../src/transport/udp-thread.ts";
import type { FromWorker, ThreadSetup } from "../../../src/transport/udp-thread-messages.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { decodeBusy, PING_REQUEST } from "../../../src/wire/ping.ts";
import { eventually } from "../../helpers/eventually.ts";
import { freePort } from "../../helpers/ports.ts";
import { openThreads } from "../../helpers/threads.ts";

const KEY = new Uint8Array(16).fill(1);
const HOST = "127.0.0.1";
const PING = { type: MessageType.PING, payload: PING_REQUEST };
const OPTIONS = { timeoutMs: 2_000, answerBytesMax: 1_000 };
const EMPTY = { kind: "answer", payload: new Uint8Array() } as const;

let folder = "";
const open: UdpCarrier[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dsn-worker-"));
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((carrier) => carrier.close()));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function carrierOn(openSocket?: ReturnType<typeof openThreads>): UdpCarrier {
  const carrier = new UdpCarrier({ networkKey: KEY, open: openSocket });
  open.push(carrier);
  return carrier;
}

/** Which runs other code in its worker. */
function odd(name: string, code: string): { carrier: UdpCarrier; lost: DsnError[] } {
  const file = join(folder, `${name}.mjs`);
  writeFileSync(file, code);
  const lost: DsnError[] = [];
  const script = pathToFileURL(file);
  const opener = createThreadOpener({ networkKey: KEY, onLost: (one) => lost.push(one), script });
  return { carrier: carrierOn(opener), lost };
}

async function askerOf(port: number): Promise<UdpPath> {
  const asker = carrierOn();
  await asker.listen({ address: HOST, port: 0 }, { onRequest: () => undefined });
  const path = asker.open({ address: HOST, port });
  await eventually(() => {
    path.invite();
    expect(path.takes(0)).toBe(true);
  });
  return path;
}

function ping(path: UdpPath): Promise<Parameters<Parameters<UdpPath["ask"]>[2]>[0]> {
  return new Promise((resolve) => path.ask(PING, OPTIONS, resolve));
}

describe("A UDP socket in a worker thread", () => {
  it("says what a busy feature is, and answers a PING that nobody else answers", async () => {
    const carrier = carrierOn(openThreads(KEY));
    const { port } = await carrier.listen(
      { address: HOST, port: 0 },
      { onRequest: () => undefined },
    );
    expect(carrier.features).toEqual(["udp", "busy"]);
    const reply = await ping(await askerOf(port));
    if (reply.kind !== "answer") throw new Error(`the reply is ${reply.kind}`);
    // The main loop turns, and only does not answer: it was seen lately.
    expect(decodeBusy(reply.payload)).toBeLessThan(1_000);
  });

  it("is refused a port that another process has, as a socket in this thread is", async () => {
    const port = await freePort();
    await carrierOn().listen({ address: HOST, port }, { onRequest: () => undefined });
    const second = carrierOn(openThreads(KEY));
    await expect(
      second.listen({ address: HOST, port }, { onRequest: () => undefined }),
    ).rejects.toMatchObject({
      code: "DSN_UDP_UNAVAILABLE",
      why: expect.stringContaining("another"),
    });
  });

  for (const [name, code] of [
    ["throws", 'throw new Error("a broken worker")'],
    ["ends", ""],
  ] as const) {
    it(`whose worker ${name} at once is one in this thread, which is told`, async () => {
      const { carrier, lost } = odd(name, code);
      const listener = {
        onRequest: (_: unknown, respond: (o: typeof EMPTY) => void) => respond(EMPTY),
      };
      const { port } = await carrier.listen({ address: HOST, port: 0 }, listener);
      expect(lost.map(({ code }) => code)).toEqual(["DSN_WORKER_LOST"]);
      expect(carrier.features).toEqual(["udp"]);
      expect(await ping(await askerOf(port))).toMatchObject({
        kind: "answer",
        payload: { length: 0 },
      });
    });
  }

  it("whose worker crashes later is replaced on the same port, and told once", async () => {
    const real = new URL("../../../dist/transport/udp-worker.js", import.meta.url).href;
    const code = `import "${real}"; setTimeout(() => { throw new Error("later"); }, 300);`;
    const { carrier, lost } = odd("crashes", code);
    const listener = {
      onRequest: (_: unknown, respond: (o: typeof EMPTY) => void) => respond(EMPTY),
    };
    const { port } = await carrier.listen({ address: HOST, port: 0 }, listener);
    await eventually(() => expect(lost).toHaveLength(1));
    expect(lost[0]).toMatchObject({
      code: "DSN_WORKER_LOST",
      why: expect.stringContaining("later"),
    });
    expect(await ping(await askerOf(port))).toMatchObject({
      kind: "answer",
      payload: { length: 0 },
    });
    expect(lost).toHaveLength(1);
  });

  it("closes its port, also when it is closed before it is bound", async () => {
    for (const bound of [true, false]) {
      const port = await freePort();
      const carrier = carrierOn(openThreads(KEY));
      const listening = carrier.listen({ address: HOST, port }, { onRequest: () => undefined });
      if (bound) await listening;
      await Promise.all([carrier.close(), listening.catch(() => undefined)]);
      await carrierOn().listen({ address: HOST, port }, { onRequest: () => undefined });
    }
  });
});

describe("What waits at a main loop that does not turn", () => {
  it("is bounded: the worker drops what comes then, and passes on again once that is taken", async () => {
    const { worker, beat, port, told } = await openWorker();
    const socket = createSocket("udp4");
    const flood = async (count: number) => {
      for (let index = 0; index < count; index += 1) {
        await new Promise((sent) => socket.send(answerOf(index), port, HOST, sent));
      }
    };
    try {
      await flood(3 * WAITING_MAX);
      // Whatever the system itself lost: what comes now is there to be dropped.
      await eventually(async () => {
        await flood(50);
        expect(told).toHaveLength(WAITING_MAX);
      });
      await flood(200);
      for (let taken = 0; taken < 10; taken += 1) beat.take();
      await eventually(async () => {
        await flood(1);
        expect(told).toHaveLength(WAITING_MAX + 10);
      });
      // What came first is kept, what came later is lost, as datagrams may be.
      const [first] = told;
      if (first?.kind !== "datagram") throw new Error(`told of a ${first?.kind}`);
      expect(Buffer.compare(first.bytes, answerOf(0))).toBe(0);
    } finally {
      socket.close();
      worker.postMessage({ kind: "close" });
      await once(worker, "exit");
    }
  });
});

/** As the worker has it. */
const WAITING_MAX = 1_024;

/** A real worker, whose main loop a test plays. */
async function openWorker() {
  const beat = new LoopBeat();
  const setup: ThreadSetup = {
    at: { address: HOST, port: 0 },
    networkKey: KEY,
    limits: DEFAULT_UDP_LIMITS,
    beat: beat.memory,
  };
  const script = new URL("../../../dist/transport/udp-worker.js", import.meta.url);
  const worker = new Worker(script, { workerData: setup });
  const told: FromWorker[] = [];
  const port = await new Promise<number>((bound) => {
    worker.on("message", (message: FromWorker) => {
      if (message.kind === "bound") bound(message.at.port);
      else told.push(message);
    });
  });
  return { worker, beat, port, told };
}

/** An ANSWER by its head: the worker passes it on unopened. */
function answerOf(counter: number): Uint8Array {
  const head = encodeSealedHead("answer", new Uint8Array(ASSOCIATION_BYTES), counter);
  return Buffer.concat([head, new Uint8Array(100)]);
}
