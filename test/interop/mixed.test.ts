/** Our nodes and independent Python peers in one network: good days. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { eventually, throughout } from "../helpers/eventually.ts";
import { it, type Observed } from "../helpers/network.ts";
import { type PythonPeer, pythonAvailable } from "./python-peer.ts";

const python = pythonAvailable();
const skipped = python.available ? "" : ` (skipped: ${python.reason})`;

const text = (value: string) => Buffer.from(value, "utf8");

/** What went wrong at a Python peer: disconnects that it told, and alerts. */
function troublesOf(peer: PythonPeer): unknown[] {
  return [...peer.events.of("disconnect"), ...peer.events.of("alert")];
}

/** Everybody lists everybody, and nobody else. */
async function expectCompany(ours: readonly Observed[], theirs: readonly PythonPeer[]) {
  const everybody = [...ours.map(({ nodeId }) => nodeId), ...theirs.map(({ id }) => id)].sort();
  await eventually(async () => {
    for (const { server } of ours) expect(server.peers().sort()).toEqual(everybody);
    for (const peer of theirs) expect((await peer.peers()).sort()).toEqual(everybody);
  });
}

describe.skipIf(!python.available).concurrent(`Our node and Python peers${skipped}`, () => {
  describe.each([["sealed"], ["without a network key"]])("%s", (how) => {
    it("ours joins through Python", async ({ net }) => {
      if (how !== "sealed") net.key = undefined;
      const p = await net.python({ id: "p", host: "127.0.0.2" });
      await p.set("theirs", "1");
      const b = await net.ours(
        { nodeId: "b", bootstrapNodes: [p.address] },
        { state: { ours: "2" } },
      );
      // start() has resolved: we are in.
      expect(b.server.peers()).toEqual(["b", "p"]);
      expect(b.server.readData("p", "theirs")).toBe("1");
      expect(await p.peers()).toEqual(["p", "b"]);
      expect((await p.read("b", "ours")).value).toBe("2");
      expect(await p.book()).toContainEqual(["b", "127.0.0.1", b.server.port]);
      expect(b.server.addresses().observed).toBe("127.0.0.1");
      expect(b.server.peerInfo("p")).toMatchObject({ status: "alive", native: false, keys: 1 });
      expect(b.server.peerInfo("p")?.implementation).toMatch(/Python/);
      await eventually(() => expect(b.server.peerInfo("p")?.seesUs).toBe(true));
      expect(troublesOf(p)).toEqual([]);
      expect(b.codes).toEqual([]);
    });

    it("Python joins through ours", async ({ net }) => {
      if (how !== "sealed") net.key = undefined;
      const a = await net.ours({ nodeId: "a" }, { state: { ours: "1" } });
      const p = await net.python({ id: "p", host: "127.0.0.2", bootstrap: [a.address] });
      await p.joined();
      expect(await p.peers()).toEqual(["p", "a"]);
      await a.server.waitForPeers(["p"]);
      await eventually(async () => expect((await p.read("a", "ours")).value).toBe("1"));
      await p.set("theirs", "2");
      expect(await a.server.waitForKey("p", "theirs")).toBe("2");
      expect(a.joins).toEqual(["p"]);
      expect(troublesOf(p)).toEqual([]);
      expect(a.codes).toEqual([]);
    });
  });

  it("find each other through each other, whoever joined through whom", async ({ net }) => {
    const a = await net.ours({ nodeId: "a" }, { state: { at: "a" } });
    const p = await net.python({ id: "p", host: "127.0.0.2", bootstrap: [a.address] });
    await p.joined();
    await p.set("at", "p");
    const b = await net.ours({ nodeId: "b", bootstrapNodes: [p.address] }, { state: { at: "b" } });
    await b.server.waitForPeers(["a", "p"]);
    const q = await net.python({ id: "q", host: "127.0.0.3", bootstrap: [b.address] });
    await q.joined();
    await q.set("at", "q");
    await expectCompany([a, b], [p, q]);
    for (const node of ["a", "b", "p", "q"]) {
      await a.server.waitForKey(node, "at");
      await b.server.waitForKey(node, "at");
      for (const peer of [p, q]) {
        await eventually(async () => expect((await peer.read(node, "at")).value).toBe(node));
      }
    }
    await b.server.sendToNode("q", "from b");
    await q.events.waitFor((e) => e.event === "data" && e.hex === text("from b").toString("hex"));
    expect([...troublesOf(p), ...troublesOf(q), ...a.leaves, ...b.leaves]).toEqual([]);
  });

  it("states travel as they are: unicode, order, numbers as names, many keys, removals", async ({
    net,
  }) => {
    const a = await net.ours({ nodeId: "a" });
    const p = await net.python({ id: "p", host: "127.0.0.2", bootstrap: [a.address] });
    await p.joined();
    await a.server.waitForPeers(["p"]);
    const state = async () => (await p.state("a")).stateJson;

    const strange: [string, string][] = [
      ["zulu", "grüße"],
      ["10", "ten"],
      ["2", "🎉\u2028\u0000\u007f"],
      ["ключ", '"\\/\b\f\n\r\t'],
      ["", "no name"],
      ["__proto__", "x"],
    ];
    for (const [key, value] of strange) a.server.updateData(key, value);
    const json =
      '{"zulu": "gr\\u00fc\\u00dfe", "10": "ten", "2": "\\ud83c\\udf89\\u2028\\u0000\\u007f", ' +
      '"\\u043a\\u043b\\u044e\\u0447": "\\"\\\\/\\b\\f\\n\\r\\t", "": "no name", "__proto__": "x"}';
    await eventually(async () => expect(await state()).toBe(json));

    a.server.updateData("zulu", "changed");
    a.server.deleteKey("");
    a.server.deleteKey("ключ");
    await eventually(async () =>
      expect(await state()).toBe(
        '{"zulu": "changed", "10": "ten", "2": "\\ud83c\\udf89\\u2028\\u0000\\u007f", "__proto__": "x"}',
      ),
    );
    for (const [key] of strange) a.server.deleteKey(key);
    await eventually(async () => expect(await state()).toBe("{}"));
    const many = Object.fromEntries(
      Array.from({ length: 5_000 }, (_, index) => [`key ${index}`, `value ${index} é`]),
    );
    a.server.updateMany(many);
    await eventually(async () => expect(JSON.parse(await state())).toEqual(many));

    for (const [key, value] of strange.slice(0, 4)) await p.set(key, value);
    await p.set("half", "\ud800");
    await a.server.waitForKey("p", "half");
    expect([...a.server.entries({ node: "p" })].map(([, key, value]) => [key, value])).toEqual([
      ...strange.slice(0, 4),
      ["half", "\ud800"],
    ]);
    await p.del("10");
    await p.del("zulu");
    await eventually(() =>
      expect([...a.server.entries({ node: "p" })].map(([, key]) => key)).toEqual([
        "2",
        "ключ",
        "half",
      ]),
    );
    expect(troublesOf(p)).toEqual([]);
  });

  it("what a Python application writes that is no text is read as its JSON", async ({ net }) => {
    const a = await net.ours({ nodeId: "a" });
    const p = await net.python({ id: "p", host: "127.0.0.2", bootstrap: [a.address] });
    await p.joined();
    const values = {
      float: "1.0",
      tiny: "5e-324",
      huge: "123456789012345678901234567890",
      none: "null",
      truth: "true",
      list: '[1, "\\u00e9", {"k": NaN}]',
      infinity: "-Infinity",
    };
    for (const [key, json] of Object.entries(values)) await p.setJson(key, json);
    await a.server.waitForKey("p", "infinity");
    expect(a.server.getAll("p")).toEqual(values);
  });

  it("messages go both ways, small and large, and each comes once", async ({ net }) => {
    const a = await net.ours({ nodeId: "a" });
    const p = await net.python({ id: "p", host: "127.0.0.2", bootstrap: [a.address] });
    await p.joined();
    await a.server.waitForPeers(["p"]);
    const large = Buffer.alloc(1_000_000, "large ");
    const sent = [text("grüße"), Buffer.of(), Buffer.of(0, 255), large];
    for (const data of sent) await a.server.sendToNode("p", data);
    await eventually(() => expect(p.events.of("data")).toHaveLength(4));
    expect(p.events.of("data").map(({ from, hex }) => `${from} ${hex}`)).toEqual(
      sent.map((data) => `a ${data.toString("hex")}`),
    );
    for (const data of sent) expect(await p.send("a", data)).toBe("OK");
    await eventually(() => expect(a.data).toHaveLength(4));
    expect(a.data.map(({ from, data }) => `${from} ${Buffer.from(data).toString("hex")}`)).toEqual(
      sent.map((data) => `p ${data.toString("hex")}`),
    );
    await expect(p.send("nobody", text("x"))).rejects.toThrow(/KeyError/);
    expect(await p.send("p", text("to itself"))).toBe("OK");
  });

  it("D23: writes upon writes are one state each, and each signature fits", async ({ net }) => {
    const a = await net.ours({ nodeId: "a" });
    const p = await net.python({
      id: "p",
      host: "127.0.0.2",
      bootstrap: [a.address],
      trace: true,
      tickSeconds: 3,
    });
    await p.joined();
    await a.server.waitForPeers(["p"]);
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let write = 0; write < 200; write++) {
        a.server.updateData(`k${writer}`, String(write));
        await (write % 3 === 0 ? new Promise(setImmediate) : Promise.resolve());
      }
    });
    await Promise.all(writers);
    const last = Object.fromEntries(
      Array.from({ length: 8 }, (_, writer) => [`k${writer}`, "199"]),
    );
    await eventually(async () => expect(JSON.parse((await p.state("a")).stateJson)).toEqual(last));
    const updates = p.events.of("request").filter(({ path }) => path === "/update");
    expect(updates.length).toBeGreaterThan(3);
    expect(updates.filter(({ status }) => status !== 200)).toEqual([]);
    // Not one per write: the newest replaces what waits.
    expect(updates.length).toBeLessThan(600);
  });

  for (const kib of [1, 1_000]) {
    it(`${kib} KiB that ours wrote last before it stopped arrive`, async ({ net }) => {
      const a = await net.ours({ nodeId: "a" });
      const p = await net.python({ id: "p", host: "127.0.0.2", bootstrap: [a.address] });
      await p.joined();
      await a.server.waitForPeers(["p"]);
      const last = "x".repeat(kib * 1024);
      a.server.updateData("last", "not yet");
      await eventually(async () => expect((await p.read("a", "last")).value).toBe("not yet"));
      a.server.updateData("last", last);
      await a.server.stop();
      expect((await p.read("a", "last")).value).toBe(last);
    });
  }

  it("20 s of idleness: no ghost, no false disconnect, no false join", async ({ net }) => {
    const a = await net.ours({ nodeId: "a" }, { state: { at: "a" } });
    const b = await net.ours({ nodeId: "b", bootstrapNodes: [a.address] });
    const p = await net.python({ id: "p", host: "127.0.0.2", bootstrap: [a.address] });
    await p.joined();
    const q = await net.python({ id: "q", host: "127.0.0.3", bootstrap: [p.address] });
    await q.joined();
    await q.set("at", "q");
    await expectCompany([a, b], [p, q]);
    const told = { a: a.updates.length, b: b.updates.length };
    await throughout(20_000, async () => {
      for (const { server } of [a, b]) expect(server.peers().length).toBe(4);
      for (const peer of [p, q]) expect((await peer.peers()).length).toBe(4);
    });
    await expectCompany([a, b], [p, q]);
    expect([...troublesOf(p), ...troublesOf(q)]).toEqual([]);
    expect([...a.leaves, ...b.leaves]).toEqual([]);
    expect(a.joins.toSorted()).toEqual(["b", "p", "q"]);
    expect(b.joins.toSorted()).toEqual(["a", "p", "q"]);
    expect([...a.codes, ...b.codes]).toEqual([]);
    // D31: a Python node tells an empty state as news at each gossip; we tell nothing.
    expect({ a: a.updates.length, b: b.updates.length }).toEqual(told);
  });

  it("ours sends Python its own state only: a relayed one would make a ghost there", async ({
    net,
  }) => {
    const a = await net.ours({ nodeId: "a" }, { state: { k: "v" } });
    const b = await net.ours({ nodeId: "b", bootstrapNodes: [a.address] }, { state: { k: "w" } });
    const p = await net.python({ id: "p", host: "127.0.0.2" });
    const c = await net.ours({ nodeId: "c", bootstrapNodes: [p.address, a.address] });
    await expectCompany([a, b, c], [p]);
    await eventually(async () => expect((await p.read("b", "k")).value).toBe("w"));
    await b.server.stop();
    await eventually(() => expect(p.events.of("disconnect")).toHaveLength(1));
    let count = 0;
    await throughout(3_000, async () => {
      a.server.updateData("k", `v${count++}`);
      expect(await p.peers()).not.toContain("b");
    });
    await eventually(async () => expect((await p.read("a", "k")).value).toBe(`v${count - 1}`));
    await expectCompany([a, c], [p]);
    expect(troublesOf(p)).toEqual([{ event: "disconnect", node: "b" }]);
  });

  it("whitelists work both ways", async ({ net }) => {
    const a = await net.ours({ nodeId: "a", whitelistNodeIds: ["friend", "b"] });
    const friend = await net.python({
      id: "friend",
      host: "127.0.0.2",
      bootstrap: [a.address],
      whitelist: ["a"],
    });
    await friend.joined();
    await a.server.waitForPeers(["friend"]);
    const stranger = await net.python({ id: "s", host: "127.0.0.3", bootstrap: [a.address] });
    await expect(stranger.joined()).rejects.toThrow(/Could not connect/);
    await expect(stranger.hello(a.address)).rejects.toMatchObject({ status: 401 });
    const text = stranger.hello(a.address);
    await expect(text).rejects.toThrow("s not in a's whitelist");

    // Ours is on a's list and not on friend's: it joins through a and leaves friend alone.
    const b = await net.ours({ nodeId: "b", bootstrapNodes: [a.address] });
    await b.server.waitForPeers(["a"]);
    await b.server.waitForPeers(["friend"], { timeout: 1_500 }).catch(() => undefined);
    expect(b.server.peers()).toEqual(["b", "a"]);
    expect((await friend.peers()).sort()).toEqual(["a", "friend"]);
    expect(a.server.peers().sort()).toEqual(["a", "b", "friend"]);
    await a.server.sendToNode("friend", "ok");
    await friend.send("a", Buffer.from("ok"));
    expect(a.texts()).toEqual(["ok"]);
  });

  it("a whitelist by fingerprint lets in that key only (D31)", async ({ net }) => {
    const keySeed = "5a".repeat(32);
    const credentialDir = net.folder();
    const other = await net.ours({ nodeId: "x", credentialDir });
    const { fingerprint } = other.server;
    const whitelistNodeIds = [`p=${fingerprint}`];
    const a = await net.ours({ nodeId: "a", whitelistNodeIds });
    const p = await net.python({ id: "p", host: "127.0.0.2", bootstrap: [a.address], keySeed });
    await expect(p.joined()).rejects.toThrow(/Could not connect/);
    await expect(p.hello(a.address)).rejects.toThrow("p not in a's whitelist");
    expect(a.joins).toEqual([]);
    // The right key under the right name is let in.
    const privateKey = readFileSync(join(credentialDir, "x", "x.key")).toString("hex");
    const right = await net.python({ id: "p", host: "127.0.0.3", keySeed: privateKey });
    await right.hello(a.address);
    await a.server.waitForPeers(["p"]);
    expect(a.server.peerInfo("p")?.fingerprint).toBe(fingerprint);
  });

  it("a folder of credentials moves from Python to ours and back, with the same identity", async ({
    net,
  }) => {
    const credentialDir = net.folder();
    const file = (name: string) => join(credentialDir, "mover", name);
    const a = await net.ours({ nodeId: "a" });
    const q = await net.python({ id: "q", host: "127.0.0.3", bootstrap: [a.address] });
    await q.joined();
    const first = await net.python({
      id: "mover",
      host: "127.0.0.2",
      credentialDir,
      bootstrap: [a.address],
    });
    await first.joined();
    await a.server.waitForPeers(["mover", "q"]);
    await eventually(() => expect(existsSync(file("q.pub"))).toBe(true));
    const { publicKey } = first;
    const pinned = a.server.peerInfo("mover")?.fingerprint;
    await first.stop();
    await a.server.waitForPeers(["q"]);
    await eventually(() => expect(a.server.remotePeers()).toEqual(["q"]));

    const moved = await net.ours({ nodeId: "mover", credentialDir, bootstrapNodes: [a.address] });
    await a.server.waitForPeers(["mover"]);
    await moved.server.waitForPeers(["a", "q"]);
    expect(moved.server.fingerprint).toBe(pinned);
    // D31: Python leaves the private key readable by all.
    expect(statSync(file("mover.key")).mode & 0o777).toBe(0o600);
    moved.server.updateData("k", "ours");
    await eventually(async () => expect((await q.read("mover", "k")).value).toBe("ours"));
    await moved.server.stop();
    await eventually(() => expect(a.server.remotePeers()).toEqual(["q"]));

    // It used sessions, so without them it is not let in: somebody might only hide that it has them.
    const options = { id: "mover", host: "127.0.0.2", credentialDir, bootstrap: [a.address] };
    const refused = await net.python(options);
    await expect(refused.joined()).rejects.toThrow("Native nodes use sessions");
    await eventually(() => expect(a.codes).toContain("DSN_NATIVE_DOWNGRADE"));
    expect(a.warning("DSN_NATIVE_DOWNGRADE")).toMatchObject({ nodeId: "mover" });
    expect(a.server.remotePeers()).toEqual(["q"]);
    await refused.stop();
    a.server.forgetIdentity("mover");
    const back = await net.python(options);
    expect(Buffer.from(back.publicKey).equals(Buffer.from(publicKey))).toBe(true);
    await back.joined();
    await eventually(async () => expect((await q.peers()).sort()).toEqual(["a", "mover", "q"]));
    expect(a.codes.filter((code) => code.includes("IDENTITY"))).toEqual([]);
  });
});
