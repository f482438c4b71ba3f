/** What was written last arrives before the node that wrote it is gone, however large it is. */
import { describe, expect } from "vitest";
import { timed } from "../helpers/eventually.ts";
import { it } from "../helpers/network.ts";

const KIB = 1024;

describe("stop() right after a write", () => {
  for (const kib of [1, 30, 300, 3_072]) {
    it(`of ${kib} KiB: peers hear of it, and then of the goodbye`, async ({ net }) => {
      const a = await net.ours({ nodeId: "a" });
      const b = await net.ours({ nodeId: "b", bootstrapNodes: [a.address] });
      await Promise.all([a.server.waitForPeers(["b"]), b.server.waitForPeers(["a"])]);
      const told: string[] = [];
      a.server.on("state:update", ({ current }) => told.push(...Object.keys(current)));
      a.server.on("peer:leave", ({ status }) => told.push(status));
      b.server.updateMany({ result: "done", report: "x".repeat(kib * KIB) });
      const first = b.server.stop();
      const { ms } = await timed(Promise.all([first, b.server.stop()]));
      // Half a second for the goodbye, and as much again for a machine that is busy.
      expect(ms).toBeLessThan(1_000);
      expect(told).toEqual(["result", "report", "left"]);
    });
  }
});
