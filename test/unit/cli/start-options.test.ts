import { describe, expect, it } from "vitest";
import { toConfig } from "../../../src/cli/start-options.ts";

describe("toConfig()", () => {
  const flags = { id: "node-1", port: 8_000, credentialDir: "/tmp/none", peerCache: true };

  it("takes datagrams unless told not to", () => {
    expect(toConfig({ ...flags, udp: true }, undefined).udp).toBe(true);
    expect(toConfig({ ...flags, udp: false }, undefined).udp).toBe(false);
  });

  it("keeps peers for the next start unless told not to", () => {
    expect(toConfig({ ...flags, udp: true }, undefined).peerCache).toBe(true);
    expect(toConfig({ ...flags, udp: true, peerCache: false }, undefined).peerCache).toBe(false);
  });
});
