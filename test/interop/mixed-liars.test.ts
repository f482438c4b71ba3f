/** Python peers that lie, with the network key in their hands: nothing that ours shows changes. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect } from "vitest";
import { createAesCbcSeal } from "../../src/crypto/aes-cbc-seal.ts";
import { decodeData } from "../../src/wire/data.ts";
import { encodeStatePacket } from "../../src/wire/state-packet.ts";
import { eventually, sleep, throughout } from "../helpers/eventually.ts";
import { it, NEVER, type Observed, type TestNetwork } from "../helpers/network.ts";
import { fromHex } from "../vectors.ts";
import { type PythonPeer, pythonAvailable, type TapeEntry } from "./python-peer.ts";

const python = pythonAvailable();
const skipped = python.available ? "" : ` (skipped: ${python.reason})`;

const POSITIVE_INFINITY = "7ff0000000000000";
const NOT_A_NUMBER = "7ff8000000000001";
const REFUSED = "Missing or incorrect encryption key";

interface Cast {
  readonly a: Observed;
  /** An honest Python peer. */
  readonly victim: PythonPeer;
  /** A member that lies. */
  readonly mallory: PythonPeer;
}

/** Ours, an honest Python peer and a lying one, who all know each other. */
async function cast(net: TestNetwork): Promise<Cast> {
  const a = await net.ours({ nodeId: "a" }, { state: { mine: "a" } });
  const victim = await net.python({ id: "victim", host: "127.0.0.2", bootstrap: [a.address] });
  await victim.joined();
  const mallory = await net.python({
    id: "mallory",
    host: "127.0.0.66",
    bootstrap: [a.address],
    tickSeconds: NEVER,
  });
  await mallory.joined();
  await victim.set("k", "true");
  await a.server.waitForPeers(["victim", "mallory"]);
  await a.server.waitForKey("victim", "k");
  return { a, victim, mallory };
}

/** All that an application can see, but for times. */
const shown = ({ server }: Observed) => ({
  snapshot: server.snapshot(),
  own: [...server.entries({ node: server.nodeId() })],
  peers: server.peerInfo().map(({ nodeId, status, endpoint, fingerprint, keys }) => {
    return { nodeId, status, endpoint: String(endpoint), fingerprint, keys };
  }),
});

/** Does what lies do; then nothing that `a` shows has changed, now or some ticks later. */
async function expectUnmoved({ a, victim }: Cast, lie: () => Promise<unknown>): Promise<void> {
  const before = shown(a);
  await lie();
  expect(shown(a)).toEqual(before);
  await throughout(1_200, () => expect(shown(a)).toEqual(before));
  expect(a.leaves).toEqual([]);
  expect(a.joins).toEqual(["victim", "mallory"]);
  // And the victim is heard as before.
  const value = `still ${Math.random()}`;
  await victim.set("k", value);
  await a.server.waitForKey("victim", "k", (now) => now === value);
  const seen = a.data.length;
  await victim.send("a", Buffer.from("x"));
  await eventually(() => expect(a.data.length).toBe(seen + 1));
}

const textOf = ({ bodyHex }: { bodyHex: string }) => Buffer.from(bodyHex, "hex").toString();

/** The newest recording of a request that this peer sent. */
async function recorded(peer: PythonPeer, path: string): Promise<TapeEntry> {
  const sent = (await peer.tape()).findLast(
    (entry) => entry.direction === "out" && entry.kind === "request" && entry.path === path,
  );
  if (sent === undefined) throw new Error(`${peer.id} sent nothing to ${path}`);
  return sent;
}

describe.skipIf(!python.available).concurrent(`Lies of Python peers${skipped}`, () => {
  it("D02, D04: a HELLO in another's name moves nobody, and pins nothing", async ({ net }) => {
    const network = await cast(net);
    const { a, victim, mallory } = network;
    const publicKeyHex = Buffer.from(victim.publicKey).toString("hex");
    await expectUnmoved(network, async () => {
      for (const sign of ["none", "garbage", "self"] as const) {
        const claim = { nodeId: "victim", publicKeyHex, port: mallory.port, sign };
        const answer = await mallory.helloAs(a.address, claim);
        expect([answer.status, textOf(answer)]).toEqual([401, REFUSED]);
        // D04: in our own name, and D03: in a name that nobody has yet.
        for (const nodeId of ["a", "bank"]) {
          const answer = await mallory.helloAs(a.address, { nodeId, publicKeyHex, sign });
          expect(answer.status).toBe(401);
        }
      }
      await a.server.sendToNode("victim", "secret");
    });
    expect(mallory.events.of("data")).toEqual([]);
    expect(victim.events.of("data")).toHaveLength(1);
    // D03: the real bank comes later, with a key that it has.
    const bank = await net.python({ id: "bank", host: "127.0.0.4", bootstrap: [a.address] });
    await bank.joined();
    await a.server.waitForPeers(["bank"]);
  });

  it("D09: a replayed HELLO from another address moves nobody", async ({ net }) => {
    const network = await cast(net);
    const { a, victim } = network;
    const { index } = await recorded(victim, "/hello");
    await expectUnmoved(network, async () => {
      for (const source of ["127.0.0.66", "127.0.0.67", "127.0.0.68"]) {
        expect((await victim.replay(index, a.address, source)).status).toBe(200);
      }
      await sleep(5_000);
    });
    await a.server.sendToNode("victim", "for you");
    await eventually(() => expect(victim.events.of("data")).toHaveLength(1));
  });

  it("D05, D32: no state without its owner's signature, pushed or answered", async ({ net }) => {
    const network = await cast(net);
    const { a, mallory } = network;
    await expectUnmoved(network, async () => {
      for (const owner of ["ghost", "victim", "a", "neverseen"]) {
        for (const signWith of ["none", "garbage", "self"] as const) {
          const forged = { owner, version: Date.now() / 1_000 + 60, stateJson: '{"k": "evil"}' };
          const answer = await mallory.forgeUpdate(a.address, { ...forged, signWith });
          expect([answer.status, textOf(answer)]).toEqual([401, REFUSED]);
          await mallory.answerUpdateWith({ ...forged, signature: signWith });
          const answers = (await mallory.tape()).length;
          a.server.updateData("asks", `${owner} ${signWith}`);
          await eventually(async () =>
            expect((await mallory.tape()).length).toBeGreaterThan(answers),
          );
        }
      }
      a.server.deleteKey("asks");
      await mallory.answerUpdateWith(undefined);
    });
  });

  it("D06, D07: its own states with times that nobody has are not taken, and do not stick", async ({
    net,
  }) => {
    const { a, mallory } = await cast(net);
    await mallory.set("k", "honest");
    await a.server.waitForKey("mallory", "k");
    const now = Date.now() / 1_000;
    const versions = [
      { versionHex: POSITIVE_INFINITY },
      { versionHex: NOT_A_NUMBER },
      { version: 8_589_934_592 },
      { version: now + 25 * 3_600 },
      { version: 1.7e308 },
      { version: -1 },
    ];
    for (const version of versions) {
      const forged = { owner: "mallory", stateJson: '{"k": "evil"}', ...version };
      await mallory.forgeUpdate(a.address, forged);
    }
    // What is no object is no state (D32), and broken JSON harms nobody.
    for (const stateJson of ["[1]", '"x"', "1", "null", "{", '{"k": }', "["]) {
      const forged = { owner: "mallory", version: now + 30, stateJson };
      expect((await mallory.forgeUpdate(a.address, forged)).status).toBe(500);
    }
    expect(a.server.readData("mallory", "k")).toBe("honest");
    await mallory.set("k", "honest again");
    expect(await a.server.waitForKey("mallory", "k", (value) => value !== "honest")).toBe(
      "honest again",
    );
  });

  it("D06: a state in the name of a node that joins later does not wait for it", async ({
    net,
  }) => {
    const { a, mallory } = await cast(net);
    const evil = { owner: "late", versionHex: POSITIVE_INFINITY, stateJson: '{"k": "evil"}' };
    expect((await mallory.forgeUpdate(a.address, evil)).status).toBe(401);
    const late = await net.python({ id: "late", host: "127.0.0.4", bootstrap: [a.address] });
    await late.joined();
    await late.set("k", "true");
    expect(await a.server.waitForKey("late", "k")).toBe("true");
  });

  it("D07: a signed message is not taken for a state of its sender", async ({ net }) => {
    const network = await cast(net);
    const { a, victim, mallory } = network;
    const seal = createAesCbcSeal(fromHex(net.key ?? ""));
    // Mallory has the victim send 66 bytes of its choice: 4 of a time, then a length and JSON.
    const json = '{"k": "evil, and for the next two hundred years and more!"}';
    const payload = Buffer.concat([Buffer.alloc(4), Buffer.alloc(4), Buffer.from(json)]);
    payload.writeUInt32LE(json.length, 4);
    await expectUnmoved(network, async () => {
      await victim.send("a", payload);
      const { bodyHex } = await recorded(victim, "/data");
      const plaintext = (await seal.open(fromHex(bodyHex))) ?? new Uint8Array();
      const { packet } = decodeData(plaintext.subarray(1));
      const time = Buffer.alloc(8);
      time.writeUInt32LE(payload.length);
      payload.copy(time, 4, 0, 4);
      const update = encodeStatePacket({
        nodeId: "victim",
        version: time.readDoubleBE(),
        signature: packet.signature,
        text: json,
      });
      const answer = await mallory.raw(a.address, "/update", Buffer.concat([Buffer.of(3), update]));
      // Its signature is right; its time is in the year 2242.
      expect(answer.status).toBe(200);
      expect(answer.openedHex).toBe("03");
    });
  });

  it("D08, D17: a replayed message is delivered once, with its signature turned over too", async ({
    net,
  }) => {
    const { a, victim, mallory } = await cast(net);
    await victim.send("a", Buffer.from("pay 10"));
    await eventually(() => expect(a.texts()).toEqual(["pay 10"]));
    const { index, bodyHex } = await recorded(victim, "/data");
    for (let time = 0; time < 3; time++) {
      const answer = await victim.replay(index, a.address, "127.0.0.66");
      expect(answer.status).toBe(200);
    }
    const seal = createAesCbcSeal(fromHex(net.key ?? ""));
    const plaintext = Buffer.from((await seal.open(fromHex(bodyHex))) ?? []);
    // s becomes n - s: just as valid, and other bytes.
    const order = BigInt("0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    const at = 1 + 4 + "victim".length + 4 + 32;
    const s = BigInt(`0x${plaintext.toString("hex", at, at + 32)}`);
    plaintext.write((order - s).toString(16).padStart(64, "0"), at, "hex");
    expect((await mallory.raw(a.address, "/data", plaintext)).status).toBe(200);
    await sleep(300);
    expect(a.texts()).toEqual(["pay 10"]);
    await victim.send("a", Buffer.from("pay 10"));
    await eventually(() => expect(a.texts()).toEqual(["pay 10", "pay 10"]));
  });

  it("D33: a message that was changed on its way is refused", async ({ net }) => {
    const network = await cast(net);
    const { a, victim, mallory } = network;
    const { bodyHex } = await recorded(victim, "/update");
    await expectUnmoved(network, async () => {
      for (let byte = 0; byte < bodyHex.length / 2; byte += 3) {
        const body = fromHex(bodyHex);
        body[byte] = (body[byte] ?? 0) ^ 1;
        const answer = await mallory.rawEnvelope(a.address, "/update", body);
        expect([answer.status, textOf(answer)]).toEqual([401, REFUSED]);
      }
    });
  });

  it("D26, D28: what it lists is dialled only as an address, and nobody is listed for it", async ({
    net,
  }) => {
    const asked: string[] = [];
    const trap = createServer((request, response) => {
      // The victim is honest and walks into each trap; what counts is what ours asks.
      const ours = request.socket.remoteAddress === "127.0.0.1";
      if (ours) asked.push(`${request.method} ${request.url}`);
      request.resume().on("end", () => response.writeHead(307, { location: "/elsewhere" }).end());
    });
    await new Promise<void>((resolve) => trap.listen(0, "127.0.0.1", resolve));
    net.atEnd(async () => {
      trap.closeAllConnections();
      trap.close();
    });
    const { port } = trap.address() as AddressInfo;
    const network = await cast(net);
    const { victim, mallory } = network;
    await expectUnmoved(network, async () => {
      await mallory.lieInPeers([
        ["ghost1", `127.0.0.1:${port}/internal/admin?delete=all&rest=`, 80],
        ["ghost2", `127.0.0.1:${port}/a`, port],
        ["ghost3", `user@127.0.0.1`, port],
        ["ghost4", "127.1", port],
        ["ghost5", "127.0.0.1", 0],
        ["ghost6", "127.0.0.1", 70_000],
        ["../../escaped", "127.0.0.1", port],
        ["", "127.0.0.1", port],
        ["a", "127.0.0.66", port],
        ["victim", "127.0.0.66", mallory.port],
        // These two can be dialled: one is a web server, the other somebody else.
        ["ghost7", "127.0.0.1", port],
        ["ghost8", victim.host, victim.port],
      ]);
      await sleep(4_000);
    });
    expect(new Set(asked)).toEqual(new Set(["POST /hello"]));
    // Not at each tick: D28.
    expect(asked.length).toBeLessThanOrEqual(2);
  });

  it("garbage on every path is refused alike", async ({ net }) => {
    const network = await cast(net);
    const { a, mallory } = network;
    await expectUnmoved(network, async () => {
      for (const path of ["/hello", "/peers", "/update", "/ping", "/data"]) {
        for (const length of [0, 1, 15, 16, 31, 32, 33, 48, 160, 1_000]) {
          const body = Buffer.alloc(length, path);
          const answer = await mallory.rawEnvelope(a.address, path, body);
          expect([answer.status, textOf(answer)], `${length} bytes to ${path}`).toEqual([
            401,
            REFUSED,
          ]);
        }
        for (const type of [0, 1, 2, 3, 4, 5, 255]) {
          const plaintext = Buffer.concat([Buffer.of(type), Buffer.alloc(20, 0xff)]);
          const answer = await mallory.raw(a.address, path, plaintext);
          expect([answer.status, textOf(answer)]).toEqual([401, REFUSED]);
        }
      }
    });
  });
});
