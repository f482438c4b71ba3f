/** Why a Python peer and our node do not come together: each reason has its name, on both sides. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect } from "vitest";
import { DSNodeServer, DsnError } from "../../src/index.ts";
import { eventually, sleep } from "../helpers/eventually.ts";
import { it, NEVER, type Observed } from "../helpers/network.ts";
import { pythonAvailable } from "./python-peer.ts";

const python = pythonAvailable();
const skipped = python.available ? "" : ` (skipped: ${python.reason})`;

/** The reason that our node gives for not having joined through `address`. */
function reasonOf(node: Observed, address: string): DsnError {
  const warning = node.warning("DSN_NO_BOOTSTRAP");
  expect(warning?.why).toContain(address);
  const { cause } = warning ?? {};
  if (!(cause instanceof DsnError)) throw new Error(`no reason: ${warning?.why}`);
  expect(warning?.why).toContain(cause.code);
  expect(cause.endpoint).toBe(address);
  expect(cause.fix.length).toBeGreaterThan(0);
  expect(cause.why).toBeDefined();
  return cause;
}

describe.skipIf(!python.available).concurrent(`Ours calls a Python peer${skipped}`, () => {
  it("that has another network key: DSN_KEY_REFUSED", async ({ net }) => {
    const p = await net.python({ id: "p", host: "127.0.0.2", key: DSNodeServer.generateKey() });
    const a = await net.ours({ nodeId: "a", bootstrapNodes: [p.address] });
    const { code, why, message } = reasonOf(a, p.address);
    expect(code).toBe("DSN_KEY_REFUSED");
    expect(why).toContain(a.server.keyId);
    expect(why + message).not.toContain(net.key);
    expect(a.server.peers()).toEqual(["a"]);
    expect(await p.peers()).toEqual(["p"]);
  });

  it("that has a network key and we have none: DSN_KEY_REFUSED", async ({ net }) => {
    const p = await net.python({ id: "p", host: "127.0.0.2" });
    net.key = undefined;
    const a = await net.ours({ nodeId: "a", bootstrapNodes: [p.address] });
    expect(reasonOf(a, p.address).message).toContain("uses a network key and we do not");
    expect(reasonOf(a, p.address).code).toBe("DSN_KEY_REFUSED");
  });

  it("that has no network key and we have one: DSN_KEY_UNEXPECTED", async ({ net }) => {
    const { key } = net;
    net.key = undefined;
    const p = await net.python({ id: "p", host: "127.0.0.2" });
    net.key = key;
    const codes: string[] = [];
    // One sealed message in 256 happens to begin like a plain one, and is refused as such.
    for (let attempt = 0; attempt < 3; attempt++) {
      const a = await net.ours({ nodeId: `a${attempt}`, bootstrapNodes: [p.address] });
      codes.push(reasonOf(a, p.address).code);
      await a.server.stop();
    }
    expect(codes).toContain("DSN_KEY_UNEXPECTED");
  });

  it("of another protocol version: DSN_VERSION_MISMATCH", async ({ net }) => {
    const p = await net.python({ id: "p", host: "127.0.0.2", version: "0.10.0" });
    const a = await net.ours({ nodeId: "a", bootstrapNodes: [p.address] });
    const { code, why } = reasonOf(a, p.address);
    expect(code).toBe("DSN_VERSION_MISMATCH");
    expect(why).toContain('"0.9.0" (a) != "0.10.0" (p)');
    expect(await p.peers()).toEqual(["p"]);
  });

  it("whose whitelist does not name us: DSN_NOT_WHITELISTED", async ({ net }) => {
    const p = await net.python({ id: "p", host: "127.0.0.2", whitelist: ["b"] });
    const a = await net.ours({ nodeId: "a", bootstrapNodes: [p.address] });
    const { code, message } = reasonOf(a, p.address);
    expect(code).toBe("DSN_NOT_WHITELISTED");
    expect(message).toContain('"a" is not on its whitelist');
  });

  it("that our whitelist does not name: DSN_NOT_WHITELISTED", async ({ net }) => {
    const p = await net.python({ id: "p", host: "127.0.0.2" });
    const a = await net.ours({
      nodeId: "a",
      bootstrapNodes: [p.address],
      whitelistNodeIds: ["q"],
    });
    const { code, message } = reasonOf(a, p.address);
    expect(code).toBe("DSN_NOT_WHITELISTED");
    expect(message).toContain('"p" is not on our whitelist');
    expect(a.codes).toContain("DSN_WHITELIST_UNPINNED");
  });

  it("that knows another key under our name: DSN_IDENTITY_REFUSED", async ({ net }) => {
    const p = await net.python({ id: "p", host: "127.0.0.2" });
    const first = await net.ours({ nodeId: "a", bootstrapNodes: [p.address] });
    await first.server.stop();
    const a = await net.ours({ nodeId: "a", bootstrapNodes: [p.address] });
    const { code, fix } = reasonOf(a, p.address);
    expect(code).toBe("DSN_IDENTITY_REFUSED");
    expect(fix.join()).toContain("a.pub");
  });

  it("that came back with another key: DSN_PEER_IDENTITY_CHANGED, until it is forgotten", async ({
    net,
  }) => {
    const p = await net.python({ id: "p", host: "127.0.0.2" });
    const a = await net.ours({ nodeId: "a", bootstrapNodes: [p.address] });
    const before = a.server.peerInfo("p")?.fingerprint ?? "none";
    await p.stop();
    await eventually(() => expect(a.leaves).toEqual(["p"]));
    const again = await net.python({ id: "p", host: "127.0.0.2", port: p.port });
    await eventually(() => expect(a.codes).toContain("DSN_PEER_IDENTITY_CHANGED"), 15_000);
    const { why, fix } = a.warning("DSN_PEER_IDENTITY_CHANGED") ?? {};
    expect(why).toContain(before);
    expect(why?.match(/SHA256:/g)).toHaveLength(2);
    expect(fix?.join()).toContain("forgetIdentity()");
    expect(a.server.peers()).toEqual(["a"]);
    await expect(a.server.sendToNode("p", "x")).rejects.toMatchObject({
      code: "DSN_UNKNOWN_NODE",
    });
    a.server.forgetIdentity("p");
    await a.server.waitForPeers(["p"], { timeout: 15_000 });
    expect(a.server.peerInfo("p")?.fingerprint).not.toBe(before);
    await eventually(() =>
      expect(
        a.warnings.filter(({ resolved }) => resolved).map(({ error }) => error.code),
      ).toContain("DSN_PEER_IDENTITY_CHANGED"),
    );
    expect((await again.peers()).sort()).toEqual(["a", "p"]);
  });

  it("that has our own name: DSN_IDENTITY_REFUSED or DSN_DUPLICATE_IDENTITY", async ({ net }) => {
    const p = await net.python({ id: "same", host: "127.0.0.2" });
    const a = await net.ours({ nodeId: "same", bootstrapNodes: [p.address] });
    expect(["DSN_IDENTITY_REFUSED", "DSN_DUPLICATE_IDENTITY"]).toContain(
      reasonOf(a, p.address).code,
    );
    expect(a.server.peers()).toEqual(["same"]);
  });

  it("that does not sign its HELLO: DSN_BAD_SIGNATURE (D02)", async ({ net }) => {
    for (const sign of ["none", "garbage"] as const) {
      const p = await net.python({ id: "p", host: "127.0.0.2" });
      await p.answerHelloAs({ nodeId: "p", sign });
      const a = await net.ours({ nodeId: "a", bootstrapNodes: [p.address] });
      expect(reasonOf(a, p.address).code).toBe("DSN_BAD_SIGNATURE");
      expect(a.server.peers()).toEqual(["a"]);
      await a.server.stop();
      await p.stop();
    }
  });

  it("that is not there, or silent: DSN_UNREACHABLE, in words", async ({ net }) => {
    const p = await net.python({ id: "p", host: "127.0.0.2" });
    await p.silent(true);
    const a = await net.ours({ nodeId: "a", bootstrapNodes: [p.address] });
    expect(reasonOf(a, p.address)).toMatchObject({
      code: "DSN_UNREACHABLE",
      message: expect.stringContaining("did not answer in time"),
    });
    await p.stop();
    const b = await net.ours({ nodeId: "b", bootstrapNodes: [p.address] });
    expect(reasonOf(b, p.address)).toMatchObject({
      code: "DSN_UNREACHABLE",
      message: expect.stringContaining("cannot be reached"),
      why: expect.stringContaining("ECONNREFUSED"),
    });
  });

  it("that is another service: DSN_NOT_DSN", async ({ net }) => {
    const pages: [number, string][] = [
      [404, "<!doctype html>"],
      [200, "<html>welcome</html>"],
      [302, ""],
      [501, ""],
      [400, "<html>Bad Request</html>"],
    ];
    for (const [status, body] of pages) {
      const web = createServer((request, response) => {
        request.resume().on("end", () => response.writeHead(status).end(body));
      });
      await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
      net.atEnd(async () => {
        web.closeAllConnections();
        web.close();
      });
      const at = `127.0.0.1:${(web.address() as AddressInfo).port}`;
      const a = await net.ours({ nodeId: "a", bootstrapNodes: [at] });
      expect(reasonOf(a, at).code, `${status} ${body}`).toBe("DSN_NOT_DSN");
      await a.server.stop();
    }
  });

  it("that cannot call us back: DSN_ONE_WAY, and it is not told to disconnect for ever", async ({
    net,
  }) => {
    const p = await net.python({ id: "p", host: "127.0.0.2" });
    // It is called from 127.0.0.1, and calls back there; we listen somewhere else.
    const a = await net.ours({ nodeId: "a", bind: "127.0.0.9", bootstrapNodes: [p.address] });
    await eventually(() => expect(a.codes).toContain("DSN_ONE_WAY"), 20_000);
    expect(a.warning("DSN_ONE_WAY")).toMatchObject({ nodeId: "p" });
    expect(a.server.peerInfo("p")?.seesUs).toBe(false);
    expect(a.codes.filter((code) => code === "DSN_ONE_WAY")).toHaveLength(1);
    const before = p.events.of("disconnect").length;
    await sleep(6_000);
    // Each HELLO of ours makes it list us and drop us again: so they become rare.
    expect(p.events.of("disconnect").length - before).toBeLessThanOrEqual(1);
  });
});

describe.skipIf(!python.available).concurrent(`A Python peer calls ours${skipped}`, () => {
  const refusal = "Missing or incorrect encryption key";

  it("with another network key, or none: one answer, DSN_KEY_STRANGER once", async ({ net }) => {
    const a = await net.ours({ nodeId: "a" });
    const { key } = net;
    for (const theirs of [DSNodeServer.generateKey(), undefined]) {
      net.key = theirs;
      const p = await net.python({ id: "p", host: "127.0.0.2", tickSeconds: NEVER });
      for (let time = 0; time < 3; time++) {
        await expect(p.hello(a.address)).rejects.toMatchObject({ status: 401 });
        await expect(p.hello(a.address)).rejects.toThrow(refusal);
      }
    }
    net.key = key;
    await eventually(() => expect(a.codes).toEqual(["DSN_KEY_STRANGER"]));
    expect(a.warning("DSN_KEY_STRANGER")).toMatchObject({ endpoint: "127.0.0.2" });
    expect(a.joins).toEqual([]);
  });

  it("with a network key that we do not have: it is told 400, as by Python", async ({ net }) => {
    const p = await net.python({ id: "p", host: "127.0.0.2", tickSeconds: NEVER });
    net.key = undefined;
    const a = await net.ours({ nodeId: "a" });
    await eventually(() => expect(p.hello(a.address)).rejects.toMatchObject({ status: 400 }));
    expect(a.joins).toEqual([]);
  });

  it("of another version: it is told both, in the words of the reference", async ({ net }) => {
    const a = await net.ours({ nodeId: "a" });
    const p = await net.python({ id: "p", host: "127.0.0.2", version: "0.8.0" });
    await expect(p.hello(a.address)).rejects.toMatchObject({ status: 505 });
    await expect(p.hello(a.address)).rejects.toThrow(
      'Network version mismatch "0.8.0" (p) != "0.9.0" (a)',
    );
    await eventually(() => expect(a.codes).toEqual(["DSN_VERSION_MISMATCH"]));
    expect(a.server.peers()).toEqual(["a"]);
  });

  it("with another key than before: it is told so, and so is our operator", async ({ net }) => {
    const a = await net.ours({ nodeId: "a" });
    const options = { id: "p", host: "127.0.0.2", bootstrap: [a.address] };
    const first = await net.python(options);
    await first.joined();
    await a.server.waitForPeers(["p"]);
    await first.stop();
    await eventually(() => expect(a.leaves).toEqual(["p"]));
    const second = await net.python(options);
    await expect(second.joined()).rejects.toThrow(/Could not connect/);
    await expect(second.hello(a.address)).rejects.toThrow("Cannot verify ECDSA key for p");
    await eventually(() => expect(a.codes).toContain("DSN_PEER_IDENTITY_CHANGED"));
    a.server.forgetIdentity("p");
    await second.hello(a.address);
    await a.server.waitForPeers(["p"]);
  });

  it("under our own name: it is refused", async ({ net }) => {
    const a = await net.ours({ nodeId: "a" });
    const p = await net.python({ id: "a", host: "127.0.0.2" });
    await expect(p.hello(a.address)).rejects.toMatchObject({ status: 401 });
    await expect(p.hello(a.address)).rejects.toThrow("Cannot verify ECDSA key for a");
    expect(a.server.peers()).toEqual(["a"]);
  });

  it("in our own name with our own key: it is refused, and our own entry stands (D04)", async ({
    net,
  }) => {
    const credentialDir = net.folder();
    const a = await net.ours({ nodeId: "a", credentialDir });
    const p = await net.python({ id: "a", host: "127.0.0.2", credentialDir, tickSeconds: NEVER });
    await expect(p.hello(a.address)).rejects.toMatchObject({ status: 406 });
    await expect(p.hello(a.address)).rejects.toThrow("Origin and destination are the same");
    expect(a.server.addresses().advertised?.port).toBe(a.server.port);
    expect(a.server.peers()).toEqual(["a"]);
  });
});
