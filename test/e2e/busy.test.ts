/** A program that computes for long, in a process with a worker thread and in one without. */
import { describe, expect } from "vitest";
import { eventually, throughout } from "../helpers/eventually.ts";
import { it, type TestNetwork } from "../helpers/network.ts";
import type { ProcessNode } from "../helpers/process-node.ts";

/** Real times: those of a node that was given none. */
const REAL = { settings: {} };
const BLOCK_MS = 10_000;
const MESSAGES = 40;

/** `a` and `c`, and `b`, which may have a worker; all know each other, by datagram too. */
async function network(net: TestNetwork, thread: boolean): Promise<ProcessNode[]> {
  const a = await net.process({ nodeId: "a" }, REAL);
  const join = { bootstrapNodes: [a.address] };
  const b = await net.process({ nodeId: "b", thread, ...join }, REAL);
  const c = await net.process({ nodeId: "c", ...join }, REAL);
  await eventually(async () => {
    for (const node of [a, b, c]) expect(await node.peers()).toHaveLength(3);
  });
  return [a, b, c];
}

async function statusOf(node: ProcessNode, nodeId: string) {
  return (await node.peerInfo()).find((one) => one.nodeId === nodeId);
}

const statuses = (node: ProcessNode, nodeId: string) =>
  node
    .of("peer:status")
    .filter(({ payload }) => payload.nodeId === nodeId)
    .map(({ payload }) => payload.status);

describe.concurrent("A program that is busy for 10 s", () => {
  it("shows as busy with a worker: nobody leaves, nothing is lost, doubled or out of order", async ({
    net,
  }) => {
    const [a, b, c] = (await network(net, true)) as [ProcessNode, ProcessNode, ProcessNode];
    await b.write({ k: "before" });
    await eventually(async () => expect(await c.read("b", "k")).toBe("before"));
    const told = [a, c].map((node) => node.of("peer:status").length);
    const blocking = b.call("block", BLOCK_MS);
    const blockedAt = Date.now();
    for (const node of [a, c]) {
      await eventually(async () => expect((await statusOf(node, "b"))?.status).toBe("busy"), 4_000);
    }
    const shownMs = Date.now() - blockedAt;
    const sending = Array.from({ length: MESSAGES }, (_, n) => a.send("b", `message ${n}`, 30_000));
    await c.write({ k: "during" });
    await throughout(BLOCK_MS - shownMs - 500, async () => {
      for (const node of [a, c]) {
        const info = await statusOf(node, "b");
        expect(info?.status).toBe("busy");
        expect(Math.abs((info?.busyMs ?? 0) - (Date.now() - blockedAt))).toBeLessThan(1_000);
        expect(await node.read("b", "k")).toBe("before");
      }
    });
    await blocking;
    for (const node of [a, c]) {
      await eventually(async () => expect((await statusOf(node, "b"))?.status).toBe("alive"));
    }
    await Promise.all(sending);
    await eventually(async () => expect(await b.read("c", "k")).toBe("during"));
    const texts = b.of("data").map(({ payload }) => Buffer.from(payload.data).toString());
    expect(texts).toEqual(Array.from({ length: MESSAGES }, (_, n) => `message ${n}`));
    await b.write({ k: "after" });
    await eventually(async () => {
      for (const node of [a, c]) expect(await node.read("b", "k")).toBe("after");
    });
    for (const [index, node] of [a, c].entries()) {
      expect(
        node
          .of("peer:status")
          .slice(told[index])
          .map(({ payload }) => payload.status),
      ).toEqual(["busy", "alive"]);
    }
    expect([a, b, c].flatMap((node) => node.leaves())).toEqual([]);
    expect(statuses(b, "a")).toEqual(statuses(b, "c"));
  });

  it("is gone meanwhile without one, and back after", async ({ net }) => {
    const [a, b] = (await network(net, false)) as [ProcessNode, ProcessNode, ProcessNode];
    await b.call("block", BLOCK_MS);
    await eventually(async () => expect((await statusOf(a, "b"))?.status).toBe("alive"));
    expect(a.leaves()).toEqual(["b"]);
  });
});

describe.concurrent("A process with a worker", () => {
  it("that is killed while it is busy is gone at once", async ({ net }) => {
    const [a, b, c] = (await network(net, true)) as [ProcessNode, ProcessNode, ProcessNode];
    b.call("block", 60_000).catch(() => undefined);
    await eventually(async () => expect((await statusOf(a, "b"))?.status).toBe("busy"));
    const killedAt = Date.now();
    await b.kill();
    await eventually(() => {
      expect(a.leaves()).toEqual(["b"]);
      expect(c.leaves()).toEqual(["b"]);
    }, 5_000);
    for (const node of [a, c])
      expect((node.of("peer:leave")[0]?.at ?? Infinity) - killedAt).toBeLessThan(3_000);
  });

  it("that is stopped as a whole is given up like any other", async ({ net }) => {
    const [a, b, c] = (await network(net, true)) as [ProcessNode, ProcessNode, ProcessNode];
    b.pause();
    await eventually(() => {
      expect(a.leaves()).toEqual(["b"]);
      expect(c.leaves()).toEqual(["b"]);
    }, 12_000);
    expect(statuses(a, "b")).not.toContain("busy");
    b.resume();
    await eventually(async () => expect((await statusOf(a, "b"))?.status).toBe("alive"));
  });
});
