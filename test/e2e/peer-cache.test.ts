/** Nodes that start again without bootstrap nodes, on real sockets and a real disk. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { DSNodeServer } from "../../src/index.ts";
import { eventually } from "../helpers/eventually.ts";

const running: DSNodeServer[] = [];
const folders: string[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((node) => node.stop()));
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true })));
});

async function start(folder: string, nodeId: string, more: object = {}): Promise<DSNodeServer> {
  const node = new DSNodeServer({ nodeId, networkIp: "127.0.0.1", credentialDir: folder, ...more });
  running.push(node);
  await node.start();
  return node;
}

describe("Three nodes that all stopped", () => {
  it("find each other from what they kept, and the last says that it is alone", async () => {
    const folder = await mkdtemp(join(tmpdir(), "dsn-cache-"));
    folders.push(folder);
    const a = await start(folder, "a");
    const b = await start(folder, "b", { bootstrapNodes: [`127.0.0.1:${a.port}`] });
    const c = await start(folder, "c", { bootstrapNodes: [`127.0.0.1:${a.port}`] });
    for (const node of [a, b, c]) await node.waitForPeers(2);
    const ports = { a: a.port, b: b.port };
    await Promise.all([a, b, c].map((node) => node.stop()));

    const [again, other] = await Promise.all([
      start(folder, "a", { port: ports.a }),
      start(folder, "b", { port: ports.b }),
    ]);
    await again.waitForPeers(["b"]);
    await other.waitForPeers(["a"]);
    const told: string[] = [];
    again.on("isolated", ({ reason }) => told.push(reason.code));
    again.on("connected", () => told.push("connected"));
    await other.stop();
    await eventually(() => expect(told).toEqual(["DSN_ISOLATED"]));
    await start(folder, "b", { port: ports.b });
    await eventually(() => expect(told).toEqual(["DSN_ISOLATED", "connected"]));
  });
});
