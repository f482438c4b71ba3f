import { describe, expect, it } from "vitest";
import { createTestNetwork, type TestNetwork, type TestNode } from "../../src/testing/index.ts";

const ALL = ["a", "b", "c", "d", "e"];

/** What each node reads of one key of an owner. */
function readings(net: TestNetwork, owner: string, key: string): (string | undefined)[] {
  return net.nodes.map((node) => node.readData(owner, key));
}

describe("createTestNetwork()", () => {
  it("gives nodes that have met, with the names asked for", async () => {
    await using net = await createTestNetwork(5);
    expect(net.nodes.map((node) => node.nodeId())).toEqual(ALL);
    for (const node of net.nodes) expect(node.peers().sort()).toEqual(ALL);
    await using named = await createTestNetwork(["kitchen", "attic"]);
    expect(named.node("attic").remotePeers()).toEqual(["kitchen"]);
    expect(() => named.node("cellar")).toThrow(RangeError);
    expect(() => named.add("attic")).toThrow(RangeError);
  });

  it("offers what a real node offers: state, messages, events, waiting", async () => {
    await using net = await createTestNetwork(3, { state: (name) => ({ name }) });
    const [a, b, c] = net.nodes as [TestNode, TestNode, TestNode];
    expect(c.snapshot()).toEqual({ a: { name: "a" }, b: { name: "b" }, c: { name: "c" } });
    const told: string[] = [];
    b.on("state:update", ({ nodeId, current }) => told.push(`${nodeId} ${current["k"]}`));
    b.setReceiveCb((data, from) => {
      told.push(`${from}: ${Buffer.from(data)}`);
      b.updateData("heard", "yes");
    });
    a.updateData("k", "v");
    const waiting = b.waitForKey("a", "k");
    expect(await net.until(waiting)).toBe("v");
    await net.until(a.sendToNode("b", "hello"));
    expect(await net.until(c.waitForKey("b", "heard"))).toBe("yes");
    expect(told).toEqual(["a v", "a: hello"]);
    expect(b.peerInfo("a")).toMatchObject({ status: "alive", native: true });
    await expect(net.until(a.sendToNode("nobody", "x"))).rejects.toMatchObject({
      code: "DSN_UNKNOWN_NODE",
    });
    expect(() => a.updateData("k", 5 as never)).toThrow(TypeError);
  });

  it("waits in simulated time: a waiting that fails takes a simulated second, not a real one", async () => {
    await using net = await createTestNetwork(2);
    const fromMs = net.nowMs;
    const never = net.node("a").waitForPeers(7, { timeout: 3_600_000 });
    const failed = net.until(never, { withinMs: 7_200_000 });
    await expect(failed).rejects.toMatchObject({ code: "DSN_TIMEOUT" });
    expect(net.nowMs - fromMs).toBe(3_600_000);
  });

  it("gives two waits at a time each its own time", async () => {
    await using net = await createTestNetwork(2);
    const fromMs = net.nowMs;
    const ends: number[] = [];
    await Promise.all([
      net.advance(300).then(() => ends.push(net.nowMs - fromMs)),
      net.advance(100).then(() => ends.push(net.nowMs - fromMs)),
      net.advance(200).then(() => ends.push(net.nowMs - fromMs)),
    ]);
    expect(ends).toEqual([100, 200, 300]);
  });
});

describe("A program on a test network", () => {
  /** Each node counts up, and answers a question after a while. */
  const counter = (net: () => TestNetwork) => async (node: TestNode) => {
    node.on("data", ({ from, data }) => {
      if (Buffer.from(data).toString() === "answer") return;
      void net()
        .sleep(40)
        .then(() => node.sendToNode(from, "answer"))
        .catch(() => undefined);
    });
    for (let count = 0; count < 20; count += 1) {
      await net().sleep(100);
      if (!node.running) return;
      node.updateData("count", String(count));
    }
  };

  async function run(seed: number, sleepReallyMs = 0) {
    const program = (node: TestNode) => void counter(() => net)(node);
    const net: TestNetwork = await createTestNetwork(3, { seed, lossRate: 0.05 });
    for (const node of net.nodes) program(node);
    await net.advance(500);
    if (sleepReallyMs > 0) await new Promise((resolve) => setTimeout(resolve, sleepReallyMs));
    await net.until(net.node("a").sendToNode("b", "question"));
    net.crash("c");
    await net.advance(5_000);
    program(net.restart("c"));
    await net.advance(3_000);
    await net.settled();
    return { fingerprint: net.fingerprint(), counts: readings(net, "c", "count"), ms: net.nowMs };
  }

  it("does the same for the same seed, byte by byte, however slow the machine is", async () => {
    const first = await run(3);
    expect(first.counts).toEqual(["19", "19", "19"]);
    expect(await run(3, 30)).toEqual(first);
    expect((await run(4)).fingerprint).not.toBe(first.fingerprint);
  });

  it("is started again with its process", async () => {
    const started: string[] = [];
    await using net = await createTestNetwork(2, {
      program: (node) => {
        started.push(node.nodeId());
        node.updateData("start", String(started.length));
      },
    });
    net.restart("b");
    await net.settled();
    expect(started).toEqual(["a", "b", "b"]);
    expect(readings(net, "b", "start")).toEqual(["3", "3"]);
  });
});

describe("Faults of a test network", () => {
  it("partition: the sides lose each other, and meet when it heals", async () => {
    await using net = await createTestNetwork(5);
    net.partition(["a", "b"]);
    net.node("a").updateData("k", "v");
    await net.until(() => net.node("e").remotePeers().length === 2);
    expect(readings(net, "a", "k")).toEqual(["v", "v", undefined, undefined, undefined]);
    net.heal();
    await net.settled();
    expect(readings(net, "a", "k")).toEqual(["v", "v", "v", "v", "v"]);
  });

  it("settled() says who lacks what", async () => {
    await using net = await createTestNetwork(2);
    net.partition(["a"]);
    await net.advance(10_000);
    net.node("a").updateData("k", "v");
    await expect(net.settled({ withinMs: 2_000 })).rejects.toThrow(
      /^Waited 2000 simulated ms for all to agree:\n {2}a lists \[\]\n {2}a reads nothing of b, not \[\]\n {2}b lists \[\]/,
    );
  });

  it("crash and restart: the old face is over, the new one begins empty and under its name", async () => {
    await using net = await createTestNetwork(3);
    const before = net.node("b");
    before.updateData("k", "v");
    await net.settled();
    net.crash("b");
    expect(before.running).toBe(false);
    expect(() => before.updateData("k", "w")).toThrow(/the node does not run/);
    expect(net.nodes.length).toBe(2);
    await net.settled();
    const after = net.restart("b");
    expect(after).not.toBe(before);
    await net.settled();
    expect(readings(net, "b", "k")).toEqual([undefined, undefined, undefined]);
    // What the first life never saw, its face does not tell.
    expect(before.running).toBe(false);
  });

  it("restart without its disk: another identity, refused until it is forgotten", async () => {
    const warned = new Set<string>();
    await using net = await createTestNetwork(3, {
      program: (node) => node.on("warning", ({ error }) => warned.add(error.code)),
    });
    net.crash("b");
    await net.settled();
    net.restart("b", { disk: "lost" });
    await expect(net.settled({ withinMs: 20_000 })).rejects.toMatchObject({ code: "DSN_TIMEOUT" });
    expect(net.node("a").peerInfo("b")?.status).toBe("refused");
    expect(warned).toContain("DSN_PEER_IDENTITY_CHANGED");
    for (const name of ["a", "c"]) net.node(name).forgetIdentity("b");
    await net.settled();
  });

  it("stop() says goodbye: for the others it has left at once", async () => {
    await using net = await createTestNetwork(3);
    const fromMs = net.nowMs;
    await net.stop("b");
    expect(net.nowMs - fromMs).toBeLessThanOrEqual(550);
    expect(net.node("a").peerInfo("b")?.status).toBe("left");
    expect(net.nodes.length).toBe(2);
    await net.stop("b");
  });

  it("stop(): from then on its program can write nothing, as with a real node", async () => {
    await using net = await createTestNetwork(2);
    const b = net.node("b");
    const stopping = net.stop("b");
    expect(b.running).toBe(false);
    expect(() => b.updateData("k", "v")).toThrow(expect.objectContaining({ code: "DSN_STOPPED" }));
    let closed = false;
    b.on("close", () => {
      closed = true;
    });
    await Promise.all([stopping, net.stop("b")]);
    expect(closed).toBe(true);
    net.restart("b");
    await net.settled();
  });

  it("what waits for a node that ends is told", async () => {
    await using net = await createTestNetwork(2);
    const [a] = net.nodes as [TestNode];
    const waiting = a.waitForPeers(9);
    const sending = a.sendToNode("b", "x");
    net.crash("a");
    await expect(waiting).rejects.toMatchObject({ code: "DSN_STOPPED" });
    await expect(sending).rejects.toMatchObject({ code: "DSN_STOPPED" });
  });

  it("oneWay, cut: two that cannot call each other still read each other through the third", async () => {
    await using net = await createTestNetwork(3);
    net.cut("a", "b");
    net.cut("b", "a");
    await net.until(() => net.node("a").peerInfo("b")?.status === "relayed");
    net.node("b").updateData("k", "v");
    expect(await net.until(net.node("a").waitForKey("b", "k"))).toBe("v");
    net.heal();
    net.oneWay("c", "a");
    net.restart("a");
    await net.settled();
    // Who cannot be called calls: the session serves both.
    expect(net.node("a").peerInfo("c")?.status).toMatch(/alive|one-way|relayed/);
  });

  it("skewClock: the clock of one node steps, and nothing is lost", async () => {
    await using net = await createTestNetwork(3);
    net.node("c").updateData("k", "before");
    net.skewClock("c", -60_000);
    net.node("c").updateData("k", "after");
    await net.settled();
    expect(readings(net, "c", "k")).toEqual(["after", "after", "after"]);
    net.skewClock("c", 3_660_000);
    net.node("c").updateData("k", "ahead");
    net.node("b").updateData("k", "now");
    await net.settled();
    const written = (owner: string) => net.node("a").peerInfo(owner)?.updatedAt?.getTime() ?? 0;
    expect(Math.round((written("c") - written("b")) / 60_000)).toBe(60);
  });

  it("skewClock: a clock that was stepped stays so when the process starts again", async () => {
    await using net = await createTestNetwork(2);
    net.skewClock("b", 3_600_000);
    net.restart("b").updateData("k", "v");
    net.node("a").updateData("k", "v");
    await net.settled();
    const written = (owner: string) => net.node(owner === "a" ? "b" : "a").peerInfo(owner);
    const times = ["b", "a"].map((owner) => written(owner)?.updatedAt?.getTime() ?? 0);
    expect(Math.round(((times[0] ?? 0) - (times[1] ?? 0)) / 60_000)).toBe(60);
  });

  it("slow: its answers come late, and nobody is given up", async () => {
    await using net = await createTestNetwork(3);
    const leaves: string[] = [];
    for (const node of net.nodes) node.on("peer:leave", ({ nodeId }) => leaves.push(nodeId));
    net.slow("b", 400);
    await net.advance(60_000);
    expect(net.node("a").peerInfo("b")?.rttMs).toBeGreaterThan(400);
    expect(leaves).toEqual([]);
  });

  it("pause: a paused process does nothing, its program included", async () => {
    await using net = await createTestNetwork(3);
    net.pause("b");
    expect(() => net.node("b").updateData("k", "v")).toThrow(/is paused/);
    await net.until(() => net.node("a").remotePeers().length === 1, { withinMs: 10_000 });
    net.resume("b");
    await net.settled();
  });

  it("pause: only resume() ends it, whatever starved the process before or after", async () => {
    await using net = await createTestNetwork(2);
    const b = net.node("b");
    net.starve("b");
    net.pause("b");
    net.heal();
    await net.advance(20_000);
    net.starve("b");
    await net.advance(20_000);
    net.feed("b");
    expect(() => b.updateData("k", "v")).toThrow(/is paused/);
    net.resume("b");
    b.updateData("k", "v");
    await net.settled();
  });

  it("starve, pause: a program that sleeps goes on when its process does", async () => {
    await using net = await createTestNetwork(3);
    const a = net.node("a");
    const failures: unknown[] = [];
    let readings = 0;
    const sensor = async () => {
      for (;;) {
        a.updateData("reading", String(readings));
        readings += 1;
        await a.sleep(1_000);
      }
    };
    void sensor().catch((error) => failures.push(error));
    net.starve("a");
    await net.advance(20_000);
    net.feed("a");
    const starved = readings;
    await net.advance(5_000);
    expect(starved).toBeGreaterThan(3);
    expect(readings).toBe(starved + 5);
    net.pause("a");
    await net.advance(5_000);
    expect(readings).toBe(starved + 5);
    net.resume("a");
    await net.advance(100);
    expect(readings).toBe(starved + 6);
    net.crash("a");
    await net.advance(5_000);
    expect(readings).toBe(starved + 6);
    expect(failures).toEqual([]);
  });

  it("sleep: what is no number is no time, as for setTimeout()", async () => {
    await using net = await createTestNetwork(1);
    const fromMs = net.nowMs;
    await net.until(net.sleep(Number.NaN), { withinMs: 1_000 });
    await net.until(net.node("a").sleep(-5), { withinMs: 1_000 });
    expect(net.nowMs).toBe(fromMs);
  });

  it("setLinks: what is undefined stays, as in every options object", async () => {
    await using net = await createTestNetwork(2, { lossRate: 0.01, delayMs: undefined });
    net.setLinks({ lossRate: undefined, reorderRate: 0.5 });
    expect(net.simulation.network).toMatchObject({ lossRate: 0.01, reorderRate: 0.5 });
  });

  it("setLinks: loss makes messages late, never lost", async () => {
    await using net = await createTestNetwork(3);
    net.setLinks({ lossRate: 0.3 });
    const taken: string[] = [];
    net.node("b").setReceiveCb((data) => taken.push(Buffer.from(data).toString()));
    const sends = Array.from({ length: 50 }, (_, n) => net.node("a").sendToNode("b", String(n)));
    const fromMs = net.nowMs;
    await net.until(Promise.all(sends));
    expect(net.nowMs - fromMs).toBeGreaterThan(200);
    expect(taken).toEqual(Array.from({ length: 50 }, (_, n) => String(n)));
  });
});
