/** What `npm run simulate -- --nodes` reports, of a network just large enough to have links. */
import { describe, expect, it } from "vitest";
import { runScale } from "../../src/testing/index.ts";

const NODES = 36;

describe("The report of a large network", () => {
  it.each([false, true])("holds, where the bootstrap node dies: %s", (bootstrapDies) => {
    const report = runScale({ nodes: NODES, minutes: 0.1, bootstrapDies });
    const lasting = NODES - Number(bootstrapDies);
    expect(report.seesAllMs.length).toBe(lasting);
    expect(report.allSeeAllMs).toBeLessThan(20_000);
    expect(report.everywhereMs.length + report.overtaken).toBe(6);
    expect(report.everywhereMs.at(-1)).toBeLessThan(1_000);
    expect(report.ownFrames.length).toBe(6);
    expect(report.ownFrames[0]).toBeGreaterThan(0);
    // The median: newcomers are still offered while the first are written.
    expect(report.ownFrames[2]).toBeLessThanOrEqual(20);
    expect(report.deathKnownMs.length).toBe(lasting - 1);
    expect(report.deathKnownMs.at(-1)).toBeLessThan(6_000);
    expect(report.falseVerdicts).toEqual([]);
    expect(report.traffic.get("datagram")?.count).toBeGreaterThan(0);
  });
});
