/** Floods of connections and of datagrams at a live node: what honest nodes notice of them. */
import { randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { afterEach, describe, expect } from "vitest";
import { createAesCbcSeal } from "../../src/crypto/aes-cbc-seal.ts";
import { createDatagramsFirst } from "../../src/transport/datagrams-first.ts";
import { createHttpCarrier } from "../../src/transport/http-carrier.ts";
import { UdpAssociation } from "../../src/transport/udp-association.ts";
import { UdpCarrier } from "../../src/transport/udp-carrier.ts";
import { encodeConfirm } from "../../src/transport/udp-content.ts";
import {
  decodeDatagram,
  encodeChallenge,
  encodeInit,
  FIRST_CONTENT_BYTES,
} from "../../src/transport/udp-datagram.ts";
import { until } from "../contract/carrier.ts";
import { eventually } from "../helpers/eventually.ts";
import { it, type Observed, type TestNetwork } from "../helpers/network.ts";
import { closeHeld, Held } from "../helpers/raw-http.ts";
import { fromHex } from "../vectors.ts";

afterEach(() => closeHeld());

const networkKeyOf = ({ key }: TestNetwork) => fromHex(key ?? "");

describe("A flood of connections", () => {
  const limits = { connectionsMax: 60, connectionsPerSourceMax: 40 };

  async function victim(net: TestNetwork): Promise<Observed> {
    const seal = createAesCbcSeal(networkKeyOf(net));
    const carrier = createHttpCarrier({ seal, limits });
    return net.ours({ nodeId: "victim", udp: false }, { parts: { carrier } });
  }

  for (const [where, sources] of [
    ["one address", ["127.0.0.9"]],
    ["many addresses", Array.from({ length: 100 }, (_, index) => `127.0.1.${index + 1}`)],
    ["the address of honest nodes", ["127.0.0.1"]],
  ] as const) {
    it(`from ${where} keeps nobody out: its own oldest go`, async ({ net }) => {
      const a = await victim(net);
      const b = await net.ours({ nodeId: "b", udp: false, bootstrapNodes: [a.address] });
      await a.server.waitForPeers(["b"]);
      const at = { address: "127.0.0.1", port: a.server.port };
      const flood: Held[] = [];
      for (let count = 0; count < 200; count++) {
        const held = new Held(at, sources[count % sources.length]);
        flood.push(held);
        if (count % 2 === 0) held.socket.write("POST /ping HTTP/1.1\r\nX-Half: ");
        if (count % 40 === 0) await b.server.sendToNode("victim", `still there? ${count}`);
      }
      const c = await net.ours({ nodeId: "c", udp: false, bootstrapNodes: [a.address] });
      await c.server.waitForPeers(["victim", "b"]);
      c.server.updateData("status", "in");
      expect(await a.server.waitForKey("c", "status")).toBe("in");
      await b.server.sendToNode("victim", "after");
      await eventually(() => expect(a.texts()).toContain("after"));
      // The oldest went first, and what is left is within the limit.
      const max = sources.length === 1 ? limits.connectionsPerSourceMax : limits.connectionsMax;
      await until(() => flood.filter(({ closed }) => !closed).length <= max);
      expect(flood.slice(0, 100).every(({ closed }) => closed)).toBe(true);
      expect([a.leaves, b.leaves, c.leaves]).toEqual([[], [], []]);
    });
  }
});

describe("A flood of datagrams", () => {
  const limits = { associationsMax: 40, associationsPerSourceMax: 15 };
  const SOURCES = 6;

  interface Stage {
    readonly a: Observed;
    readonly b: Observed;
    readonly udp: UdpCarrier;
  }

  /** Two honest nodes that use datagrams: the second is in before the flood begins. */
  async function begin(net: TestNetwork): Promise<Stage> {
    const networkKey = networkKeyOf(net);
    const udp = new UdpCarrier({ networkKey, limits });
    const http = createHttpCarrier({ seal: createAesCbcSeal(networkKey) });
    const carrier = createDatagramsFirst({ http, udp });
    const parts = { carrier, features: ["udp"] };
    const a = await net.ours({ nodeId: "victim" }, { parts });
    const b = await net.ours({ nodeId: "b", bootstrapNodes: [a.address] });
    await a.server.waitForPeers(["b"]);
    await eventually(() => expect(udp.load.associations).toBe(1));
    return { a, b, udp };
  }

  async function sources(net: TestNetwork): Promise<Socket[]> {
    const sockets = Array.from({ length: SOURCES }, () => createSocket("udp4"));
    net.atEnd(async () => {
      for (const socket of sockets) socket.close();
    });
    await Promise.all(
      sockets.map(
        (socket, index) =>
          new Promise<void>((bound) => socket.bind(0, `127.0.0.${index + 20}`, bound)),
      ),
    );
    return sockets;
  }

  async function expectHonestTraffic({ a, b, udp }: Stage, round: number): Promise<void> {
    b.server.updateData("round", String(round));
    await a.server.waitForKey("b", "round", (value) => value === String(round));
    await b.server.sendToNode("victim", `message ${round}`);
    expect(udp.load.associations).toBeLessThanOrEqual(limits.associationsMax);
  }

  it("with ids, salts and counters that nobody gave out leaves nothing behind", async ({ net }) => {
    const stage = await begin(net);
    const sockets = await sources(net);
    const makers = [
      () => encodeInit(randomBytes(16)),
      () => encodeChallenge(randomBytes(16), randomBytes(16)),
      () => Buffer.concat([Buffer.from("dsnu\x03"), randomBytes(1_195)]),
      () => Buffer.concat([Buffer.from("dsnu\x04"), randomBytes(100)]),
      () => Buffer.concat([Buffer.from("dsnu\x05"), randomBytes(100)]),
      () => Buffer.concat([Buffer.from("dsnu\x04"), Buffer.alloc(16, 0xff), randomBytes(40)]),
      () => randomBytes(1_400),
    ];
    const { port } = stage.a.server;
    for (let round = 0; round < 30; round++) {
      for (const socket of sockets) {
        for (const make of makers) socket.send(make(), port, "127.0.0.1");
      }
      await expectHonestTraffic(stage, round);
    }
    expect(stage.udp.load.associations).toBe(1);
    expect([stage.a.leaves, stage.b.leaves, stage.b.codes]).toEqual([[], [], []]);
  });

  it("of associations, by somebody who has the network key, ends at the limit", async ({ net }) => {
    const stage = await begin(net);
    const networkKey = networkKeyOf(net);
    const sockets = await sources(net);
    const { port } = stage.a.server;
    const confirm = encodeConfirm(1, FIRST_CONTENT_BYTES);
    for (const socket of sockets) {
      socket.on("message", (bytes) => {
        const datagram = decodeDatagram(bytes);
        if (datagram?.kind !== "challenge") return;
        const { saltA, saltB } = datagram;
        const association = new UdpAssociation(networkKey, saltA, saltB, "asker");
        socket.send(association.sealFirst(confirm), port, "127.0.0.1");
      });
    }
    for (let round = 0; round < 20; round++) {
      for (const socket of sockets) {
        for (let count = 0; count < 3; count++) {
          socket.send(encodeInit(randomBytes(16)), port, "127.0.0.1");
        }
      }
      await expectHonestTraffic(stage, round);
    }
    await eventually(() => expect(stage.udp.load.associations).toBe(limits.associationsMax));
    expect([stage.a.leaves, stage.b.leaves]).toEqual([[], []]);
    // Whom there is no room for uses HTTP, and is told nothing else.
    const c = await net.ours({ nodeId: "c", bootstrapNodes: [stage.a.address] });
    c.server.updateData("status", "in");
    expect(await stage.a.server.waitForKey("c", "status")).toBe("in");
    await expectHonestTraffic(stage, 100);
  });
});
