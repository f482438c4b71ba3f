import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { DSNodeConfig, parseWhitelistEntry } from "../../../src/node/config.ts";
import { Endpoint } from "../../../src/node/endpoint.ts";

const KEY = "000102030405060708090A0B0C0D0E0F";
const FINGERPRINT = "SHA256:9aX9QtFqIDAnmO9u0wmXm0MAPSMg2fDo6pgxqSdZ+0s";

describe("new DSNodeConfig()", () => {
  it("needs a node id only, and has the defaults of the reference", () => {
    const config = new DSNodeConfig({ nodeId: "a" });
    expect({ ...config }).toEqual({
      nodeId: "a",
      udp: true,
      peerCache: true,
      thread: false,
      loggingDir: "logs",
      credentialDir: "credentials",
      port: 0,
      networkIp: undefined,
      bootstrapNodes: [],
      whitelistNodeIds: [],
      bind: undefined,
    });
    expect(config.aesKey).toBeUndefined();
  });

  it("reads endpoints in every form", () => {
    const { bootstrapNodes } = new DSNodeConfig({
      nodeId: "a",
      bootstrapNodes: [
        new Endpoint("127.0.0.1", 1),
        { address: "::1", port: 2 },
        "host.local:3",
        "[fe80::1]:4",
      ],
    });
    expect(bootstrapNodes.every((endpoint) => endpoint instanceof Endpoint)).toBe(true);
    expect(bootstrapNodes.map(String)).toEqual([
      "127.0.0.1:1",
      "[::1]:2",
      "host.local:3",
      "[fe80::1]:4",
    ]);
  });

  it("takes null where the reference has None", () => {
    const config = new DSNodeConfig({ nodeId: "a", networkIp: null, aesKey: null });
    expect(config.networkIp).toBeUndefined();
    expect(config.aesKey).toBeUndefined();
  });

  it("takes a key as Python's bytes.fromhex does, and does not show it", () => {
    const config = new DSNodeConfig({ nodeId: "a", aesKey: ` ${KEY}\n` });
    expect(config.aesKey).toBe(` ${KEY}\n`);
    for (const text of [inspect(config), JSON.stringify(config), JSON.stringify({ ...config })]) {
      expect(text).not.toContain(KEY);
    }
  });

  it("does not change when its input does", () => {
    const bootstrapNodes = ["127.0.0.1:1"];
    const whitelistNodeIds = ["b"];
    const config = new DSNodeConfig({ nodeId: "a", bootstrapNodes, whitelistNodeIds });
    bootstrapNodes.push("127.0.0.1:2");
    whitelistNodeIds.push("c");
    expect(config.bootstrapNodes).toHaveLength(1);
    expect(config.whitelistNodeIds).toEqual(["b"]);
  });
});

describe("DSNodeConfig.fromDict() and toDict()", () => {
  const dict = {
    node_id: "a",
    logging_dir: "l",
    credential_dir: "c",
    port: 8000,
    network_ip: "10.0.0.1",
    aes_key: KEY,
    bootstrap_nodes: [{ address: "10.0.0.2", port: 8001 }],
    whitelist_node_ids: ["b", `c=${FINGERPRINT}`],
  };

  it("are each other's inverse", () => {
    expect(DSNodeConfig.fromDict(dict).toDict()).toEqual(dict);
    const smallest = DSNodeConfig.fromDict({ node_id: "a" }).toDict();
    expect(DSNodeConfig.fromDict(smallest).toDict()).toEqual(smallest);
    const bound = DSNodeConfig.fromDict({ ...dict, bind: "127.0.0.1" }).toDict();
    expect(DSNodeConfig.fromDict(bound).toDict()).toEqual({ ...dict, bind: "127.0.0.1" });
  });

  it("survive JSON", () => {
    const text = JSON.stringify(DSNodeConfig.fromDict(dict).toDict());
    expect(DSNodeConfig.fromDict(JSON.parse(text)).toDict()).toEqual(dict);
  });

  it("take both spellings", () => {
    const camel = DSNodeConfig.fromDict({
      nodeId: "a",
      loggingDir: "l",
      credentialDir: "c",
      port: 8000,
      networkIp: "10.0.0.1",
      aesKey: KEY,
      bootstrapNodes: ["10.0.0.2:8001"],
      whitelistNodeIds: ["b", `c=${FINGERPRINT}`],
    });
    expect(camel.toDict()).toEqual(dict);
    expect(() => DSNodeConfig.fromDict({ node_id: "a", nodeId: "b" })).toThrow(/given twice/);
  });

  it("refuse what is no field, and help with what nearly is", () => {
    const mistake = (name: string) => {
      try {
        DSNodeConfig.fromDict({ node_id: "a", [name]: [] });
      } catch (error) {
        return error as { code: string; message: string; fix: readonly string[] };
      }
      throw new Error(`${name} was taken`);
    };
    expect(mistake("nodeID")).toMatchObject({
      code: "DSN_CONFIG",
      message: 'Cannot use the field "nodeID": there is no such field',
      fix: ['did you mean "nodeId"?'],
    });
    expect(mistake("bootstrapnodes").fix).toEqual(['did you mean "bootstrapNodes"?']);
    expect(mistake("BOOTSTRAP_NODES").fix).toEqual(['did you mean "bootstrapNodes"?']);
    expect(mistake("whitelist_ips").fix.join()).toContain("whitelist_node_ids");
    expect(mistake("colour").fix.join()).toContain("credentialDir");
    expect(mistake("__proto__x").message).toContain("__proto__x");
    expect(mistake("toString").code).toBe("DSN_CONFIG");
    expect(mistake("x".repeat(500)).message.length).toBeLessThan(200);
  });
});

describe("parseWhitelistEntry()", () => {
  it("reads an id, or an id and a fingerprint", () => {
    expect(parseWhitelistEntry("b")).toEqual({ nodeId: "b", fingerprint: undefined });
    expect(parseWhitelistEntry(`b=${FINGERPRINT}`)).toEqual({
      nodeId: "b",
      fingerprint: FINGERPRINT,
    });
    expect(parseWhitelistEntry(`x=y=${FINGERPRINT}`)).toEqual({
      nodeId: "x=y",
      fingerprint: FINGERPRINT,
    });
    expect(parseWhitelistEntry("büro 3")).toEqual({ nodeId: "büro 3", fingerprint: undefined });
  });

  it("never takes a fingerprint that was cut off for part of a name", () => {
    for (let length = 1; length < FINGERPRINT.length - "SHA256:".length; length++) {
      expect(parseWhitelistEntry(`b=${FINGERPRINT.slice(0, -length)}`)).toBeUndefined();
    }
    for (const entry of [`=${FINGERPRINT}`, "", "a/b", `a/b=${FINGERPRINT}`, "b=SHA256:"]) {
      expect(parseWhitelistEntry(entry), entry).toBeUndefined();
    }
  });
});

it("a worker answers by datagram: thread without udp is refused", () => {
  const input = { nodeId: "a", thread: true };
  expect(new DSNodeConfig(input).toDict()).toMatchObject({ thread: true });
  expect(() => new DSNodeConfig({ ...input, udp: false })).toThrow(
    expect.objectContaining({ code: "DSN_CONFIG" }),
  );
});
