import { afterEach, describe, expect, it, vi } from "vitest";
import { createPlainSeal } from "../../../src/crypto/aes-cbc-seal.ts";
import type { Seal } from "../../../src/crypto/seal.ts";
import type { DsnError } from "../../../src/errors.ts";
import type { Reply } from "../../../src/transport/carrier.ts";
import { createHttpCarrier, type HttpCarrierOptions } from "../../../src/transport/http-carrier.ts";
import { bytes, data, echo, until } from "../../contract/carrier.ts";

const OPTIONS = { timeoutMs: 5000, answerBytesMax: 100_000 };
const carriers: { close(): Promise<void> }[] = [];

afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(carriers.splice(0).map((carrier) => carrier.close()));
});

function create(options: Partial<HttpCarrierOptions> = {}) {
  const carrier = createHttpCarrier({ seal: createPlainSeal(), ...options });
  carriers.push(carrier);
  return carrier;
}

function systemError(code: string): Error {
  return Object.assign(new Error(`listen ${code}`), { code });
}

describe("HttpCarrier.listen()", () => {
  it("on :: answers IPv4 and IPv6, and names IPv4 senders in their own form", async () => {
    const from: string[] = [];
    const { port } = await create().listen(
      { address: "::", port: 0 },
      {
        onRequest: (request, respond) => {
          from.push(request.from);
          echo(request, respond);
        },
      },
    );
    for (const address of ["127.0.0.1", "::1"]) {
      const reply = await create().request({ address, port }, data(bytes(3)), OPTIONS);
      expect(reply).toMatchObject({ kind: "answer" });
    }
    expect(from).toEqual(["127.0.0.1", "::1"]);
  });

  for (const code of ["EAFNOSUPPORT", "EADDRNOTAVAIL"]) {
    it(`on :: takes 0.0.0.0 where the machine has no IPv6 (${code})`, async () => {
      const carrier = create();
      vi.spyOn(carrier.httpServer, "listen").mockImplementationOnce(() => {
        queueMicrotask(() => carrier.httpServer.emit("error", systemError(code)));
        return carrier.httpServer;
      });
      const at = await carrier.listen({ address: "::", port: 0 }, { onRequest: echo });
      expect(at.address).toBe("0.0.0.0");
      const to = { ...at, address: "127.0.0.1" };
      expect(await create().request(to, data(bytes(3)), OPTIONS)).toMatchObject({ kind: "answer" });
    });
  }

  it("on :: rejects a port that is in use on IPv4 alone", async () => {
    const { port } = await create().listen({ address: "0.0.0.0", port: 0 }, { onRequest: echo });
    const listening = create().listen({ address: "::", port }, { onRequest: echo });
    await expect(listening).rejects.toMatchObject({ code: "DSN_PORT_IN_USE" });
  });

  it("rejects with what happened, why, and what to do", async () => {
    const at = await create().listen({ address: "127.0.0.1", port: 0 }, { onRequest: echo });
    const error = await create()
      .listen(at, { onRequest: echo })
      .catch((error: DsnError) => error);
    expect(error).toMatchObject({
      code: "DSN_PORT_IN_USE",
      message: `Port ${at.port} is in use, so the node did not start`,
      why: `another process listens on 127.0.0.1:${at.port}`,
      endpoint: `127.0.0.1:${at.port}`,
      cause: { code: "EADDRINUSE" },
    });
    expect((error as DsnError).fix.length).toBeGreaterThan(0);
  });

  it("rejects an address that is not this machine's, and a name without address", async () => {
    for (const address of ["203.0.113.1", "no-such-host.invalid"]) {
      const error = await create()
        .listen({ address, port: 0 }, { onRequest: echo })
        .catch((error: DsnError) => error);
      expect(error).toMatchObject({
        code: "DSN_CANNOT_LISTEN",
        message: `Cannot listen on ${address}:0`,
        why: expect.any(String),
      });
      expect((error as DsnError).fix.length).toBeGreaterThan(0);
    }
  });

  it("rejects a port that is none", async () => {
    const listening = create().listen({ address: "127.0.0.1", port: 70_000 }, { onRequest: echo });
    await expect(listening).rejects.toMatchObject({ code: "DSN_CANNOT_LISTEN" });
  });

  it("rejects after close", async () => {
    const carrier = create();
    await carrier.close();
    const listening = carrier.listen({ address: "127.0.0.1", port: 0 }, { onRequest: echo });
    await expect(listening).rejects.toMatchObject({ code: "DSN_CANNOT_LISTEN" });
  });
});

describe("HttpCarrier.close()", () => {
  it("D20: right after listen() leaves nothing listening", async () => {
    for (let round = 0; round < 20; round++) {
      const carrier = create();
      const listening = carrier.listen({ address: "127.0.0.1", port: 0 }, { onRequest: echo });
      await carrier.close();
      const at = await listening.catch(() => undefined);
      expect(carrier.httpServer.listening).toBe(false);
      if (at === undefined) continue;
      const reply = await create().request(at, data(bytes(1)), OPTIONS);
      expect(reply).toMatchObject({ kind: "failed", reason: "unreachable" });
    }
  });

  it("lets an answer that is on its way finish", async () => {
    let started = false;
    const carrier = create();
    const at = await carrier.listen(
      { address: "127.0.0.1", port: 0 },
      {
        onRequest: (request, respond) => {
          started = true;
          setTimeout(() => echo(request, respond), 60);
        },
      },
    );
    const reply = create().request(at, data(bytes(5)), OPTIONS);
    await until(() => started);
    await carrier.close();
    expect(await reply).toMatchObject({ kind: "answer" });
  });

  it("waits no longer than a quarter of a second for answers, and not at all without any", async () => {
    let started = false;
    const carrier = create();
    const at = await carrier.listen(
      { address: "127.0.0.1", port: 0 },
      {
        onRequest: () => {
          started = true;
        },
      },
    );
    void create().request(at, data(bytes(5)), OPTIONS);
    await until(() => started);
    const startedMs = performance.now();
    await carrier.close();
    expect(performance.now() - startedMs).toBeGreaterThan(240);
    expect(performance.now() - startedMs).toBeLessThan(1500);
    const idle = create();
    await idle.listen({ address: "127.0.0.1", port: 0 }, { onRequest: echo });
    const idleMs = performance.now();
    await idle.close();
    expect(performance.now() - idleMs).toBeLessThan(200);
  });

  it("ends requests that were still being sealed", async () => {
    const seal: Seal = { ...createPlainSeal(), seal: () => new Promise(() => {}) };
    const carrier = create({ seal });
    const reply = carrier.request({ address: "127.0.0.1", port: 1 }, data(bytes(5)), OPTIONS);
    await carrier.close();
    expect(await reply).toMatchObject({ kind: "failed", reason: "closed" });
  });

  it("leaves no socket, server or timer behind", async () => {
    const handles = () =>
      process.getActiveResourcesInfo().filter((name) => /TCP|Timeout/.test(name)).length;
    await until(() => !process.getActiveResourcesInfo().some((name) => name.startsWith("TCP")));
    const before = handles();
    const answering = create();
    const at = await answering.listen({ address: "127.0.0.1", port: 0 }, { onRequest: echo });
    const asker = create();
    await Promise.all(Array.from({ length: 20 }, () => asker.request(at, data(bytes(5)), OPTIONS)));
    expect(handles()).toBeGreaterThan(before);
    await Promise.all([answering.close(), asker.close()]);
    await until(() => handles() <= before);
  });
});

describe("HttpCarrier", () => {
  it("seals a broadcast once, whatever the number of receivers", async () => {
    let sealed = 0;
    const plain = createPlainSeal();
    const at = await create().listen({ address: "127.0.0.1", port: 0 }, { onRequest: echo });
    const seal: Seal = {
      ...plain,
      seal: (plaintext) => {
        sealed++;
        return plain.seal(plaintext);
      },
    };
    const replies: Reply[] = [];
    create({ seal }).broadcast([at, at, at, at], data(bytes(5)), OPTIONS, (_, reply) => {
      replies.push(reply);
    });
    await until(() => replies.length === 4);
    for (const reply of replies) expect(reply).toMatchObject({ kind: "answer" });
    expect(sealed).toBe(1);
  });

  it("tells of a seal that fails, and answers 500", async () => {
    const faults: unknown[] = [];
    const broken = new Error("no entropy");
    const seal: Seal = { ...createPlainSeal(), seal: () => Promise.reject(broken) };
    const at = await create({ seal }).listen(
      { address: "127.0.0.1", port: 0 },
      { onRequest: echo, onFault: (error) => faults.push(error) },
    );
    expect(await create().request(at, data(bytes(5)), OPTIONS)).toMatchObject({ status: 500 });
    expect(faults).toEqual([broken]);
    const reply = await create({ seal }).request(at, data(bytes(5)), OPTIONS);
    expect(reply).toMatchObject({ kind: "failed", reason: "unreachable" });
  });

  it("leaves upgrades to others, and closes their connections with it", async () => {
    const carrier = create();
    const at = await carrier.listen({ address: "127.0.0.1", port: 0 }, { onRequest: echo });
    let upgraded = false;
    carrier.httpServer.on("upgrade", (_, socket) => {
      upgraded = true;
      socket.on("error", () => {});
      socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n");
    });
    const { connect } = await import("node:net");
    const socket = connect({ host: at.address, port: at.port });
    socket.write("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n");
    await until(() => upgraded);
    const gone = new Promise((resolve) => socket.once("close", resolve));
    socket.resume();
    await carrier.close();
    await gone;
  });
});
