/** Many messages at once: each is delivered if its sender was told so. */
import { describe, expect } from "vitest";
import { eventually } from "../helpers/eventually.ts";
import { it } from "../helpers/network.ts";

const MIB = 1024 * 1024;

describe("a large message", () => {
  for (const other of ["a", "c"]) {
    it(`is delivered although 9,000 small ones to "${other}" overtake it`, async ({ net }) => {
      const a = await net.ours({ nodeId: "a" });
      const b = await net.ours({ nodeId: "b", bootstrapNodes: [a.address] });
      const c = await net.ours({ nodeId: "c", bootstrapNodes: [a.address] });
      await Promise.all([a, b, c].map(({ server }) => server.waitForPeers(2)));
      const large = b.server.sendToNode("a", new Uint8Array(64 * MIB));
      for (let sent = 0; sent < 9_000; sent += 500) {
        await Promise.all(Array.from({ length: 500 }, () => b.server.sendToNode(other, "x")));
      }
      await b.server.sendToNode("a", "last");
      await eventually(() => expect(a.texts()).toContain("last"));
      expect(
        a.data.every(({ data }) => data.length < MIB),
        "it was overtaken",
      ).toBe(true);
      await large;
      await eventually(() => expect(a.data.at(-1)?.data).toHaveLength(64 * MIB));
    });
  }
});

describe("more messages at once than may wait", () => {
  it("wait for room, and are delivered", async ({ net }) => {
    const a = await net.ours({ nodeId: "a" });
    const b = await net.ours({ nodeId: "b", bootstrapNodes: [a.address] });
    await Promise.all([a, b].map(({ server }) => server.waitForPeers(1)));
    const bytes = new Uint8Array(10_000);
    await Promise.all(Array.from({ length: 5_000 }, () => b.server.sendToNode("a", bytes)));
    await eventually(() => expect(a.data).toHaveLength(5_000));
  });

  it("are rejected when their time is over, and not as if they might have arrived", async ({
    net,
  }) => {
    const a = await net.ours({ nodeId: "a" });
    const b = await net.ours({ nodeId: "b", bootstrapNodes: [a.address] });
    await Promise.all([a, b].map(({ server }) => server.waitForPeers(1)));
    const bytes = new Uint8Array(10_000);
    const ends = await Promise.allSettled(
      Array.from({ length: 5_000 }, () => b.server.sendToNode("a", bytes, { timeout: 100 })),
    );
    const errors = ends.flatMap((end) => (end.status === "rejected" ? [end.reason] : []));
    const full = errors.filter(({ message }) => message.includes("takes less than it is sent"));
    expect(full.length).toBeGreaterThan(0);
    expect(new Set(full.map(({ code }) => code))).toEqual(new Set(["DSN_UNREACHABLE"]));
  });
});
