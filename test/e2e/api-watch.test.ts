/** What programs of our own time expect beyond the seed: events, watching, waiting, pictures. */
import { describe, expect } from "vitest";
import type { PeerInfo, WatchEvent } from "../../src/index.ts";
import { eventually, sleep } from "../helpers/eventually.ts";
import { it, type Observed, type TestNetwork } from "../helpers/network.ts";

async function pair(net: TestNetwork): Promise<[Observed, Observed]> {
  const a = await net.ours({ nodeId: "a" });
  const b = await net.ours({ nodeId: "b", bootstrapNodes: [a.address] });
  await a.server.waitForPeers(["b"]);
  return [a, b];
}

/** Reads that many events. */
async function take(
  watching: AsyncIterableIterator<WatchEvent>,
  count: number,
): Promise<WatchEvent[]> {
  const events: WatchEvent[] = [];
  while (events.length < count) {
    const { done, value } = await watching.next();
    if (done === true) break;
    events.push(value as WatchEvent);
  }
  return events;
}

const short = ({ type, nodeId, key, value }: WatchEvent) =>
  `${type} ${nodeId}/${key}${value === undefined ? "" : `=${value}`}`;

describe("on()", () => {
  it("tells joins, statuses, states, data and leaves, each with what it is about", async ({
    net,
  }) => {
    const a = await net.ours({ nodeId: "a" });
    const told: string[] = [];
    const { server } = a;
    server.on("peer:join", ({ nodeId, rejoined, status, self }) =>
      told.push(`join ${nodeId} ${rejoined} ${status} ${self}`),
    );
    server.on("peer:leave", ({ nodeId, status }) => told.push(`leave ${nodeId} ${status}`));
    server.on("state:update", ({ nodeId, local }) => told.push(`update ${nodeId} ${local}`));
    server.on("state:local", ({ nodeId, local }) => told.push(`local ${nodeId} ${local}`));
    server.on("data", ({ from, data }) => told.push(`data ${from} ${data.length}`));
    server.on("close", () => told.push("close"));
    server.updateData("x", "y");
    const credentialDir = net.folder();
    const b = await net.ours({ nodeId: "b", credentialDir, bootstrapNodes: [a.address] });
    await eventually(() => expect(told).toEqual(["local a true", "join b false alive false"]));
    b.server.updateData("k", "v");
    await b.server.sendToNode("a", "12345");
    await eventually(() => expect(told.slice(2).sort()).toEqual(["data b 5", "update b false"]));
    const { port } = b.server;
    await b.server.stop();
    await eventually(() => expect(told.slice(4)).toEqual(["leave b left"]));
    await net.ours({ nodeId: "b", port, credentialDir, bootstrapNodes: [a.address] });
    await eventually(() => expect(told.slice(5)).toEqual(["join b true alive false"]));
    await server.stop();
    expect(told.at(-1)).toBe("close");
  });

  it("gives back its undo, and one listener's failure is not another's", async ({ net }) => {
    const a = await net.ours({ nodeId: "a" });
    const told: string[] = [];
    a.server.on("state:local", () => {
      throw new Error("first");
    });
    const undo = a.server.on("state:local", ({ added }) => told.push(...added));
    a.server.updateData("one", "1");
    await eventually(() => expect(told).toEqual(["one"]));
    undo();
    undo();
    a.server.updateData("two", "2");
    await eventually(() => expect(a.codes).toEqual(["DSN_CALLBACK_FAILED", "DSN_CALLBACK_FAILED"]));
    expect(told).toEqual(["one"]);
  });

  it("calls listeners after the call that caused it, never inside", async ({ net }) => {
    const a = await net.ours({ nodeId: "a" });
    let told = false;
    a.server.on("state:local", () => {
      told = true;
    });
    a.server.updateData("k", "v");
    expect(told).toBe(false);
    await Promise.resolve();
    expect(told).toBe(true);
  });

  it("D31: tells a state only when it changed", async ({ net }) => {
    const [a, b] = await pair(net);
    b.server.updateData("k", "v");
    await a.server.waitForKey("b", "k");
    for (let time = 0; time < 5; time++) b.server.updateData("k", "v");
    b.server.updateMany({ k: "v" });
    b.server.updateMany({});
    b.server.updateMany({ nothing: undefined });
    b.server.updateData("last", "1");
    await a.server.waitForKey("b", "last");
    expect(a.updates.map(({ added, updated }) => [...added, ...updated])).toEqual([
      ["k"],
      ["last"],
    ]);
  });
});

describe("watch()", () => {
  it("begins with what is there, then goes on with changes", async ({ net }) => {
    const [a, b] = await pair(net);
    a.server.updateData("here", "1");
    b.server.updateData("there", "2");
    await a.server.waitForKey("b", "there");
    const watching = a.server.watch();
    expect((await take(watching, 2)).map((e) => `${short(e)} ${e.initial}`)).toEqual([
      "set a/here=1 true",
      "set b/there=2 true",
    ]);
    b.server.updateData("there", "3");
    const [changed] = await take(watching, 1);
    expect(changed).toEqual({
      type: "set",
      nodeId: "b",
      key: "there",
      value: "3",
      previous: "2",
      initial: false,
      merged: 0,
    });
    b.server.deleteKey("there");
    const [deleted] = await take(watching, 1);
    expect(deleted).toMatchObject({ type: "delete", value: undefined, previous: "3" });
    a.server.updateData("here", "4");
    expect((await take(watching, 1)).map(short)).toEqual(["set a/here=4"]);
  });

  it("only what is asked for: updatesOnly, node and key with *", async ({ net }) => {
    const [a, b] = await pair(net);
    a.server.updateMany({ temperature: "20", pressure: "1" });
    b.server.updateMany({ temperature: "21", "temp.max": "30" });
    await a.server.waitForKey("b", "temperature");
    const read = async (options: Parameters<typeof a.server.watch>[0], count: number) =>
      (await take(a.server.watch(options), count)).map(short).sort();
    expect(await read({ key: "temperature" }, 2)).toEqual([
      "set a/temperature=20",
      "set b/temperature=21",
    ]);
    expect(await read({ key: "temp*", node: "b" }, 2)).toEqual([
      "set b/temp.max=30",
      "set b/temperature=21",
    ]);
    // A dot is a dot.
    expect(await read({ key: "*.max", node: "*" }, 1)).toEqual(["set b/temp.max=30"]);
    const later = read({ updatesOnly: true }, 1);
    b.server.updateData("new", "!");
    expect(await later).toEqual(["set b/new=!"]);
  });

  it("merges the changes of a key while the reader is slow", async ({ net }) => {
    const [a] = await pair(net);
    const watching = a.server.watch({ updatesOnly: true });
    for (let value = 1; value <= 100; value++) {
      a.server.updateData("fast", String(value));
      await Promise.resolve();
    }
    a.server.updateData("slow", "x");
    await Promise.resolve();
    const events = await take(watching, 2);
    expect(events.map(short)).toEqual(["set a/fast=100", "set a/slow=x"]);
    expect(events[0]).toMatchObject({ merged: 99, previous: undefined });
    expect(events[1]?.merged).toBe(0);
  });

  it("holds at most highWaterMark changes, and drops the oldest", async ({ net }) => {
    const [a] = await pair(net);
    const watching = a.server.watch({ updatesOnly: true, highWaterMark: 3 });
    for (let key = 1; key <= 10; key++) {
      a.server.updateData(`k${key}`, "v");
      await Promise.resolve();
    }
    expect((await take(watching, 3)).map(({ key }) => key)).toEqual(["k8", "k9", "k10"]);
  });

  it("ends when the node stops, the signal aborts, or the loop is left", async ({ net }) => {
    const [a, b] = await pair(net);
    a.server.updateData("k", "v");
    const seen: string[] = [];
    const loop = async (watching: AsyncIterableIterator<WatchEvent>) => {
      for await (const event of watching) seen.push(short(event));
      return "ended";
    };
    const control = new AbortController();
    const aborted = loop(a.server.watch({ signal: control.signal }));
    const stopped = loop(a.server.watch({ updatesOnly: true }));
    await eventually(() => expect(seen).toEqual(["set a/k=v"]));
    control.abort();
    expect(await aborted).toBe("ended");
    for await (const event of a.server.watch()) {
      expect(short(event)).toBe("set a/k=v");
      break;
    }
    const closed = a.server.watch();
    await closed.return?.();
    expect(await closed.next()).toEqual({ done: true, value: undefined });
    expect(await loop(a.server.watch({ signal: AbortSignal.abort() }))).toBe("ended");
    await a.server.stop();
    expect(await stopped).toBe("ended");
    seen.length = 0;
    expect(await loop(a.server.watch())).toBe("ended");
    expect(seen).toEqual(["set a/k=v"]);
    expect(b.server.isShutDown()).toBe(false);
  });
});

describe("waitForPeers()", () => {
  it("resolves with those that are there, by number or by name", async ({ net }) => {
    const a = await net.ours({ nodeId: "a" });
    expect(await a.server.waitForPeers(0)).toEqual([]);
    expect(await a.server.waitForPeers([])).toEqual([]);
    const one = a.server.waitForPeers(1);
    const both = a.server.waitForPeers(["c", "b"]);
    await net.ours({ nodeId: "b", bootstrapNodes: [a.address] });
    expect((await one).map(({ nodeId }) => nodeId)).toEqual(["b"]);
    await net.ours({ nodeId: "c", bootstrapNodes: [a.address] });
    expect((await both).map(({ nodeId }) => nodeId)).toEqual(["b", "c"]);
    const all = await a.server.waitForPeers(a.server.peers(), { timeout: 1_000 });
    expect(all.map(({ nodeId }) => nodeId)).toEqual(["b", "c"]);
    await expect(a.server.waitForPeers(["a", "x"], { timeout: 5 })).rejects.toThrow(
      "waiting for peers: x",
    );
  });

  it("says what was missing when time is up", async ({ net }) => {
    const [a] = await pair(net);
    await expect(a.server.waitForPeers(3, { timeout: 30 })).rejects.toMatchObject({
      code: "DSN_TIMEOUT",
      message: "Timed out after 30 ms waiting for 3 peers (1 are there)",
    });
    await expect(a.server.waitForPeers(["b", "x", "y"], { timeout: 30 })).rejects.toMatchObject({
      code: "DSN_TIMEOUT",
      message: "Timed out after 30 ms waiting for peers: x, y",
    });
  });

  it("ends with its signal, and with the node", async ({ net }) => {
    const [a] = await pair(net);
    const reason = new Error("enough");
    const aborted = a.server.waitForPeers(9, { signal: AbortSignal.abort(reason) });
    await expect(aborted).rejects.toBe(reason);
    const control = new AbortController();
    const waiting = a.server.waitForPeers(9, { signal: control.signal, timeout: 0 });
    control.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    const stopped = expect(a.server.waitForPeers(9)).rejects.toMatchObject({ code: "DSN_STOPPED" });
    await a.server.stop();
    await stopped;
    const later = a.server.waitForPeers(9);
    await expect(later).rejects.toMatchObject({ code: "DSN_STOPPED" });
    // What is true already needs no running node.
    expect(await a.server.waitForPeers(1)).toHaveLength(1);
  });
});

describe("waitForKey()", () => {
  it("resolves with the first value that is accepted", async ({ net }) => {
    const [a, b] = await pair(net);
    const ready = a.server.waitForKey("b", "status", (value) => value === "ready");
    const any = a.server.waitForKey("b", "status");
    b.server.updateData("status", "starting");
    expect(await any).toBe("starting");
    b.server.updateData("status", "ready");
    expect(await ready).toBe("ready");
    expect(await a.server.waitForKey("b", "status")).toBe("ready");
    const own = a.server.waitForKey("a", "mine");
    a.server.updateData("mine", "1");
    expect(await own).toBe("1");
  });

  it("waits for a node that is not there yet", async ({ net }) => {
    const a = await net.ours({ nodeId: "a" });
    const waiting = a.server.waitForKey("late", "k");
    await net.ours({ nodeId: "late", bootstrapNodes: [a.address] }, { state: { k: "v" } });
    expect(await waiting).toBe("v");
  });

  it("waits for longer than a timer of the system can", async ({ net }) => {
    const [a] = await pair(net);
    const ends: string[] = [];
    const waiting = a.server.waitForKey("a", "k", undefined, { timeout: 2 ** 32 });
    const noted = waiting.then(
      (value) => ends.push(value),
      ({ code }: { code: string }) => ends.push(code),
    );
    // A timer of 1 ms would be over before one of 5.
    await sleep(5);
    a.server.updateData("k", "v");
    await noted;
    expect(ends).toEqual(["v"]);
  });

  it("says what is there instead when time is up, and passes on what its test throws", async ({
    net,
  }) => {
    const [a] = await pair(net);
    a.server.updateData("status", "busy");
    const timeout = { timeout: 30 };
    await expect(
      a.server.waitForKey("a", "status", (value) => value === "idle", timeout),
    ).rejects.toThrow('waiting for "status" of "a" (now "busy")');
    await expect(a.server.waitForKey("x", "k", undefined, timeout)).rejects.toThrow(
      'waiting for "k" of "x" (now not there)',
    );
    const thrown = new Error("my own");
    await expect(
      a.server.waitForKey("a", "status", () => {
        throw thrown;
      }),
    ).rejects.toBe(thrown);
  });
});

describe("peerInfo()", () => {
  it("says of each other node what is known", async ({ net }) => {
    const [a, b] = await pair(net);
    b.server.updateMany({ k: "v", "10": "x" });
    await a.server.waitForKey("b", "k");
    const info = await eventually(() => {
      const found = a.server.peerInfo("b");
      expect(found?.seesUs).toBe(true);
      expect(found?.rttMs).toBeDefined();
      return found as PeerInfo;
    });
    expect(info).toMatchObject({
      nodeId: "b",
      self: false,
      status: "alive",
      reason: undefined,
      fingerprint: b.server.fingerprint,
      native: true,
      keys: 2,
      bytes: '{"10": "x", "k": "v"}'.length,
    });
    expect(String(info.endpoint)).toBe(b.address);
    expect(info.rttMs).toBeLessThan(1_000);
    expect(Math.abs(info.clockOffsetSeconds ?? 0)).toBeLessThan(2);
    expect(Math.abs((info.updatedAt?.getTime() ?? 0) - Date.now())).toBeLessThan(10_000);
    expect(Math.abs(info.since.getTime() - Date.now())).toBeLessThan(10_000);
    expect(a.server.peerInfo().map(({ nodeId }) => nodeId)).toEqual(["b"]);
    expect(a.server.peerInfo("nobody")).toBeUndefined();
    await b.server.stop();
    await eventually(() => expect(a.server.peerInfo("b")?.status).toBe("left"));
    expect(a.server.peerInfo("b")?.reason).toBeUndefined();
  });

  it("addresses() says where we are called and where peers saw us", async ({ net }) => {
    const [a, b] = await pair(net);
    await eventually(() => expect(b.server.addresses().observed).toBe("127.0.0.1"));
    expect(String(b.server.addresses().advertised)).toBe(b.address);
    expect(a.server.addresses().advertised?.port).toBe(a.server.port);
  });
});

describe("snapshot(), getAll() and entries()", () => {
  it("are pictures: frozen, of one moment, and safe with names like __proto__", async ({ net }) => {
    const [a, b] = await pair(net);
    const strange = { constructor: "c", toString: "t", "2": "two", "10": "ten" };
    b.server.updateMany(strange);
    b.server.updateData("__proto__", "p");
    await a.server.waitForKey("b", "__proto__");
    const snapshot = a.server.snapshot();
    expect(Object.keys(snapshot)).toEqual(["a", "b"]);
    const state = snapshot["b"] ?? {};
    expect(Object.keys(state).sort()).toEqual(["10", "2", "__proto__", "constructor", "toString"]);
    expect(Object.getOwnPropertyDescriptor(state, "__proto__")?.value).toBe("p");
    expect(Object.getPrototypeOf(state)).toBeNull();
    expect(Object.getPrototypeOf(snapshot)).toBeNull();
    expect(Object.isFrozen(state)).toBe(true);
    expect(Object.isFrozen(snapshot)).toBe(true);
    expect(Object.isFrozen(a.server.getAll())).toBe(true);
    expect(() => Object.assign(state, { k: "v" })).toThrow(TypeError);
    expect(({} as Record<string, unknown>)["p"]).toBeUndefined();

    b.server.updateData("later", "1");
    await a.server.waitForKey("b", "later");
    expect(state["later"]).toBeUndefined();
    expect(a.server.getAll("b")?.["later"]).toBe("1");
    expect(a.server.getAll("nobody")).toBeUndefined();
    expect(a.server.getAll()).toEqual({});
    // Objects move integer-like keys to the front; entries() keep the owner's order.
    expect([...a.server.entries({ node: "b" })].map(([, key]) => key)).toEqual([
      ...Object.keys(strange),
      "__proto__",
      "later",
    ]);
    expect([...a.server.entries({ key: "to*" })]).toEqual([["b", "toString", "t"]]);
    expect([...a.server.entries({ node: "x" })]).toEqual([]);
  });

  it("may be written to while they are read", async ({ net }) => {
    const { server } = await net.ours({ nodeId: "a" });
    server.updateMany({ x: "1", y: "2", z: "3" });
    const read: string[] = [];
    for (const [, key, value] of server.entries()) {
      read.push(key);
      // Without its copy this would never end.
      if (read.length > 9) break;
      server.updateMany({ [`copy of ${key}`]: value, z: undefined });
    }
    expect(read).toEqual(["x", "y", "z"]);
  });
});
