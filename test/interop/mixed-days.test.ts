/** Our nodes and Python peers on bad days: deaths, pauses, losses, wrong clocks. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { eventually, sleep, throughout, timed } from "../helpers/eventually.ts";
import { it } from "../helpers/network.ts";
import { type PythonPeer, pythonAvailable } from "./python-peer.ts";

const python = pythonAvailable();
const skipped = python.available ? "" : ` (skipped: ${python.reason})`;

/** Longer than the 9 s that it takes a Python node to drop a silent one. */
const PAUSE_MS = 13_000;
/** The tick of the reference, and ours. */
const TICK_MS = 3_000;
/** Real times: ours are those of a node that was given none. */
const REAL = { settings: {} };

const disconnects = (peer: PythonPeer) => peer.events.of("disconnect").map(({ node }) => node);

// Most of these wait, so they wait together.
describe.skipIf(!python.available).concurrent(`Bad days with Python peers${skipped}`, () => {
  it("Python is killed: one disconnect here, and one join when it is back", async ({ net }) => {
    const gone: string[] = [];
    const a = await net.ours({ nodeId: "a" }, { ...REAL, disconnect: (p) => gone.push(p.nodeId) });
    const credentialDir = net.folder();
    const options = { id: "p", host: "127.0.0.2", credentialDir, bootstrap: [a.address] };
    const p = await net.python(options);
    await p.joined();
    await p.set("life", "1");
    await a.server.waitForKey("p", "life");
    await p.kill();
    const { ms } = await timed(eventually(() => expect(a.leaves).toEqual(["p"])));
    // A tick until the probe, and three tries on a port that refuses.
    expect(ms).toBeLessThan(TICK_MS + 2_000);
    expect(a.server.readData("p", "life")).toBeUndefined();
    expect(a.server.peers()).toEqual(["a"]);
    await throughout(4_000, () => expect(a.leaves).toEqual(["p"]));
    const again = await net.python({ ...options, port: p.port });
    await again.joined();
    await again.set("life", "2");
    await a.server.waitForKey("p", "life", (value) => value === "2");
    expect(a.joins).toEqual(["p", "p"]);
    expect(gone).toEqual(["p"]);
  });

  it("Python comes back where nobody has to tell us: we look for it", async ({ net }) => {
    const credentialDir = net.folder();
    const options = { id: "p", host: "127.0.0.2", credentialDir };
    const p = await net.python(options);
    const a = await net.ours({ nodeId: "a", bootstrapNodes: [p.address] });
    await p.kill();
    await eventually(() => expect(a.leaves).toEqual(["p"]));
    a.server.updateData("k", "while it was away");
    const again = await net.python({ ...options, port: p.port });
    await a.server.waitForPeers(["p"], { timeout: 10_000 });
    await eventually(async () =>
      expect((await again.read("a", "k")).value).toBe("while it was away"),
    );
  });

  it("ours is stopped, or killed: one disconnect at Python", async ({ net }) => {
    const p = await net.python({ id: "p", host: "127.0.0.2" });
    const a = await net.ours({ nodeId: "a", bootstrapNodes: [p.address] });
    const b = await net.process({ nodeId: "b", bootstrapNodes: [p.address] });
    await eventually(async () => expect((await p.peers()).sort()).toEqual(["a", "b", "p"]));
    await a.server.waitForPeers(["b", "p"]);
    await b.kill();
    await eventually(() => expect(disconnects(p)).toEqual(["b"]));
    await eventually(() => expect(a.leaves).toEqual(["b"]));
    await a.server.stop();
    await eventually(() => expect(disconnects(p)).toEqual(["b", "a"]));
    await throughout(3_000, () => expect(disconnects(p)).toEqual(["b", "a"]));
    expect(await p.peers()).toEqual(["p"]);
  });

  it("D15: Python is silent for 13 s: one leave and one join, and the states are right", async ({
    net,
  }) => {
    const a = await net.ours({ nodeId: "a" }, { ...REAL, state: { k: "before" } });
    const p = await net.python({
      id: "p",
      host: "127.0.0.2",
      bootstrap: [a.address],
      tickSeconds: 3,
    });
    await p.joined();
    await p.set("k", "before");
    await a.server.waitForKey("p", "k");
    await p.kill("SIGSTOP");
    await sleep(PAUSE_MS / 2);
    a.server.updateData("k", "during");
    await sleep(PAUSE_MS / 2);
    await eventually(() => expect(a.leaves).toEqual(["p"]), 3_000);
    await p.kill("SIGCONT");
    await a.server.waitForPeers(["p"], { timeout: 2 * TICK_MS });
    await eventually(async () => expect((await p.read("a", "k")).value).toBe("during"), TICK_MS);
    await p.set("k", "after");
    expect(await a.server.waitForKey("p", "k", (value) => value === "after")).toBe("after");
    await throughout(2 * TICK_MS, () => expect(a.server.peers()).toEqual(["a", "p"]));
    expect([a.leaves, a.joins]).toEqual([["p"], ["p", "p"]]);
    expect(disconnects(p)).toEqual([]);
  });

  it("D15: ours is paused for 13 s: back with the Python peers within two ticks", async ({
    net,
  }) => {
    const p = await net.python({ id: "p", host: "127.0.0.2", tickSeconds: 3 });
    const q = await net.python({
      id: "q",
      host: "127.0.0.3",
      bootstrap: [p.address],
      tickSeconds: 3,
    });
    await q.joined();
    const b = await net.process(
      { nodeId: "b", bootstrapNodes: [p.address] },
      { ...REAL, state: { k: "before" } },
    );
    await eventually(async () => {
      expect((await b.peers()).sort()).toEqual(["b", "p", "q"]);
      expect((await q.read("b", "k")).value).toBe("before");
    });
    b.pause();
    await sleep(PAUSE_MS);
    // They wait 7 s for each silent answer, one after the other: long enough to be sure.
    await eventually(() => {
      expect(disconnects(p)).toEqual(["b"]);
      expect(disconnects(q)).toEqual(["b"]);
    });
    b.resume();
    const healed = async () => {
      for (const peer of [p, q]) {
        expect((await peer.peers()).sort()).toEqual(["b", "p", "q"]);
        expect((await peer.read("b", "k")).value).toBe("before");
      }
    };
    const { ms } = await timed(eventually(healed));
    expect(ms).toBeLessThan(2 * TICK_MS);
    await b.write({ k: "after" });
    await eventually(async () => {
      for (const peer of [p, q]) expect((await peer.read("b", "k")).value).toBe("after");
    });
    await p.send("b", Buffer.from("hello again"));
    await b.send("q", "and you");
    await throughout(2 * TICK_MS, healedNow(p, q));
    expect(disconnects(p)).toEqual(["b"]);
    expect(disconnects(q)).toEqual(["b"]);
    // It was itself away, so it blames nobody.
    expect(b.leaves()).toEqual([]);
  });

  it("D24: an update that a peer missed is there within a tick of its return", async ({ net }) => {
    const a = await net.ours({ nodeId: "a" }, { ...REAL, state: { k: "0" } });
    const peers: PythonPeer[] = [];
    for (const [index, id] of ["p", "q", "r"].entries()) {
      const options = { id, host: `127.0.0.${index + 2}`, bootstrap: [a.address], tickSeconds: 60 };
      const peer = await net.python(options);
      await peer.joined();
      peers.push(peer);
    }
    await a.server.waitForPeers(3);
    const [p, q, r] = peers as [PythonPeer, PythonPeer, PythonPeer];
    await q.silent(true);
    a.server.updateData("k", "1");
    await eventually(async () => {
      for (const peer of [p, r]) expect((await peer.read("a", "k")).value).toBe("1");
    }, 1_000);
    await sleep(2_500);
    expect((await q.read("a", "k")).value).toBe("0");
    await q.silent(false);
    await eventually(async () => expect((await q.read("a", "k")).value).toBe("1"), TICK_MS + 500);
    expect(a.leaves).toEqual([]);
  });

  it("D29: a peer that drips its answer delays nobody", async ({ net }) => {
    const a = await net.ours({ nodeId: "a" }, REAL);
    const p = await net.python({ id: "p", host: "127.0.0.2", bootstrap: [a.address] });
    await p.joined();
    const q = await net.python({ id: "q", host: "127.0.0.3", bootstrap: [a.address] });
    await q.joined();
    await a.server.waitForPeers(["p", "q"]);
    await p.drip(1.5);
    const { ms } = await timed(
      (async () => {
        a.server.updateData("k", "v");
        await eventually(async () => expect((await q.read("a", "k")).value).toBe("v"));
      })(),
    );
    expect(ms).toBeLessThan(1_000);
    // Its total time is limited, so it is not alive for ever on a byte now and then.
    await eventually(() => expect(a.leaves).toEqual(["p"]), 15_000);
    await p.drip(0);
    await a.server.waitForPeers(["p"], { timeout: 10_000 });
  });

  it("P5, P21: one bad answer to a PING drops nobody", async ({ net }) => {
    const a = await net.ours({ nodeId: "a" });
    const p = await net.python({
      id: "p",
      host: "127.0.0.2",
      bootstrap: [a.address],
      trace: true,
      tickSeconds: 60,
    });
    await p.joined();
    await a.server.waitForPeers(["p"]);
    await p.status(503);
    await p.events.waitFor((e) => e.event === "request" && e.status === 503);
    await p.status(undefined);
    await throughout(3_000, () => expect(a.server.peers()).toEqual(["a", "p"]));
    expect(a.leaves).toEqual([]);
    await eventually(() => expect(a.server.peerInfo("p")?.status).toBe("alive"));
  });

  it("D21: our clock steps back, and our updates still arrive", async ({ net }) => {
    let offset = 0;
    const unixSeconds = () => Date.now() / 1_000 + offset;
    const a = await net.ours({ nodeId: "a" }, { parts: { unixSeconds } });
    const p = await net.python({ id: "p", host: "127.0.0.2", bootstrap: [a.address] });
    await p.joined();
    a.server.updateData("k", "before");
    await eventually(async () => expect((await p.read("a", "k")).value).toBe("before"));
    offset = -3_600;
    for (const value of ["after", "again"]) {
      a.server.updateData("k", value);
      await eventually(async () => expect((await p.read("a", "k")).value).toBe(value));
    }
    // p's own states are not refused for lying ahead of our clock.
    await p.set("k", "theirs");
    expect(await a.server.waitForKey("p", "k")).toBe("theirs");
    expect(a.codes).toEqual([]);
  });

  it.for([["with its mark"], ["without its mark"]])(
    "D22: ours restarts with a clock 10 min behind, %s, and is heard",
    async ([how], { net }) => {
      const p = await net.python({ id: "p", host: "127.0.0.2" });
      const credentialDir = net.folder();
      const config = { nodeId: "a", credentialDir, bootstrapNodes: [p.address] };
      const first = await net.ours(config);
      first.server.updateData("k", "old process");
      await eventually(async () => expect((await p.read("a", "k")).value).toBe("old process"));
      const { port } = first.server;
      await first.server.stop();
      if (how === "without its mark") rmSync(join(credentialDir, "a", "a.mark"));
      const unixSeconds = () => Date.now() / 1_000 - 600;
      const second = await net.ours(
        { ...config, port },
        { parts: { unixSeconds }, state: { k: "new process" } },
      );
      await eventually(async () => expect((await p.read("a", "k")).value).toBe("new process"));
      second.server.updateData("k", "and on");
      await eventually(async () => expect((await p.read("a", "k")).value).toBe("and on"));
      await second.server.waitForPeers(["p"]);
      expect(second.codes).toEqual([]);
    },
  );

  it("says DSN_CLOCK_BEHIND when Python holds a time of ours that has not come yet", async ({
    net,
  }) => {
    const p = await net.python({ id: "p", host: "127.0.0.2" });
    const credentialDir = net.folder();
    const config = { nodeId: "a", credentialDir, bootstrapNodes: [p.address] };
    const unixSeconds = () => Date.now() / 1_000 + 3_600;
    const first = await net.ours(config, { parts: { unixSeconds } });
    first.server.updateData("k", "from the future");
    await eventually(async () => expect((await p.read("a", "k")).value).toBe("from the future"));
    const { port } = first.server;
    await first.server.stop();
    rmSync(join(credentialDir, "a", "a.mark"));
    const second = await net.ours({ ...config, port }, { state: { k: "now" } });
    // At first it may hold the same content; of a second one that is refused it does not.
    await sleep(1_500);
    second.server.updateData("k", "now again");
    await eventually(() => expect(second.codes).toContain("DSN_CLOCK_BEHIND"));
    expect(second.warning("DSN_CLOCK_BEHIND")).toMatchObject({ nodeId: "p" });
    expect((await p.read("a", "k")).value).toBe("from the future");
  });
});

function healedNow(...peers: readonly PythonPeer[]) {
  return async () => {
    for (const peer of peers) expect((await peer.peers()).sort()).toEqual(["b", "p", "q"]);
  };
}
