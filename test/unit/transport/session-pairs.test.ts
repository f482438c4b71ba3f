/** Two nodes, and which of several sessions between them is used. */
import { randomBytes } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import type { CarrierListener, ProvenPeer, Target } from "../../../src/transport/carrier.ts";
import { FrameKind } from "../../../src/transport/session-frame.ts";
import type { SessionIdentity } from "../../../src/transport/session-identity.ts";
import { type AnyType, NativeType } from "../../../src/wire/native-type.ts";
import { bytes, until } from "../../contract/carrier.ts";
import {
  createIdentity,
  SessionNode,
  type SessionNodeOptions,
} from "../../contract/session-nodes.ts";
import { dialled } from "../../helpers/raw-session.ts";

const KEY = new Uint8Array(16).fill(1);
const OPTIONS = { timeoutMs: 20_000, answerBytesMax: 1_000_000 };
const ECHO: CarrierListener<AnyType> = {
  onRequest: ({ payload }, respond) => respond({ kind: "answer", payload }),
};

const nodes: SessionNode[] = [];
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.close()));
});

async function serve(
  nodeId: string,
  listener: Partial<CarrierListener<AnyType>> = {},
  options: SessionNodeOptions = {},
): Promise<SessionNode> {
  const node = new SessionNode({ networkKey: KEY, identity: createIdentity(nodeId), ...options });
  nodes.push(node);
  await node.listen({ address: "127.0.0.1", port: 0 }, { ...ECHO, ...listener });
  return node;
}

function targetOf({ at, identity }: SessionNode): Target {
  return { ...at, peer: identity };
}

function ask(from: SessionNode, to: SessionNode, length = 10, options = OPTIONS) {
  const message = { type: NativeType.BYTES, payload: bytes(length) };
  return from.session.request(targetOf(to), message, options);
}

describe("Two nodes", () => {
  it("use one session both ways, whoever dialled", async () => {
    const [a, b] = [await serve("a"), await serve("b")];
    expect(await ask(a, b)).toMatchObject({ kind: "answer" });
    await until(() => b.session.hasSession("a"));
    expect(await ask(b, a)).toMatchObject({ kind: "answer" });
    expect([a.session.load.sessions, b.session.load.sessions]).toEqual([1, 1]);
  });

  it("dial once for many requests that begin together", async () => {
    const [a, b] = [await serve("a"), await serve("b")];
    const replies = Array.from({ length: 50 }, () => ask(a, b));
    expect(a.session.load.dials).toBe(1);
    for (const reply of await Promise.all(replies)) expect(reply).toMatchObject({ kind: "answer" });
    expect(b.session.load.sessions).toBe(1);
  });

  it("keep the same one of two that they dialled at the same time, and answer everything", async () => {
    for (let round = 0; round < 5; round++) {
      const lost: ProvenPeer[] = [];
      const onSessionLost = (peer: ProvenPeer) => void lost.push(peer);
      const a = await serve("a", { onSessionLost });
      const b = await serve("b", { onSessionLost });
      const replies = Array.from({ length: 20 }, () => [ask(a, b), ask(b, a)]).flat();
      for (const reply of await Promise.all(replies)) {
        expect(reply).toMatchObject({ kind: "answer" });
      }
      await until(() => a.session.load.sessions === 1 && b.session.load.sessions === 1);
      expect(await ask(a, b)).toMatchObject({ kind: "answer" });
      expect(await ask(b, a)).toMatchObject({ kind: "answer" });
      expect([a.session.load.sessions, b.session.load.sessions]).toEqual([1, 1]);
      expect(lost).toEqual([]);
    }
  });

  it("end a session when both have said that they ask nothing more on it", async () => {
    const lost: ProvenPeer[] = [];
    const waiting: (() => void)[] = [];
    const b = await serve("b", {
      onRequest: ({ payload }, respond) => {
        waiting.push(() => respond({ kind: "answer", payload }));
      },
      onSessionLost: (peer) => void lost.push(peer),
    });
    const member = createIdentity("a");
    const first = await dialled(b.at, KEY, member);
    first.send(FrameKind.REQUEST, 1, Uint8Array.of(NativeType.BYTES, 1));
    await until(() => waiting.length === 1);
    const second = await dialled(b.at, KEY, member);
    // The one with the smaller id chooses; nothing of ours is in flight on the loser.
    first.send(FrameKind.DRAIN);
    await until(() => first.seen.includes(`${FrameKind.DRAIN} 0`) || first.closed);
    expect(b.session.load.sessions).toBe(1);
    second.send(FrameKind.REQUEST, 1, Uint8Array.of(NativeType.BYTES, 2));
    await until(() => waiting.length === 2);
    waiting[1]?.();
    await until(() => second.seen.includes(`${FrameKind.ANSWER} 1`));
    expect(lost).toEqual([]);
    second.socket.destroy();
    await until(() => lost.length === 1);
  });

  it("wait for answers on a session that lost before they let go of it", async () => {
    const waiting: (() => void)[] = [];
    const late: CarrierListener<AnyType>["onRequest"] = ({ payload }, respond) => {
      waiting.push(() => respond({ kind: "answer", payload }));
    };
    const [a, b] = [await serve("a"), await serve("b", { onRequest: late })];
    const reply = ask(a, b);
    await until(() => waiting.length === 1);
    // A second process with the key of a: another incarnation takes its place.
    const clone = { ...a.identity, incarnation: randomBytes(16) };
    const second = await dialled(b.at, KEY, clone);
    await until(() => b.session.load.sessions === 2);
    waiting[0]?.();
    expect(await reply).toMatchObject({ kind: "answer" });
    await until(() => b.session.load.sessions === 1);
    await until(() => a.session.load.sessions === 0);
    second.socket.destroy();
  });

  it("give a session that nobody lets go of only so much time", async () => {
    const b = await serve("b", {}, { limits: { drainMsMax: 50 } });
    const member = createIdentity("a");
    const first = await dialled(b.at, KEY, member);
    const second = await dialled(b.at, KEY, { ...member, incarnation: randomBytes(16) });
    await until(() => first.closed);
    expect(first.seen).toContain(`${FrameKind.DRAIN} 0`);
    await until(() => b.session.load.sessions === 1);
    second.socket.destroy();
  });

  it("drain an older session also when the one that should choose says nothing", async () => {
    const b = await serve("b", {}, { limits: { tieMsMax: 50 } });
    const member = createIdentity("a");
    const first = await dialled(b.at, KEY, member);
    const second = await dialled(b.at, KEY, member);
    await until(() => first.seen.includes(`${FrameKind.DRAIN} 0`));
    expect(second.seen).not.toContain(`${FrameKind.DRAIN} 0`);
    first.socket.destroy();
    second.socket.destroy();
  });

  it("tell once that a node is lost, when its last session ends", async () => {
    const lost: ProvenPeer[] = [];
    const a = await serve("a", { onSessionLost: (peer) => void lost.push(peer) });
    const b = await serve("b");
    await ask(a, b);
    await b.close();
    await until(() => lost.length > 0);
    const incarnation = Buffer.from(b.identity.incarnation).toString("hex");
    const { publicKey } = b.identity;
    expect(lost).toEqual([{ nodeId: "b", publicKey, incarnation }]);
    expect(a.session.hasSession("b")).toBe(false);
  });

  it("tell nothing of sessions that they end themselves", async () => {
    const lost: string[] = [];
    const a = await serve("a", { onSessionLost: () => void lost.push("b, told to a") });
    const b = await serve("b", { onSessionLost: () => void lost.push("a, told to b") });
    await ask(a, b);
    await until(() => b.session.hasSession("a"));
    a.session.end("b");
    await until(() => lost.length > 0);
    expect(lost).toEqual(["a, told to b"]);
    expect(a.session.hasSession("b")).toBe(false);
    expect(await ask(a, b)).toMatchObject({ kind: "answer" });
  });

  it("begin anew after the other one has been started again", async () => {
    const a = await serve("a");
    const b = await serve("b");
    await ask(a, b);
    const at = b.at;
    await b.close();
    await until(() => !a.session.hasSession("b"));
    const identity: SessionIdentity = { ...b.identity, incarnation: randomBytes(16) };
    const again = new SessionNode({ networkKey: KEY, identity });
    nodes.push(again);
    await again.listen(at, ECHO);
    expect(await ask(a, again)).toMatchObject({ kind: "answer" });
  });

  it("try another address of a node when the one that was dialled first is wrong", async () => {
    const [a, b, other] = [await serve("a"), await serve("b"), await serve("c")];
    const message = { type: NativeType.BYTES, payload: bytes(3) };
    const wrong = a.session.request({ ...other.at, peer: b.identity }, message, OPTIONS);
    const right = a.session.request(targetOf(b), message, OPTIONS);
    expect(await wrong).toMatchObject({ kind: "failed", reason: "unreachable" });
    expect(await right).toMatchObject({ kind: "answer" });
  });

  it("go by the address where no node is named, and by the session that is there", async () => {
    const [a, b] = [await serve("a"), await serve("b")];
    const message = { type: NativeType.BYTES, payload: bytes(3) };
    expect(await a.session.request(b.at, message, OPTIONS)).toMatchObject({ kind: "answer" });
    expect(await a.session.request(b.at, message, OPTIONS)).toMatchObject({ kind: "answer" });
    expect(await ask(a, b)).toMatchObject({ kind: "answer" });
    expect(b.session.load.sessions).toBe(1);
  });
});
