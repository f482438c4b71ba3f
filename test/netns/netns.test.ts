/** Real processes on a real IP stack whose links are cut, lose and delay. */
import { describe, expect } from "vitest";
import { eventually, sleep } from "../helpers/eventually.ts";
import { it, type TestNetwork } from "../helpers/network.ts";
import type { ProcessNode } from "../helpers/process-node.ts";
import { type Weather, Wires, whyNoWires } from "./wires.ts";

const PORT = 9_000;
const NAMES = ["a", "b", "c", "d", "e"] as const;
/** The numbers that are wanted are 5 s; other tests share the cores. */
const DOWN_MS = 7_000;
const MERGED_MS = 7_000;

const why = await whyNoWires();
if (why !== undefined) console.warn(`No tests in network namespaces: ${why}`);

interface Scene {
  readonly nodes: readonly ProcessNode[];
  readonly wires: Wires;
}

/** Five nodes that know each other, each in a namespace of its own. */
async function scene(net: TestNetwork, weather: Weather = {}): Promise<Scene> {
  const wires = await Wires.open(NAMES.length);
  // Ends run side by side: without wires the goodbyes of nodes are lost, which costs half a second.
  net.atEnd(() => wires.close());
  await wires.set(weather);
  const nodes: ProcessNode[] = [];
  for (const [index, nodeId] of NAMES.entries()) {
    const at = wires.address(index);
    const bootstrapNodes = index === 0 ? [] : [`${wires.address(0)}:${PORT}`];
    const config = { nodeId, port: PORT, bind: at, networkIp: at, bootstrapNodes };
    const options = { settings: {}, state: { k: "first" }, namespace: wires.namespace(index) };
    nodes.push(await net.process(config, options));
  }
  await eventually(() => allRead(nodes, "first"));
  return { nodes, wires };
}

async function allRead(nodes: readonly ProcessNode[], value: string): Promise<void> {
  for (const node of nodes) {
    for (const { nodeId } of nodes) expect(await node.read(nodeId, "k")).toBe(value);
  }
}

function leaves(nodes: readonly ProcessNode[]): string[] {
  return nodes.flatMap((node) => node.leaves().map((left) => `${left} at ${node.nodeId}`));
}

/** Pairs between two groups, by index. */
function between(group: readonly number[], other: readonly number[]): [number, number][] {
  return group.flatMap((one) => other.map((two): [number, number] => [one, two]));
}

async function msUntil(look: () => void | Promise<void>): Promise<number> {
  const startMs = performance.now();
  await eventually(look);
  return performance.now() - startMs;
}

describe.skipIf(why !== undefined)("In network namespaces", () => {
  it("a cut link between two is no death: the state of the other still comes", async ({ net }) => {
    const { nodes, wires } = await scene(net);
    const [a, b] = nodes as [ProcessNode, ProcessNode];
    await wires.set({ cuts: [[0, 1]] });
    for (let round = 0; round < 8; round++) {
      const value = `value ${round}`;
      const { at } = await b.write({ k: value });
      const toldAt = await eventually(() => {
        const told = a.toldAt("b", "k", value);
        if (told === undefined) throw new Error(`a does not know ${value}`);
        return told;
      });
      // Until the link counts as broken nobody passes anything on; comparing digests does.
      expect(toldAt - at).toBeLessThan(round < 4 ? 6_000 : 2_000);
      await sleep(1_000);
    }
    await eventually(async () => {
      const info = (await a.peerInfo()).find(({ nodeId }) => nodeId === "b");
      expect(info?.status).toBe("relayed");
    });
    expect(leaves(nodes)).toEqual([]);
    await wires.set({});
    await eventually(async () => {
      for (const { status } of await a.peerInfo()) expect(status).toBe("alive");
    });
    expect(leaves(nodes)).toEqual([]);
  });

  it("one that is cut off is down everywhere, and back when the link is", async ({ net }) => {
    const { nodes, wires } = await scene(net);
    const [others, e] = [nodes.slice(0, 4), nodes[4] as ProcessNode];
    await wires.set({ cuts: between([4], [0, 1, 2, 3]) });
    const downMs = await msUntil(() => {
      for (const node of others) expect(node.leaves()).toEqual(["e"]);
    });
    expect(downMs).toBeLessThan(DOWN_MS);
    await e.write({ k: "alone" });
    await eventually(async () => expect(await e.peers()).toEqual(["e"]));
    await wires.set({});
    const mergedMs = await msUntil(async () => {
      for (const node of others) expect(await node.read("e", "k")).toBe("alone");
      expect((await e.peers()).length).toBe(NAMES.length);
    });
    expect(mergedMs).toBeLessThan(MERGED_MS);
    for (const node of others) expect(node.leaves()).toEqual(["e"]);
    console.info(`cut off: down in ${downMs.toFixed(0)} ms, merged in ${mergedMs.toFixed(0)} ms`);
  });

  it("two halves go on, each by itself, and merge", async ({ net }) => {
    const { nodes, wires } = await scene(net);
    const halves = [nodes.slice(0, 3), nodes.slice(3)];
    await wires.set({ cuts: between([0, 1, 2], [3, 4]) });
    await eventually(async () => {
      for (const half of halves) {
        for (const node of half) expect((await node.peers()).length).toBe(half.length);
      }
    });
    for (const node of nodes) await node.write({ k: "apart" });
    for (const half of halves) await eventually(() => allRead(half, "apart"));
    await wires.set({});
    const mergedMs = await msUntil(() => allRead(nodes, "apart"));
    expect(mergedMs).toBeLessThan(MERGED_MS);
    console.info(`halves: merged in ${mergedMs.toFixed(0)} ms`);
  });

  it("nobody is called dead at 30 % loss, and writes arrive", async ({ net }) => {
    const { nodes, wires } = await scene(net);
    const before = await wires.set({ loss: 0.3 });
    const endMs = performance.now() + 15_000;
    for (let round = 0; performance.now() < endMs; round++) {
      for (const node of nodes) await node.write({ k: `round ${round}` });
      await eventually(() => allRead(nodes, `round ${round}`), 30_000);
      await sleep(500);
    }
    const { passed, lost } = await wires.set({});
    expect(lost - before.lost).toBeGreaterThan(0.2 * (passed - before.passed + lost - before.lost));
    expect(leaves(nodes)).toEqual([]);
  });

  it("a network forms and works at 200 ms of delay", async ({ net }) => {
    const { nodes } = await scene(net, { delayMs: 200 });
    const [a, b] = nodes as [ProcessNode, ProcessNode];
    await a.send("b", "far away");
    expect(b.of("data")).toHaveLength(1);
    for (const node of nodes) await node.write({ k: "slow" });
    await eventually(() => allRead(nodes, "slow"));
    await sleep(8_000);
    expect(leaves(nodes)).toEqual([]);
  });
});
