/** Limits and bad input: what is too much, or no value at all, is refused in words. */
import { describe, expect } from "vitest";
import { createAesCbcSeal } from "../../src/crypto/aes-cbc-seal.ts";
import { parseNetworkKey } from "../../src/crypto/network-key.ts";
import { DSNodeConfig, type DSNodeConfigInput, DSNodeServer, Endpoint } from "../../src/index.ts";
import { createHttpCarrier } from "../../src/transport/http-carrier.ts";
import { eventually } from "../helpers/eventually.ts";
import { it } from "../helpers/network.ts";

const MIB = 1024 * 1024;

describe("limits", () => {
  it("a state may have 8 MiB of JSON, and not a byte more", async ({ net }) => {
    const a = await net.ours({ nodeId: "a" });
    const b = await net.ours({ nodeId: "b", bootstrapNodes: [a.address] });
    const frame = '{"k": ""}'.length;
    // The limit counts the JSON without its braces, plus one separator.
    const most = "x".repeat(8 * MIB - frame);
    a.server.updateData("k", most);
    await b.server.waitForKey("a", "k", (value) => value.length === most.length);
    expect(b.server.readData("a", "k")).toBe(most);
    const tooLarge = expect.objectContaining({
      code: "DSN_STATE_TOO_LARGE",
      message: expect.stringContaining(String(8 * MIB)),
    });
    expect(() => a.server.updateData("k", `${most}x`)).toThrow(tooLarge);
    expect(() => a.server.updateData("k2", "x")).toThrow(tooLarge);
    // Characters that JSON escapes count as what they take.
    expect(() => a.server.updateData("k", "é".repeat(2 * MIB))).toThrow(tooLarge);
    expect(() => a.server.updateMany({ small: "1", k: `${most}x` })).toThrow(tooLarge);
    expect(a.server.readData("a", "small")).toBeUndefined();
    expect(a.server.readData("a", "k")).toBe(most);
    a.server.updateData("k", "small again");
    expect(await b.server.waitForKey("a", "k", (value) => value === "small again")).toBeDefined();
    expect(a.leaves).toEqual([]);
    expect(b.leaves).toEqual([]);
  });

  it("a key may have 1 KiB of UTF-8", async ({ net }) => {
    const a = await net.ours({ nodeId: "a" });
    a.server.updateData("k".repeat(1024), "v");
    a.server.updateData("é".repeat(512), "v");
    for (const key of ["k".repeat(1025), "é".repeat(513), "🔑".repeat(257)]) {
      expect(() => a.server.updateData(key, "v")).toThrow(
        expect.objectContaining({ code: "DSN_STATE_TOO_LARGE" }),
      );
    }
    expect(Object.keys(a.server.getAll() ?? {})).toHaveLength(2);
  });

  it("a message may have 64 MiB", async ({ net }) => {
    const a = await net.ours({ nodeId: "a" });
    const b = await net.ours({ nodeId: "b", bootstrapNodes: [a.address] });
    const most = Buffer.alloc(64 * MIB, "message ");
    await b.server.sendToNode("a", most);
    await eventually(() => expect(a.data).toHaveLength(1));
    expect(Buffer.compare(most, a.data[0]?.data ?? Buffer.alloc(0))).toBe(0);
    const larger = Buffer.alloc(64 * MIB + 1);
    for (const to of ["a", "b"]) {
      await expect(b.server.sendToNode(to, larger)).rejects.toMatchObject({
        code: "DSN_MESSAGE_TOO_LARGE",
        why: expect.stringContaining(String(64 * MIB)),
      });
    }
    expect(a.leaves).toEqual([]);
    expect(b.leaves).toEqual([]);
  });

  it("D07: a payload that could be passed off as a state is not signed", async ({ net }) => {
    const a = await net.ours({ nodeId: "a" });
    // Without sessions: only the Python wire's signatures could be for something else.
    const carrier = createHttpCarrier({ seal: createAesCbcSeal(parseNetworkKey(net.key ?? "")) });
    const b = await net.ours({ nodeId: "b", bootstrapNodes: [a.address] }, { parts: { carrier } });
    const json = Buffer.from('{"k": "forged"}');
    const payload = Buffer.concat([Buffer.alloc(8), json]);
    payload.writeUInt32LE(json.length, 4);
    const refused = { code: "DSN_DATA_AMBIGUOUS", fix: [expect.any(String)] };
    await expect(b.server.sendToNode("a", payload)).rejects.toMatchObject(refused);
    await b.server.sendToNode("a", Buffer.concat([Buffer.of(0), payload]));
    await eventually(() => expect(a.data).toHaveLength(1));
  });
});

/** Each is one mistake in one field; the message must name the field. */
const MISTAKES: readonly [field: string, input: Record<string, unknown>, code?: string][] = [
  ["nodeId", { nodeId: undefined }],
  ["nodeId", { nodeId: "" }],
  ["nodeId", { nodeId: "a/b" }],
  ["nodeId", { nodeId: "../../escaped" }],
  ["nodeId", { nodeId: ".." }],
  ["nodeId", { nodeId: "a b" }],
  ["nodeId", { nodeId: "ü" }],
  ["nodeId", { nodeId: "x".repeat(65) }],
  ["nodeId", { nodeId: 7 }],
  ["port", { port: -1 }],
  ["port", { port: 65_536 }],
  ["port", { port: 1.5 }],
  ["port", { port: Number.NaN }],
  ["port", { port: "8000" }],
  ["networkIp", { networkIp: "http://10.0.0.1" }],
  ["networkIp", { networkIp: "10.0.0.1:8000" }],
  ["networkIp", { networkIp: "" }],
  ["networkIp", { networkIp: 1 }],
  ["aesKey", { aesKey: 5 }],
  ["network key", { aesKey: "" }, "DSN_KEY_FORMAT"],
  ["network key", { aesKey: "5ec2e7".repeat(3) }, "DSN_KEY_FORMAT"],
  ["network key", { aesKey: "5ec2e700".repeat(8) }, "DSN_KEY_FORMAT"],
  ["network key", { aesKey: `${"5ec2e700".repeat(3)}5ec2e70z` }, "DSN_KEY_FORMAT"],
  ["bootstrapNodes", { bootstrapNodes: "127.0.0.1:8000" }],
  ["endpoint", { bootstrapNodes: ["127.0.0.1"] }],
  ["endpoint", { bootstrapNodes: ["127.0.0.1:0"] }],
  ["endpoint", { bootstrapNodes: ["::1:8000"] }],
  ["endpoint", { bootstrapNodes: ["http://127.0.0.1:8000"] }],
  ["endpoint", { bootstrapNodes: [{ address: "127.0.0.1/x?", port: 80 }] }],
  ["endpoint", { bootstrapNodes: [{ address: "127.0.0.1", port: 70_000 }] }],
  ["bootstrapNodes", { bootstrapNodes: [{ address: "127.0.0.1" }] }],
  ["bootstrapNodes", { bootstrapNodes: [8000] }],
  ["whitelistNodeIds", { whitelistNodeIds: ["a/b"] }],
  ["whitelistNodeIds", { whitelistNodeIds: ["a=SHA256:tooshort"] }],
  ["whitelistNodeIds", { whitelistNodeIds: "a" }],
  ["credentialDir", { credentialDir: "" }],
  ["loggingDir", { loggingDir: "" }],
  ["bind", { bind: "everywhere!" }],
  ["aeskey", { aeskey: "5ec2e700".repeat(4) }],
  ["whitelist_ips", { whitelist_ips: [] }],
];

describe("bad input", () => {
  it.each(MISTAKES)("%s %j", (field, input, code = "DSN_CONFIG") => {
    const config = { nodeId: "a", ...input } as unknown as DSNodeConfigInput;
    let thrown: unknown;
    try {
      new DSNodeServer(config);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ name: "DsnError", code });
    const { message, why, fix } = thrown as { message: string; why?: string; fix: string[] };
    expect(message).toContain(field);
    expect(fix.length).toBeGreaterThan(0);
    expect(message).not.toMatch(/\binvalid\b|\boops\b|\bplease\b/i);
    expect([message, why, ...fix].join()).not.toContain("5ec2e7");
    expect(() => DSNodeConfig.fromDict({ node_id: "a", ...input })).toThrow();
    return expect(DSNodeServer.start(config)).rejects.toMatchObject({ code });
  });

  it.each([undefined, null, "a", 7, []])("no configuration at all: %s", (config) => {
    const start = DSNodeServer.start(config as unknown as DSNodeConfigInput);
    return expect(start).rejects.toMatchObject({ name: "DsnError", code: "DSN_CONFIG" });
  });

  it.each([
    ["", 1],
    ["a b", 1],
    ["127.0.0.1", 0],
    ["127.0.0.1", 65_536],
    ["127.0.0.1", "80"],
    [undefined, 1],
  ])("new Endpoint(%j, %j)", (address, port) => {
    expect(() => new Endpoint(address as string, port as number)).toThrow(
      expect.objectContaining({ code: "DSN_CONFIG" }),
    );
  });

  it("an initial state with what is no string", ({ net }) => {
    const state = { k: 1 } as unknown as Record<string, string>;
    expect(() => net.unstarted({ nodeId: "a" }, { state })).toThrow(TypeError);
  });

  it("an initial state that is too large leaves nothing running", async ({ net }) => {
    const { server } = net.unstarted({ nodeId: "a" }, { state: { k: "x".repeat(9 * MIB) } });
    await expect(server.start()).rejects.toMatchObject({ code: "DSN_STATE_TOO_LARGE" });
    expect(server.isShutDown()).toBe(true);
    expect(server.httpServer?.listening).toBe(false);
  });
});
