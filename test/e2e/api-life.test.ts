/** Starting, joining and stopping on real sockets, in every order. */
import { execFile } from "node:child_process";
import { getEventListeners } from "node:events";
import { existsSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { fileURLToPath } from "node:url";
import { inspect, promisify } from "node:util";
import { describe, expect } from "vitest";
import { loadSignatureEngine } from "../../src/crypto/signatures.ts";
import {
  type CredentialStore,
  createMemoryCredentialStore,
  DSNodeConfig,
  DSNodeServer,
  DsnError,
} from "../../src/index.ts";
import { eventually, sleep, timed } from "../helpers/eventually.ts";
import { it, type TestNetwork } from "../helpers/network.ts";
import { freePort } from "../helpers/ports.ts";

const DIST = fileURLToPath(new URL("../../dist/index.js", import.meta.url));
const run = promisify(execFile);

/** A port that somebody else listens on. */
async function takenPort(net: TestNetwork): Promise<number> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  net.atEnd(() => new Promise((resolve) => server.close(resolve)));
  return (server.address() as { port: number }).port;
}

describe("the port", () => {
  it("P20: 0 takes a free one, and the real one is advertised", async ({ net }) => {
    const a = await net.ours({ nodeId: "a" });
    const b = await net.ours({ nodeId: "b", port: 0, bootstrapNodes: [a.address] });
    expect(b.server.config.port).toBe(0);
    expect(b.server.port).toBeGreaterThan(0);
    await a.server.waitForPeers(["b"]);
    expect(a.server.peerInfo("b")?.endpoint?.port).toBe(b.server.port);
    // Whoever hears of b from a can reach it.
    const c = await net.ours({ nodeId: "c", bootstrapNodes: [a.address] });
    await c.server.waitForPeers(["b"]);
    await c.server.sendToNode("b", "hi");
  });

  it("D19: one in use makes start() fail, with the port in words, and leaves nothing open", async ({
    net,
  }) => {
    const port = await takenPort(net);
    const { server } = net.unstarted({ nodeId: "a", port });
    await expect(server.start()).rejects.toMatchObject({
      code: "DSN_PORT_IN_USE",
      message: expect.stringContaining(String(port)),
    });
    expect(server.isShutDown()).toBe(true);
    expect(server.running).toBe(false);
    await expect(server.start()).rejects.toMatchObject({ code: "DSN_PORT_IN_USE" });
    await server.stop();
  });

  it("an address that is not this machine's makes start() fail", async ({ net }) => {
    const { server } = net.unstarted({ nodeId: "a", bind: "192.0.2.1" });
    await expect(server.start()).rejects.toMatchObject({ code: "DSN_CANNOT_LISTEN" });
  });

  it("a folder that cannot be written makes start() fail", async ({ net }) => {
    const { server } = net.unstarted({ nodeId: "a", credentialDir: "/dev/null/credentials" });
    await expect(server.start()).rejects.toMatchObject({ code: "DSN_IDENTITY_UNREADABLE" });
    expect(server.isShutDown()).toBe(true);
  });
});

describe("joining", () => {
  it("P12: works over IPv6", async ({ net }) => {
    const a = await net.ours({ nodeId: "a", bind: "::1", networkIp: "::1" });
    const at = `[::1]:${a.server.port}`;
    const b = await net.ours({ nodeId: "b", bind: "::1", bootstrapNodes: [at] });
    const c = await net.ours({ nodeId: "c", bind: "::1", bootstrapNodes: [at] });
    await c.server.waitForPeers(["a", "b"]);
    await a.server.waitForPeers(["b", "c"]);
    expect(c.server.peerInfo("b")?.endpoint?.address).toBe("::1");
    c.server.updateData("k", "v");
    expect(await b.server.waitForKey("c", "k")).toBe("v");
    await b.server.sendToNode("c", "six");
    await eventually(() => expect(c.texts()).toEqual(["six"]));
  });

  it("works by name, and tells through whom", async ({ net }) => {
    const a = await net.ours({ nodeId: "a", bind: "::" });
    const b = net.unstarted({
      nodeId: "b",
      bootstrapNodes: [`localhost:${a.server.port}`],
    });
    const joined: string[] = [];
    b.server.on("joined", ({ through }) => joined.push(String(through)));
    await b.server.start();
    expect(b.server.peers()).toEqual(["b", "a"]);
    expect(joined).toEqual([`localhost:${a.server.port}`]);
  });

  it("D16: start() returns in time without a bootstrap node, and joins when it appears", async ({
    net,
  }) => {
    const port = await freePort();
    const b = net.unstarted({ nodeId: "b", bootstrapNodes: [`127.0.0.1:${port}`] });
    const { ms } = await timed(b.server.start());
    expect(ms).toBeLessThan(2_500);
    expect(b.server.peers()).toEqual(["b"]);
    await eventually(() => expect(b.codes).toEqual(["DSN_NO_BOOTSTRAP"]));
    expect(b.warning("DSN_NO_BOOTSTRAP")?.why).toContain(`127.0.0.1:${port}`);
    expect(b.warning("DSN_NO_BOOTSTRAP")?.why).toContain("ECONNREFUSED");
    b.server.updateData("k", "written alone");

    await sleep(5_000);
    const a = await net.ours({ nodeId: "a", port });
    await a.server.waitForPeers(["b"], { timeout: 8_000 });
    expect(await a.server.waitForKey("b", "k")).toBe("written alone");
    await b.server.waitForPeers(["a"]);
    const over = b.warnings.filter(({ resolved }) => resolved).map(({ error }) => error.code);
    await eventually(() => expect(over).toEqual(["DSN_NO_BOOTSTRAP"]));
  });

  it("needs one of its bootstrap nodes, and ignores its own address among them", async ({
    net,
  }) => {
    const dead = await freePort();
    const port = await freePort();
    const a = await net.ours({ nodeId: "a" });
    const b = await net.ours({
      nodeId: "b",
      port,
      bootstrapNodes: [`127.0.0.1:${dead}`, `127.0.0.1:${port}`, a.address],
    });
    expect(b.server.peers()).toEqual(["b", "a"]);
    expect(b.codes).toEqual([]);
  });

  it("three nodes that name each other find each other, whoever starts first", async ({ net }) => {
    const ports = [await freePort(), await freePort(), await freePort()];
    const bootstrapNodes = ports.map((port) => `127.0.0.1:${port}`);
    const start = (index: number) =>
      net.ours({ nodeId: `n${index}`, port: ports[index] ?? 0, bootstrapNodes });
    const nodes = await Promise.all([0, 1, 2].map(start));
    await Promise.all(nodes.map(({ server }) => server.waitForPeers(2)));
    for (const { leaves } of nodes) expect(leaves).toEqual([]);
  });

  it("goes on after a restart on the same port, with the same identity", async ({ net }) => {
    const a = await net.ours({ nodeId: "a" });
    const credentialDir = net.folder();
    const config = { nodeId: "b", credentialDir, bootstrapNodes: [a.address] };
    const first = await net.ours(config, { state: { run: "1" } });
    await a.server.waitForKey("b", "run");
    const { port } = first.server;
    await first.server.stop();
    await net.ours({ ...config, port }, { state: { run: "2" } });
    await a.server.waitForKey("b", "run", (value) => value === "2");
    await a.server.waitForPeers(["b"]);
    expect(a.codes.filter((code) => code.includes("IDENTITY"))).toEqual([]);
  });
});

describe("stopping", () => {
  it("D20: during the start, leaves no port open", async ({ net }) => {
    const outcomes: unknown[] = [];
    for (const delayMs of [0, 0, 1, 2, 4, 8, 16, 32]) {
      const port = await freePort();
      const bootstrapNodes = [`127.0.0.1:${await freePort()}`];
      const { server } = net.unstarted({ nodeId: "a", port, bootstrapNodes });
      const outcome = server.start().then(
        () => "started",
        ({ code }: { code: string }) => code,
      );
      if (delayMs > 0) await sleep(delayMs);
      await server.stop();
      outcomes.push(await outcome);
      expect(server.isShutDown()).toBe(true);
      expect(server.running).toBe(false);
      const again = await net.ours({ nodeId: "again", port });
      await again.server.stop();
    }
    expect(outcomes.slice(0, 2)).toEqual(["DSN_STOPPED", "DSN_STOPPED"]);
    for (const outcome of outcomes) expect(["DSN_STOPPED", "started"]).toContain(outcome);
  });

  it("before the start, makes the start fail and leaves no listener", async ({ net }) => {
    const { signal } = new AbortController();
    const { server } = net.unstarted({ nodeId: "a" }, { signal });
    await server.stop();
    await expect(server.start()).rejects.toMatchObject({ code: "DSN_STOPPED" });
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("at the very end of the start, is not taken for running", async ({ net }) => {
    const { server } = net.unstarted({ nodeId: "a" });
    const start = server.node.start.bind(server.node);
    server.node.start = async (state) => {
      await start(state);
      void server.stop();
    };
    await server.start();
    expect(server.running).toBe(false);
  });

  it("by a signal: before, during and after the start", async ({ net }) => {
    const config = { nodeId: "a", bind: "127.0.0.1" };
    const dead = [`127.0.0.1:${await freePort()}`];
    const start = (signal: AbortSignal) =>
      DSNodeServer.start(
        { ...config, credentialDir: net.folder(), bootstrapNodes: dead },
        { signal },
      );
    await expect(start(AbortSignal.abort(new Error("never")))).rejects.toThrow("never");
    const control = new AbortController();
    const starting = start(control.signal);
    const rejected = expect(starting).rejects.toThrow("not now");
    control.abort(new Error("not now"));
    await rejected;

    const later = new AbortController();
    const { server } = net.unstarted({ nodeId: "b" }, { signal: later.signal });
    await server.start();
    later.abort();
    await eventually(() => expect(server.isShutDown()).toBe(true));
    await server.stop();
  });

  it("at the end of `await using`", async ({ net }) => {
    let seen: DSNodeServer;
    {
      await using server = await DSNodeServer.start({
        nodeId: "a",
        bind: "127.0.0.1",
        credentialDir: net.folder(),
      });
      seen = server;
      expect(seen.isShutDown()).toBe(false);
    }
    expect(seen.isShutDown()).toBe(true);
  });

  it("leaves nothing that keeps a process alive", async ({ net }) => {
    const a = await net.ours({ nodeId: "a" });
    const program = `
      import { DSNodeServer } from ${JSON.stringify(DIST)};
      const server = await DSNodeServer.start(${JSON.stringify({
        nodeId: "brief",
        bind: "127.0.0.1",
        aesKey: net.key,
        credentialDir: net.folder(),
        bootstrapNodes: [a.address, "127.0.0.1:1"],
      })});
      server.updateData("k", "v");
      await server.sendToNode("a", "x".repeat(100_000));
      const watching = server.watch();
      for await (const { key } of watching) if (key === "k") break;
      const waiting = server.waitForPeers(9).catch((error) => error.code);
      await server.stop();
      console.log(await waiting, performance.now());
    `;
    const parameters = ["--input-type=module", "-e", program];
    const { value, ms } = await timed(run(process.execPath, parameters, { timeout: 20_000 }));
    const [code, stoppedMs] = value.stdout.trim().split(" ");
    expect(code).toBe("DSN_STOPPED");
    expect(ms - Number(stoppedMs)).toBeLessThan(1_000);
  });
});

describe("the parts", () => {
  it("can be others: an identity in memory leaves nothing on the disk", async ({ net }) => {
    const credentialDir = net.folder();
    const engine = loadSignatureEngine();
    const store = createMemoryCredentialStore({ nodeId: "a", engine });
    const config = { nodeId: "a", credentialDir };
    const first = await net.ours(config, { parts: { store } });
    const { fingerprint } = first.server;
    await first.server.stop();
    const second = await net.ours(config, { parts: { store } });
    expect(second.server.fingerprint).toBe(fingerprint);
    expect(existsSync(credentialDir)).toBe(false);
  });

  it("a key that was met while it could not be stored is pinned later", async ({ net }) => {
    const memory = createMemoryCredentialStore({ nodeId: "a", engine: loadSignatureEngine() });
    let isFull = true;
    const full = () => Promise.reject(new DsnError("DSN_IDENTITY_UNREADABLE", "Cannot write"));
    const store: CredentialStore = {
      load: () => memory.load(),
      savePin: (nodeId, key) => (isFull ? full() : memory.savePin(nodeId, key)),
      saveNative: (nodeId) => (isFull ? full() : memory.saveNative(nodeId)),
      deletePin: (nodeId) => memory.deletePin(nodeId),
      saveMark: (version) => (isFull ? full() : memory.saveMark(version)),
      close: () => memory.close(),
    };
    const a = await net.ours({ nodeId: "a" }, { parts: { store } });
    await net.ours({ nodeId: "b", bootstrapNodes: [a.address] });
    await a.server.waitForPeers(["b"]);
    await eventually(() => expect(a.codes).toEqual(["DSN_IDENTITY_UNREADABLE"]));
    isFull = false;
    await eventually(async () => {
      const { pins, natives } = await memory.load();
      expect([...pins.keys(), ...natives]).toEqual(["b", "b"]);
    });
    await eventually(() =>
      expect(a.warnings.map(({ resolved }) => resolved)).toEqual([false, true]),
    );
  });

  it("without a listener of warnings, Node shows them", async ({ net }) => {
    const warned = new Promise<Error & { code?: string }>((resolve) => {
      const look = (warning: Error & { code?: string }) => {
        if (!warning.message.includes("bootstrap")) return;
        process.off("warning", look);
        resolve(warning);
      };
      process.on("warning", look);
    });
    const server = await DSNodeServer.start({
      nodeId: "a",
      bind: "127.0.0.1",
      credentialDir: net.folder(),
      bootstrapNodes: [`127.0.0.1:${await freePort()}`],
    });
    net.atEnd(() => server.stop());
    expect(await warned).toMatchObject({ name: "DsnWarning", code: "DSN_NO_BOOTSTRAP" });
  });
});

describe("the network key", () => {
  it("is not shown by anything that prints a node, its config or its errors", async ({ net }) => {
    const a = await net.ours({ nodeId: "a", bootstrapNodes: ["127.0.0.1:1"] });
    const key = net.key ?? "none";
    const { server } = a;
    const shown = [
      inspect(server, { depth: 12, showHidden: false }),
      inspect(server.config, { depth: 12 }),
      JSON.stringify(server.config),
      JSON.stringify(a.warnings.map(({ error }) => [error.message, error.why, error.fix])),
      String(server.config),
      JSON.stringify({ ...server.config }),
    ];
    for (const text of shown) expect(text).not.toContain(key);
    expect(server.config.aesKey).toBe(key);
    expect(new DSNodeConfig({ nodeId: "x", aesKey: key }).toDict()["aes_key"]).toBe(key);
  });

  it("none works too, in clear text", async ({ net }) => {
    net.key = undefined;
    const a = await net.ours({ nodeId: "a" });
    const b = await net.ours({ nodeId: "b", bootstrapNodes: [a.address] }, { state: { k: "v" } });
    expect(await a.server.waitForKey("b", "k")).toBe("v");
    await b.server.sendToNode("a", "open");
    await eventually(() => expect(a.texts()).toEqual(["open"]));
    expect(a.server.keyId).toBeUndefined();
  });
});
