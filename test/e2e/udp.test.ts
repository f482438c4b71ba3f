import { createSocket } from "node:dgram";
import { describe, expect } from "vitest";
import { eventually, throughout } from "../helpers/eventually.ts";
import { it } from "../helpers/network.ts";
import { freePort } from "../helpers/ports.ts";

describe("Datagrams", () => {
  it("a network of nodes with and without them converges", async ({ net }) => {
    const a = await net.ours({ nodeId: "a", udp: true });
    const b = await net.ours({ nodeId: "b", udp: true, bootstrapNodes: [a.address] });
    const c = await net.ours({ nodeId: "c", bootstrapNodes: [a.address] });
    const nodes = [a, b, c];
    for (const { server } of nodes) await server.waitForPeers(2);
    for (let round = 0; round < 20; round++) {
      for (const { server } of nodes) server.updateData("round", String(round));
      for (const reader of nodes) {
        for (const writer of nodes) {
          await reader.server.waitForKey(
            writer.server.nodeId(),
            "round",
            (value) => value === String(round),
          );
        }
      }
    }
    // Too large for a datagram, there and back: the same network, over HTTP.
    const large = "x".repeat(100_000);
    a.server.updateData("large", large);
    await b.server.waitForKey("a", "large", (value) => value === large);
    await c.server.waitForKey("a", "large", (value) => value === large);
    await Promise.all(
      nodes.flatMap(({ server }) => server.remotePeers().map((id) => server.sendToNode(id, "hi"))),
    );
    expect([a.codes, b.codes, c.codes]).toEqual([[], [], []]);
  });

  it("a UDP port that another program has is told, and HTTP goes on alone", async ({ net }) => {
    const a = await net.ours({ nodeId: "a", udp: true });
    const taken = createSocket("udp4");
    const port = await freePort();
    await new Promise<void>((bound) => taken.bind(port, "127.0.0.1", bound));
    let heard = 0;
    taken.on("message", () => heard++);
    try {
      const b = await net.ours({ nodeId: "b", udp: true, port, bootstrapNodes: [a.address] });
      await a.server.waitForPeers(["b"]);
      b.server.updateData("status", "ready");
      expect(await a.server.waitForKey("b", "status")).toBe("ready");
      await eventually(() => expect(b.server.remotePeers()).toEqual(["a"]));
      expect(b.codes).toEqual(["DSN_UDP_UNAVAILABLE"]);
      // Nobody is told to send datagrams to the other program.
      a.server.updateData("k", "v");
      expect(await b.server.waitForKey("a", "k")).toBe("v");
      await throughout(1_500, () => expect(heard).toBe(0));
      expect(a.codes).toEqual([]);
    } finally {
      await new Promise<void>((closed) => taken.close(closed));
    }
  });
});
