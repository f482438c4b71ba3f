import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { deriveSessionKey } from "../../../src/crypto/session-key.ts";
import type { ProvenPeer, Reply, Target } from "../../../src/transport/carrier.ts";
import { SessionCarrier } from "../../../src/transport/session-carrier.ts";
import { FrameKind } from "../../../src/transport/session-frame.ts";
import { NativeType } from "../../../src/wire/native-type.ts";
import { bytes, until } from "../../contract/carrier.ts";
import {
  createIdentity,
  SessionNode,
  type SessionNodeOptions,
} from "../../contract/session-nodes.ts";
import { exchange } from "../../helpers/raw-http.ts";
import { authOf, dialled, RawSession, secured, upgraded } from "../../helpers/raw-session.ts";

const KEY = new Uint8Array(16).fill(1);
const OTHER_KEY = new Uint8Array(16).fill(2);
const KEY_REFUSED = {
  kind: "refused",
  status: 401,
  text: "Missing or incorrect encryption key",
};
const OPTIONS = { timeoutMs: 20_000, answerBytesMax: 1_000_000 };
const REFUSED = (status: number) => `${FrameKind.REFUSAL} 0 ${status}`;

const nodes: SessionNode[] = [];
const strangers: string[] = [];
const requests: (string | undefined)[] = [];

afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.close()));
  strangers.length = 0;
  requests.length = 0;
});

function create(options: SessionNodeOptions = {}): SessionNode {
  const node = new SessionNode({ networkKey: KEY, ...options });
  nodes.push(node);
  return node;
}

async function serve(options: SessionNodeOptions = {}): Promise<SessionNode> {
  const node = create(options);
  await node.listen(
    { address: "127.0.0.1", port: 0 },
    {
      onRequest: ({ payload, peer }, respond) => {
        requests.push(peer?.nodeId);
        respond({ kind: "answer", payload });
      },
      onStranger: (from) => strangers.push(from),
    },
  );
  return node;
}

function ask(node: SessionNode, to: Target): Promise<Reply> {
  return node.session.request(to, { type: NativeType.BYTES, payload: bytes(10) }, OPTIONS);
}

/** A dialler of the test's making, past TLS. */
async function raw(node: SessionNode): Promise<RawSession> {
  return new RawSession(await secured(await upgraded(node.at), deriveSessionKey(KEY)));
}

describe("A session begins", () => {
  it("between two nodes with the same network key, and tells each who the other is", async () => {
    const admitted: ProvenPeer[] = [];
    const admit = (peer: ProvenPeer) => {
      admitted.push(peer);
      return undefined;
    };
    const answerer = await serve({ identity: createIdentity("b", { admit }) });
    const asker = create({ identity: createIdentity("a", { admit }) });
    const peer = answerer.identity;
    expect(await ask(asker, { ...answerer.at, peer })).toMatchObject({ kind: "answer" });
    expect(requests).toEqual(["a"]);
    expect(asker.session.hasSession("b")).toBe(true);
    expect(answerer.session.hasSession("a")).toBe(true);
    const proven = [asker, answerer].map(({ identity }) => ({
      nodeId: identity.nodeId,
      publicKey: identity.publicKey,
      incarnation: Buffer.from(identity.incarnation).toString("hex"),
    }));
    expect(admitted).toEqual(proven);
  });

  it("on networks without a key too", async () => {
    const answerer = await serve({ networkKey: undefined });
    const asker = create({ networkKey: undefined });
    expect(await ask(asker, answerer.at)).toMatchObject({ kind: "answer" });
  });

  const pairs = [
    ["another key", OTHER_KEY, KEY],
    ["no key against a key", undefined, KEY],
    ["a key against none", KEY, undefined],
  ] as const;
  for (const [name, ours, theirs] of pairs) {
    it(`not with ${name}: 401, and no request comes through`, async () => {
      const answerer = await serve({ networkKey: theirs });
      const asker = create({ networkKey: ours });
      expect(await ask(asker, answerer.at)).toEqual(KEY_REFUSED);
      expect(requests).toEqual([]);
      // Without a key there are no strangers.
      expect(strangers).toEqual(theirs === undefined ? [] : ["127.0.0.1"]);
      await until(() => answerer.session.load.handshakes === 0);
    });
  }

  it("not with the name of the key alone", async () => {
    const answerer = await serve();
    const psk = new Uint8Array(32);
    const { identity } = deriveSessionKey(KEY);
    await expect(secured(await upgraded(answerer.at), { psk, identity })).rejects.toThrow(/alert/);
    await until(() => strangers.length === 1);
  });

  it("not with a session ticket in place of the key", async () => {
    const answerer = await serve();
    const socket = await secured(await upgraded(answerer.at), deriveSessionKey(KEY));
    const tickets: Buffer[] = [];
    socket.on("session", (ticket) => tickets.push(ticket));
    const member = new RawSession(socket);
    await until(() => member.seen.length > 0);
    const ticket = tickets[0] ?? socket.getSession();
    expect(ticket).toBeDefined();
    const connection = connectTls({
      socket: await upgraded(answerer.at),
      session: ticket,
      minVersion: "TLSv1.3",
      rejectUnauthorized: false,
    });
    connection.on("error", () => undefined);
    const second = new RawSession(connection);
    await until(() => second.closed);
    expect(second.seen).toEqual([]);
    member.socket.destroy();
  });

  it("not for who shows the AUTH that another connection saw", async () => {
    const answerer = await serve();
    const member = createIdentity("member");
    const first = await raw(answerer);
    const auth = authOf(member, first.socket);
    const second = await raw(answerer);
    second.send(FrameKind.AUTH, 0, auth);
    await until(() => second.closed);
    expect(second.seen).toEqual([`${FrameKind.AUTH} 0`, REFUSED(401)]);
    first.send(FrameKind.AUTH, 0, auth);
    await until(() => first.seen.includes(`${FrameKind.READY} 0`));
    first.socket.destroy();
  });

  it("not for who shows a node its own AUTH", async () => {
    const answerer = await serve();
    const mirror = await raw(answerer);
    await until(() => mirror.contents.length === 1);
    mirror.send(FrameKind.AUTH, 0, mirror.contents[0]);
    await until(() => mirror.closed);
    expect(mirror.seen).toEqual([`${FrameKind.AUTH} 0`, REFUSED(401)]);
  });

  it("not for who signs as the acceptor while dialling", async () => {
    const answerer = await serve();
    const session = await raw(answerer);
    session.send(
      FrameKind.AUTH,
      0,
      authOf(createIdentity("m"), session.socket, { role: "acceptor" }),
    );
    await until(() => session.closed);
    expect(session.seen.at(-1)).toBe(REFUSED(401));
  });

  it("not with a version that we do not speak, and says which are spoken", async () => {
    const answerer = await serve();
    const session = await raw(answerer);
    session.send(FrameKind.AUTH, 0, authOf(createIdentity("m"), session.socket, { versionMin: 2 }));
    await until(() => session.closed);
    expect(session.seen.at(-1)).toBe(REFUSED(505));
  });

  it("with a version range that includes ours", async () => {
    const answerer = await serve();
    const session = await raw(answerer);
    session.send(FrameKind.AUTH, 0, authOf(createIdentity("m"), session.socket, { versionMax: 9 }));
    await until(() => session.seen.includes(`${FrameKind.READY} 0`));
    session.socket.destroy();
  });

  it("not with a node itself", async () => {
    const node = await serve();
    expect(await ask(node, node.at)).toEqual({
      kind: "failed",
      reason: "unreachable",
      detail: "that is this node itself",
    });
  });

  it("not with another node than expected, by id or by key", async () => {
    const answerer = await serve({ identity: createIdentity("b") });
    const { publicKey } = answerer.identity;
    const asker = create();
    for (const peer of [
      { nodeId: "c", publicKey },
      { nodeId: "b", publicKey: createIdentity("b").publicKey },
    ]) {
      expect(await ask(asker, { ...answerer.at, peer })).toEqual({
        kind: "failed",
        reason: "unreachable",
        detail: 'another node is there: "b"',
      });
    }
    expect(requests).toEqual([]);
    await until(() => answerer.session.load.handshakes === 0);
    expect(answerer.session.load.sessions).toBe(0);
  });

  it("not with whom the acceptor does not admit, who is told why", async () => {
    const refusal = { status: 401, text: 'a not in b\'s whitelist "ä"' };
    const answerer = await serve({ identity: createIdentity("b", { admit: () => refusal }) });
    expect(await ask(create(), answerer.at)).toEqual({ kind: "refused", ...refusal });
    expect(requests).toEqual([]);
    expect(answerer.session.load.sessions).toBe(0);
  });

  it("not with whom the dialler does not admit", async () => {
    const answerer = await serve();
    const admit = () => ({ status: 401, text: "not you" });
    const asker = create({ identity: createIdentity("a", { admit }) });
    expect(await ask(asker, answerer.at)).toEqual({
      kind: "failed",
      reason: "unreachable",
      detail: "refused here: not you",
    });
    await until(() => answerer.session.load.handshakes === 0);
    expect(answerer.session.load.sessions).toBe(0);
  });

  it("not before a node knows who it is", async () => {
    const answerer = await serve();
    const fresh = new SessionCarrier({ networkKey: KEY });
    const nobody = createServer().listen(0, "127.0.0.1");
    fresh.attach(nobody, { onRequest: () => undefined });
    await once(nobody, "listening");
    const at = { address: "127.0.0.1", port: (nobody.address() as AddressInfo).port };
    expect(await ask(create(), at)).toMatchObject({
      kind: "failed",
      detail: "HTTP 503 in place of a session",
    });
    const reply = await fresh.request(
      answerer.at,
      { type: NativeType.BYTES, payload: bytes(1) },
      OPTIONS,
    );
    expect(reply).toMatchObject({ kind: "failed", reason: "unreachable" });
    await fresh.close();
    nobody.close();
  });

  it("not when a check of ours throws, which is told as a fault", async () => {
    const faults: unknown[] = [];
    const bug = new Error("a bug");
    const admit = () => {
      throw bug;
    };
    const answerer = create({ identity: createIdentity("b", { admit }) });
    await answerer.listen(
      { address: "127.0.0.1", port: 0 },
      { onRequest: () => undefined, onFault: (error) => faults.push(error) },
    );
    expect(await ask(create(), answerer.at)).toMatchObject({ kind: "failed" });
    expect(faults).toEqual([bug]);
  });

  it("only with what the handshake says, in its order", async () => {
    const answerer = await serve();
    for (const [kind, content] of [
      [FrameKind.READY, bytes(0)],
      [FrameKind.REQUEST, bytes(10)],
      [FrameKind.SLICE, bytes(10)],
      [FrameKind.AUTH, bytes(100)],
      [FrameKind.AUTH, bytes(5000)],
    ] as const) {
      const session = await raw(answerer);
      session.send(kind, 0, content);
      await until(() => session.closed);
      expect(session.seen).toEqual([`${FrameKind.AUTH} 0`]);
    }
    expect(requests).toEqual([]);
  });

  it("with requests right behind the last word of the handshake", async () => {
    const answerer = await serve();
    const session = await raw(answerer);
    session.send(FrameKind.AUTH, 0, authOf(createIdentity("m"), session.socket));
    session.send(FrameKind.READY);
    session.send(FrameKind.REQUEST, 1, Uint8Array.of(NativeType.BYTES, 1, 2));
    session.send(FrameKind.REQUEST, 2, Uint8Array.of(NativeType.BYTES, 3));
    await until(() => session.seen.includes(`${FrameKind.ANSWER} 2`));
    expect(requests).toEqual(["m", "m"]);
    session.socket.destroy();
  });

  it("within its time or not at all", async () => {
    const answerer = await serve({ limits: { handshakeMsMax: 1_500 } });
    const silent = await upgraded(answerer.at);
    const unproven = await raw(answerer);
    await Promise.all([once(silent.resume(), "close"), until(() => unproven.closed)]);
    expect(answerer.session.load.handshakes).toBe(0);
  });

  it("over GET /session with Upgrade alone", async () => {
    const answerer = await serve();
    const statusOf = async (head: string) => {
      const { responses } = await exchange(answerer.at, Buffer.from(`${head}\r\n\r\n`));
      return responses[0]?.status;
    };
    const upgrade = "Host: x\r\nConnection: Upgrade\r\nUpgrade:";
    expect(await statusOf(`GET /else HTTP/1.1\r\n${upgrade} dsn-session`)).toBe(404);
    expect(await statusOf(`POST /session HTTP/1.1\r\n${upgrade} dsn-session`)).toBe(405);
    expect(await statusOf(`GET /session HTTP/1.1\r\n${upgrade} websocket`)).toBe(426);
    expect(await statusOf("GET /session HTTP/1.1\r\nHost: x")).toBe(501);
  });

  it("for the newest of a source that has too many unproven connections, at the oldest's cost", async () => {
    const answerer = await serve({ limits: { handshakesPerSourceMax: 3 } });
    const held = [];
    for (let count = 0; count < 3; count++) held.push(await upgraded(answerer.at));
    const oldest = held[0];
    if (oldest === undefined) throw new Error("no connection");
    const closed = once(oldest.resume(), "close");
    expect(await ask(create(), answerer.at)).toMatchObject({ kind: "answer" });
    await closed;
    for (const socket of held) socket.destroy();
  });

  it("not beyond the number of sessions that there may be", async () => {
    const answerer = await serve({ limits: { sessionsMax: 2 } });
    const members = [createIdentity("m1"), createIdentity("m2")];
    const sessions = [];
    for (const member of members) sessions.push(await dialled(answerer.at, KEY, member));
    await until(() => answerer.session.load.sessions === 2);
    expect(await ask(create(), answerer.at)).toMatchObject({
      kind: "failed",
      reason: "unreachable",
      detail: "HTTP 503 in place of a session",
    });
    for (const { socket } of sessions) socket.destroy();
    await until(() => answerer.session.load.sessions === 0);
    expect(await ask(create(), answerer.at)).toMatchObject({ kind: "answer" });
  });

  it("and is not closed for connections of strangers that come later", async () => {
    const answerer = await serve({ httpLimits: { connectionsMax: 4, connectionsPerSourceMax: 4 } });
    const asker = create();
    expect(await ask(asker, answerer.at)).toMatchObject({ kind: "answer" });
    const held = [];
    for (let count = 0; count < 6; count++)
      held.push(await upgraded(answerer.at).catch(() => undefined));
    expect(asker.session.hasSession(answerer.identity.nodeId)).toBe(true);
    expect(await ask(asker, answerer.at)).toMatchObject({ kind: "answer" });
    for (const socket of held) socket?.destroy();
  });
});
