import { createSocket, type Socket } from "node:dgram";
import { createServer, type Server } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createAesCbcSeal } from "../../../src/crypto/aes-cbc-seal.ts";
import type { DsnError } from "../../../src/errors.ts";
import type { Address, Carrier, InboundRequest } from "../../../src/transport/carrier.ts";
import {
  createDatagramsFirst,
  type DatagramsFirst,
} from "../../../src/transport/datagrams-first.ts";
import { createHttpCarrier } from "../../../src/transport/http-carrier.ts";
import { UdpCarrier } from "../../../src/transport/udp-carrier.ts";
import { bytes, data, echo, until } from "../../contract/carrier.ts";
import { freePort } from "../../helpers/ports.ts";
import { NETWORK_KEY, OPTIONS } from "./udp-pair.ts";

describe("Datagrams first, on real ports", () => {
  const carriers: Carrier[] = [];
  const sockets: Socket[] = [];
  const servers: Server[] = [];

  afterEach(async () => {
    await Promise.all(carriers.splice(0).map((carrier) => carrier.close()));
    for (const socket of sockets.splice(0)) socket.close();
    for (const server of servers.splice(0)) server.close();
  });

  const unavailable: DsnError[] = [];
  const create = (): DatagramsFirst => {
    const http = createHttpCarrier({ seal: createAesCbcSeal(NETWORK_KEY) });
    const carrier = createDatagramsFirst({
      http,
      udp: new UdpCarrier({ networkKey: NETWORK_KEY }),
      onUnavailable: (error) => unavailable.push(error),
    });
    carriers.push(carrier);
    return carrier;
  };
  const anywhere = { address: "127.0.0.1", port: 0 };
  const bindUdp = (port: number): Promise<Address> => {
    const socket = createSocket("udp4");
    sockets.push(socket);
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.bind({ address: "127.0.0.1", port }, () => resolve(socket.address()));
    });
  };
  const bindTcp = (port: number): Promise<number> => {
    const server = createServer();
    servers.push(server);
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: "127.0.0.1", port }, () => resolve(port));
    });
  };

  beforeEach(() => {
    unavailable.length = 0;
  });

  it("listens for both on one port number", async () => {
    const { port } = await create().listen(anywhere, { onRequest: echo });
    await expect(bindUdp(port)).rejects.toMatchObject({ code: "EADDRINUSE" });
    await expect(bindTcp(port)).rejects.toMatchObject({ code: "EADDRINUSE" });
    expect(unavailable).toEqual([]);
  });

  it("starts on HTTP alone when another program has the UDP port, and says so", async () => {
    const port = await freePort();
    await bindUdp(port);
    const node = create();
    const at = await node.listen({ address: "127.0.0.1", port }, { onRequest: echo });
    expect(at.port).toBe(port);
    expect(unavailable).toMatchObject([
      { code: "DSN_UDP_UNAVAILABLE", endpoint: `127.0.0.1:${port}` },
    ]);
    const asker = create();
    await asker.listen(anywhere, { onRequest: echo });
    asker.speaksDatagrams(at, true);
    expect(await asker.request(at, data(bytes(3)), OPTIONS)).toMatchObject({ kind: "answer" });
  });

  it("rejects a TCP port in use, and leaves nothing open", async () => {
    const port = await bindTcp(await freePort());
    const node = create();
    const listening = node.listen({ address: "127.0.0.1", port }, { onRequest: echo });
    await expect(listening).rejects.toMatchObject({ code: "DSN_PORT_IN_USE" });
    await bindUdp(port);
    const at = await node.listen(anywhere, { onRequest: echo });
    expect(at.port).not.toBe(port);
    expect(unavailable).toEqual([]);
  });

  it("rejects an address that this machine does not have, and leaves nothing open", async () => {
    const listening = create().listen({ address: "192.0.2.1", port: 0 }, { onRequest: echo });
    await expect(listening).rejects.toMatchObject({ code: "DSN_CANNOT_LISTEN" });
    expect(unavailable).toEqual([]);
  });

  it("listens where a name says", async () => {
    const at = await create().listen({ address: "localhost", port: 0 }, { onRequest: echo });
    expect(["127.0.0.1", "::1"]).toContain(at.address);
    expect(unavailable).toEqual([]);
  });

  it("leaves both ports to others when it closes, also while it begins to listen", async () => {
    const node = create();
    const { port } = await node.listen(anywhere, { onRequest: echo });
    await node.close();
    await bindUdp(port);
    await bindTcp(port);
    const late = create();
    const listening = late.listen(anywhere, { onRequest: echo });
    const closing = late.close();
    await expect(listening).rejects.toMatchObject({ code: "DSN_CANNOT_LISTEN" });
    await closing;
  });

  it("is told of a process that ends while all its requests went by datagram", async () => {
    const lost: Address[] = [];
    const [asker, peer] = [create(), create()];
    await asker.listen(anywhere, { onRequest: echo, onConnectionLost: (to) => lost.push(to) });
    const seen: InboundRequest[] = [];
    const at = await peer.listen(anywhere, {
      onRequest: (request, respond) => {
        seen.push(request);
        echo(request, respond);
      },
    });
    // As a node does: HELLO over HTTP comes first.
    expect(await asker.request(at, data(bytes(2_000)), OPTIONS)).toMatchObject({ kind: "answer" });
    asker.speaksDatagrams(at, true);
    for (let count = 0; count < 50; count++) {
      expect(await asker.request(at, data(bytes(count)), OPTIONS)).toMatchObject({
        kind: "answer",
      });
    }
    await peer.close();
    await until(() => lost.length > 0);
    expect(lost).toEqual([at]);
    const startMs = performance.now();
    expect(await asker.request(at, data(bytes(1)), OPTIONS)).toEqual(
      expect.objectContaining({ kind: "failed", reason: "unreachable" }),
    );
    expect(performance.now() - startMs).toBeLessThan(1_000);
  });
});
