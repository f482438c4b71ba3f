import { describe, expect, it } from "vitest";
import { Endpoint } from "../../../src/node/endpoint.ts";

describe("Endpoint", () => {
  it.each([
    ["127.0.0.1:8000", "127.0.0.1", 8000],
    ["[::1]:8000", "::1", 8000],
    ["[fe80::1%eth0]:1", "fe80::1%eth0", 1],
    ["node-1.local:65535", "node-1.local", 65_535],
    [" localhost:1 ", "localhost", 1],
  ])("parse(%j)", (text, address, port) => {
    const endpoint = Endpoint.parse(text);
    expect({ ...endpoint }).toEqual({ address, port });
    expect(endpoint.toString()).toBe(text.trim());
    expect(JSON.parse(JSON.stringify(endpoint))).toEqual({ address, port });
    expect(Endpoint.parse(String(endpoint))).toEqual(endpoint);
  });

  it.each([
    ...["", "127.0.0.1", ":8000", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:8e3"],
    ...["::1:8000", "[::1]", "[::1]8000", "[name]:1", "http://a:1", "a:1/x", "a b:1", "127.1:1"],
  ])("parse() refuses %j", (text) => {
    expect(() => Endpoint.parse(text)).toThrow(
      expect.objectContaining({ code: "DSN_CONFIG", message: expect.stringContaining("endpoint") }),
    );
  });
});
