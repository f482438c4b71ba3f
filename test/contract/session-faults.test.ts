/** Two carriers with a proxy between them that does what networks do. */
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { Address, Reply } from "../../src/transport/carrier.ts";
import { NativeType } from "../../src/wire/native-type.ts";
import { eventually } from "../helpers/eventually.ts";
import { bytes, until } from "./carrier.ts";
import { SessionNode } from "./session-nodes.ts";

const KEY = new Uint8Array(16).fill(1);
const LIMITS = { handshakeMsMax: 1_500, silenceMsMax: 300, drainMsMax: 500 };

/** What happens to the bytes of one direction; by default they pass. */
interface Way {
  /** Silently nothing passes any more. */
  stuck: boolean;
  /** One byte at a time, every 50 ms. */
  drips: boolean;
  /** Called with each chunk; what it returns passes. */
  change: (chunk: Buffer) => Buffer;
}

class FaultProxy {
  readonly up: Way = { stuck: false, drips: false, change: (chunk) => chunk };
  readonly down: Way = { stuck: false, drips: false, change: (chunk) => chunk };
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #bytesUp = 0;
  at: Address = { address: "", port: 0 };

  constructor(to: Address) {
    this.#server = createServer((near) => {
      const far = connect({ host: to.address, port: to.port, noDelay: true });
      this.#pass(near, far, this.up);
      this.#pass(far, near, this.down);
      near.on("data", (chunk) => {
        this.#bytesUp += chunk.length;
      });
    });
  }

  get connections(): number {
    return this.#sockets.size / 2;
  }

  get bytesUp(): number {
    return this.#bytesUp;
  }

  async listen(): Promise<Address> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const bound = this.#server.address();
    if (typeof bound !== "object" || bound === null) throw new Error("not bound");
    this.at = { address: "127.0.0.1", port: bound.port };
    return this.at;
  }

  /** Ends all connections there are. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Bytes that nobody sent, to whoever dialled. */
  inject(garbage: Buffer): void {
    for (const socket of this.#sockets)
      if (socket.localPort === this.at.port) socket.write(garbage);
  }

  heal(): void {
    for (const way of [this.up, this.down]) {
      way.stuck = false;
      way.drips = false;
      way.change = (chunk) => chunk;
    }
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #pass(from: Socket, to: Socket, way: Way): void {
    this.#sockets.add(from);
    const drip: Buffer[] = [];
    let timer: NodeJS.Timeout | undefined;
    from.on("data", (chunk: Buffer) => {
      if (way.stuck) return;
      const changed = way.change(chunk);
      if (!way.drips) {
        to.write(changed);
        return;
      }
      drip.push(changed);
      timer ??= setInterval(() => {
        const rest = Buffer.concat(drip.splice(0));
        if (rest.length === 0) return;
        to.write(rest.subarray(0, 1));
        drip.push(rest.subarray(1));
      }, 50);
    });
    from.on("error", () => undefined);
    from.once("close", () => {
      clearInterval(timer);
      this.#sockets.delete(from);
      // A way that is stuck brings no end either.
      if (!way.stuck) to.destroy();
    });
  }
}

interface Between {
  readonly asker: SessionNode;
  readonly answerer: SessionNode;
  readonly proxy: FaultProxy;
  readonly lost: string[];
  ask(length?: number, timeoutMs?: number): Promise<Reply>;
}

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function between(): Promise<Between> {
  const lost: string[] = [];
  const [asker, answerer] = [1, 2].map(() => new SessionNode({ networkKey: KEY, limits: LIMITS }));
  if (asker === undefined || answerer === undefined) throw new Error("no nodes");
  const local = { address: "127.0.0.1", port: 0 };
  await asker.listen(local, {
    onRequest: () => undefined,
    onSessionLost: ({ nodeId }) => lost.push(nodeId),
  });
  await answerer.listen(local, {
    onRequest: ({ payload }, respond) => respond({ kind: "answer", payload }),
  });
  const proxy = new FaultProxy(answerer.at);
  await proxy.listen();
  closers.push(async () => {
    await Promise.all([asker.close(), answerer.close()]);
    await proxy.close();
  });
  const ask = (length = 100, timeoutMs = 20_000) =>
    asker.session.request(
      { ...proxy.at, peer: answerer.identity },
      { type: NativeType.BYTES, payload: bytes(length) },
      { timeoutMs, answerBytesMax: 64 * 1024 * 1024 },
    );
  return { asker, answerer, proxy, lost, ask };
}

/** A request works again, on one session, and nothing is left of what was. */
async function expectRecovery({ asker, answerer, proxy, ask }: Between): Promise<void> {
  proxy.heal();
  await eventually(async () => {
    expect(await ask(100, 2_000)).toMatchObject({ kind: "answer" });
  });
  expect(await ask(300_000)).toMatchObject({ kind: "answer" });
  const clean = { sessions: 1, dials: 0, handshakes: 0, lingering: 0, deadlines: 0 };
  await eventually(() => {
    for (const { session } of [asker, answerer]) {
      expect(session.load).toMatchObject({ ...clean, incomingBytes: 0, waitingBytes: 0 });
    }
    expect(proxy.connections).toBe(1);
  });
}

async function inTime(reply: Promise<Reply>, msMax: number): Promise<Reply> {
  const startedMs = performance.now();
  const told = await reply;
  expect(performance.now() - startedMs).toBeLessThan(msMax);
  return told;
}

describe("A session through a network that", () => {
  it("stops passing bytes: requests end in time, and a new session takes over", async () => {
    const all = await between();
    const { proxy, ask, lost } = all;
    expect(await ask()).toMatchObject({ kind: "answer" });
    proxy.up.stuck = true;
    proxy.down.stuck = true;
    const replies = await Promise.all([
      inTime(ask(100, 400), 5_000),
      inTime(ask(2_000_000, 500), 5_000),
    ]);
    expect(replies[0]).toMatchObject({ kind: "failed", reason: "no-answer" });
    expect(replies[1]).toMatchObject({ kind: "failed" });
    // Doubted by now, so a new one is dialled, into the same silence.
    expect(await inTime(ask(100, 400), 5_000)).toMatchObject({ reason: "unreachable" });
    expect(lost).toEqual([]);
    await expectRecovery(all);
  });

  it("brings a byte every 50 ms: no session comes of it", async () => {
    const all = await between();
    all.proxy.down.drips = true;
    expect(await inTime(all.ask(100, 20_000), 8_000)).toMatchObject({ reason: "unreachable" });
    expect(await inTime(all.ask(100, 300), 3_000)).toMatchObject({ reason: "unreachable" });
    all.proxy.cut();
    await expectRecovery(all);
  });

  it("begins to drip: what is in flight ends in time", async () => {
    const all = await between();
    await all.ask();
    all.proxy.up.drips = true;
    all.proxy.down.drips = true;
    const reply = await inTime(all.ask(5_000, 600), 5_000);
    expect(reply).toMatchObject({ kind: "failed", reason: "no-answer" });
    all.proxy.cut();
    await expectRecovery(all);
  });

  it("cuts in the middle of a frame: no answer to what was sent, and one loss", async () => {
    const all = await between();
    const { proxy, answerer, ask, lost } = all;
    await ask();
    const before = proxy.bytesUp;
    proxy.down.stuck = true;
    const small = ask(100);
    const large = ask(30_000_000);
    await until(() => proxy.bytesUp > before + 60_000);
    proxy.cut();
    expect(await small).toMatchObject({ kind: "failed", reason: "no-answer" });
    // It was not sent in whole, so it is tried again on a new session.
    proxy.heal();
    expect(await large).toMatchObject({ kind: "answer" });
    expect(lost).toEqual([answerer.identity.nodeId]);
    await expectRecovery(all);
  });

  it("sends garbage in place of the answer to the Upgrade: not DSN", async () => {
    const all = await between();
    all.proxy.down.change = () => Buffer.from("SSH-2.0-OpenSSH_9.6\r\n");
    expect(await inTime(all.ask(), 5_000)).toMatchObject({ kind: "failed", reason: "not-dsn" });
    await expectRecovery(all);
  });

  it("sends garbage in place of TLS: not DSN", async () => {
    const all = await between();
    let chunks = 0;
    all.proxy.down.change = (chunk) => (++chunks === 1 ? chunk : Buffer.alloc(chunk.length, 0x41));
    expect(await inTime(all.ask(), 5_000)).toMatchObject({ kind: "failed", reason: "not-dsn" });
    await expectRecovery(all);
  });

  for (const way of ["up", "down"] as const) {
    it(`flips bits of a live session on the way ${way}: it ends, and a new one begins`, async () => {
      const all = await between();
      await all.ask();
      all.proxy[way].change = (chunk) => {
        const flipped = Buffer.from(chunk);
        flipped[flipped.length - 1] = (flipped[flipped.length - 1] ?? 0) ^ 1;
        return flipped;
      };
      expect(await inTime(all.ask(), 5_000)).toMatchObject({ kind: "failed", reason: "no-answer" });
      expect(all.lost).toEqual([all.answerer.identity.nodeId]);
      await expectRecovery(all);
    });
  }

  it("puts garbage into a live session: it ends, and a new one begins", async () => {
    const all = await between();
    await all.ask();
    all.proxy.inject(Buffer.alloc(1000, 0x17));
    await until(() => all.asker.session.load.sessions === 0);
    expect(all.lost).toEqual([all.answerer.identity.nodeId]);
    await expectRecovery(all);
  });

  it("strips the Upgrade header: not DSN, with the status as evidence", async () => {
    const all = await between();
    all.proxy.up.change = (chunk) =>
      Buffer.from(
        chunk.toString("latin1").replace(/Connection: Upgrade\r\nUpgrade: dsn-session\r\n/, ""),
        "latin1",
      );
    expect(await inTime(all.ask(), 5_000)).toEqual({
      kind: "failed",
      reason: "not-dsn",
      detail: "HTTP 501 in place of a session",
    });
    await expectRecovery(all);
  });

  const statuses = [
    [404, "not-dsn"],
    [400, "not-dsn"],
    [426, "not-dsn"],
    [302, "not-dsn"],
    [502, "unreachable"],
    [503, "unreachable"],
  ] as const;
  for (const [status, reason] of statuses) {
    it(`answers the Upgrade with ${status}: ${reason}`, async () => {
      const all = await between();
      all.proxy.down.change = () =>
        Buffer.from(`HTTP/1.1 ${status} So\r\nContent-Length: 5\r\n\r\nhello`);
      const reply = await inTime(all.ask(), 5_000);
      expect(reply).toMatchObject({ kind: "failed", reason });
      expect(reply).toMatchObject({ detail: expect.stringContaining(`HTTP ${status}`) });
      await expectRecovery(all);
    });
  }

  it("answers nothing at all: unreachable within the time of a handshake", async () => {
    const all = await between();
    all.proxy.down.stuck = true;
    const reply = await inTime(all.ask(), 6_000);
    expect(reply).toMatchObject({ kind: "failed", reason: "unreachable" });
    all.proxy.cut();
    await expectRecovery(all);
  });

  it("breaks again and again: every request has one reply", async () => {
    const all = await between();
    const { proxy, ask } = all;
    let replies = 0;
    const asked: Promise<void>[] = [];
    for (let round = 0; round < 20; round++) {
      for (const length of [10, 20_000, 500_000]) {
        asked.push(
          ask(length, 5_000).then((reply) => {
            replies++;
            if (reply.kind === "failed") expect(reply.reason).toMatch(/no-answer|unreachable/);
            else expect(reply.kind).toBe("answer");
          }),
        );
      }
      await new Promise((resolve) => setTimeout(resolve, (round * 7) % 25));
      proxy.cut();
    }
    await Promise.all(asked);
    expect(replies).toBe(60);
    await expectRecovery(all);
  });
});
