import { describe, expect, it } from "vitest";
import { toConfig } from "../../../src/cli/start-options.ts";

describe("toConfig()", () => {
  const flags = { id: "node-1", port: 8_000, credentialDir: "/tmp/none" };

  it("takes datagrams unless told not to", () => {
    expect(toConfig({ ...flags, udp: true }, undefined).udp).toBe(true);
    expect(toConfig({ ...flags, udp: false }, undefined).udp).toBe(false);
  });
});
