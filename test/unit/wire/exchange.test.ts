import { describe, expect, it } from "vitest";
import { formatAddress, sameAddress } from "../../../src/wire/exchange.ts";

describe("formatAddress", () => {
  it.each([
    ["10.0.0.1", "10.0.0.1:8000"],
    ["node-1.example", "node-1.example:8000"],
    ["::1", "[::1]:8000"],
    ["fe80::1%eth0", "[fe80::1%eth0]:8000"],
  ])("%s is written as in a URL", (address, text) => {
    expect(formatAddress({ address, port: 8_000 })).toBe(text);
  });
});

describe("sameAddress", () => {
  const one = { address: "10.0.0.1", port: 8_000 };

  it("asks for the same host and the same port", () => {
    expect(sameAddress(one, { ...one })).toBe(true);
    expect(sameAddress(one, { ...one, port: 8_001 })).toBe(false);
    expect(sameAddress(one, { ...one, address: "10.0.0.2" })).toBe(false);
  });

  it("is never true of an address that is not known", () => {
    expect(sameAddress(undefined, one)).toBe(false);
    expect(sameAddress(one, undefined)).toBe(false);
    expect(sameAddress(undefined, undefined)).toBe(false);
  });
});
