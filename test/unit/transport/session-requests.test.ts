/** Requests on live sessions: their sizes, their time, and what they cost. */
import { afterEach, describe, expect, it } from "vitest";
import type { CarrierListener, Outcome, Reply } from "../../../src/transport/carrier.ts";
import { FrameKind } from "../../../src/transport/session-frame.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { type AnyType, NativeType } from "../../../src/wire/native-type.ts";
import { bytes, until } from "../../contract/carrier.ts";
import {
  createIdentity,
  SessionNode,
  type SessionNodeOptions,
} from "../../contract/session-nodes.ts";
import { serveRaw } from "../../helpers/raw-http.ts";
import { dialled, type RawSession } from "../../helpers/raw-session.ts";

const KEY = new Uint8Array(16).fill(1);
const MIB = 1024 * 1024;
const OPTIONS = { timeoutMs: 30_000, answerBytesMax: 64 * MIB };
const echo: CarrierListener<AnyType>["onRequest"] = ({ payload }, respond) =>
  respond({ kind: "answer", payload });

const nodes: SessionNode[] = [];
const raws: RawSession[] = [];
afterEach(async () => {
  for (const { socket } of raws.splice(0)) socket.destroy();
  await Promise.all(nodes.splice(0).map((node) => node.close()));
});

async function serve(
  onRequest: CarrierListener<AnyType>["onRequest"] = echo,
  options: SessionNodeOptions = {},
  more: Partial<CarrierListener<AnyType>> = {},
): Promise<SessionNode> {
  const node = new SessionNode({ networkKey: KEY, ...options });
  nodes.push(node);
  await node.listen({ address: "127.0.0.1", port: 0 }, { onRequest, ...more });
  return node;
}

function ask(
  from: SessionNode,
  to: SessionNode,
  payload: Uint8Array,
  options = {},
  type: AnyType = NativeType.BYTES,
): Promise<Reply> {
  return from.session.request(
    { ...to.at, peer: to.identity },
    { type, payload },
    { ...OPTIONS, ...options },
  );
}

async function rawTo(node: SessionNode): Promise<RawSession> {
  const session = await dialled(node.at, KEY, createIdentity("raw"));
  raws.push(session);
  return session;
}

const begin = (purpose: number, type: number, size: number) => {
  const content = Buffer.alloc(6);
  content[0] = purpose;
  content[1] = type;
  content.writeUInt32LE(size, 2);
  return content;
};

describe("A request on a session", () => {
  it("may be of any message, the native ones among them", async () => {
    const types: AnyType[] = [];
    const [a, b] = [
      await serve(),
      await serve((request, respond) => {
        types.push(request.type);
        echo(request, respond);
      }),
    ];
    const all = [...Object.values(MessageType), ...Object.values(NativeType)];
    for (const type of all) {
      expect(await ask(a, b, bytes(20), {}, type)).toMatchObject({ kind: "answer" });
    }
    expect(types).toEqual(all);
  });

  it.each([10, 100_000])("has its head before its payload of %d bytes", async (length) => {
    const [a, b] = [await serve(), await serve()];
    const [head, payload] = [bytes(3), bytes(length)];
    const to = { ...b.at, peer: b.identity };
    const reply = await a.session.request(to, { type: NativeType.BYTES, head, payload }, OPTIONS);
    const whole = Uint8Array.from([...head, ...payload]);
    expect(reply).toEqual({ kind: "answer", payload: whole });
  });

  it("tells the handler who asks", async () => {
    const seen: (string | undefined)[] = [];
    const [a, b] = [
      await serve(),
      await serve((request, respond) => {
        seen.push(request.peer?.nodeId);
        echo(request, respond);
      }),
    ];
    await ask(a, b, bytes(1));
    expect(seen).toEqual([a.identity.nodeId]);
  });

  it("passes 64 MB of bulk, both ways", async () => {
    const [a, b] = [await serve(), await serve()];
    const large = new Uint8Array(60 * MIB).fill(7);
    let replies = 0;
    const bulk = ask(a, b, large).finally(() => replies++);
    let passed = 0;
    while (replies === 0) {
      expect(await ask(a, b, bytes(100))).toMatchObject({ kind: "answer" });
      passed++;
    }
    expect(passed).toBeGreaterThan(20);
    const reply = await bulk;
    if (reply.kind !== "answer") throw new Error("no answer");
    expect(Buffer.compare(reply.payload, large)).toBe(0);
    expect([a.session.load.incomingBytes, b.session.load.incomingBytes]).toEqual([0, 0]);
  });

  it("keeps the order of its lane", async () => {
    const seen: number[] = [];
    const [a, b] = [
      await serve(),
      await serve((request, respond) => {
        seen.push(request.payload[0] ?? -1);
        respond({ kind: "answer", payload: bytes(0) });
      }),
    ];
    const asked = Array.from({ length: 200 }, (_, index) =>
      ask(a, b, new Uint8Array(1 + (index % 7) * 2_000).fill(index)),
    );
    await Promise.all(asked);
    expect(seen).toEqual(Array.from({ length: 200 }, (_, index) => index));
  });

  it("over the limit of its type is refused with 413 before it is sent", async () => {
    const [a, b] = [await serve(), await serve()];
    const reply = await ask(a, b, bytes(70_000), {}, NativeType.ALIVE);
    expect(reply).toEqual({ kind: "refused", status: 413, text: "" });
    expect(a.session.load.sessions).toBe(0);
  });

  it("over the limit of the other side is refused by it, in the middle of being sent", async () => {
    const requestBytesMax = { [NativeType.BYTES]: 100_000 } as Record<AnyType, number>;
    const [a, b] = [await serve(), await serve(echo, { limits: { requestBytesMax } })];
    const replies = [ask(a, b, bytes(20 * MIB)), ask(a, b, bytes(90_000))];
    expect(await replies[0]).toEqual({ kind: "refused", status: 413, text: "" });
    expect(await replies[1]).toMatchObject({ kind: "answer" });
    expect(a.session.load.waitingBytes).toBe(0);
  });

  it("fails as too large when its answer is, which is not sent on", async () => {
    const [a, b] = [
      await serve(),
      await serve(({ payload }, respond) =>
        respond({ kind: "answer", payload: bytes(payload.length === 1 ? 1000 : 30 * MIB) }),
      ),
    ];
    const small = await ask(a, b, bytes(1), { answerBytesMax: 999 });
    expect(small).toMatchObject({ kind: "failed", reason: "too-large" });
    const large = await ask(a, b, bytes(2), { answerBytesMax: 999 });
    expect(large).toMatchObject({ kind: "failed", reason: "too-large" });
    await until(() => b.session.load.waitingBytes === 0);
    expect(await ask(a, b, bytes(1))).toMatchObject({ kind: "answer" });
    expect(a.session.load.incomingBytes).toBe(0);
  });

  it("ends at its deadline, whether it waits for a dial, an answer or its turn", async () => {
    const [a, b] = [await serve(), await serve(() => undefined)];
    const silent = await serveRaw(() => undefined);
    const message = { type: NativeType.BYTES, payload: bytes(1) };
    const dialling = await a.session.request(silent.at, message, { ...OPTIONS, timeoutMs: 50 });
    expect(dialling).toMatchObject({ kind: "failed", reason: "unreachable" });
    await silent.close();
    await ask(a, b, bytes(1), { timeoutMs: 1 });
    await until(() => a.session.hasSession(b.identity.nodeId));
    const startedMs = performance.now();
    const replies = await Promise.all([
      ask(a, b, bytes(10), { timeoutMs: 250 }),
      ask(a, b, new Uint8Array(60 * MIB), { timeoutMs: 1 }),
    ]);
    expect(replies).toMatchObject([{ reason: "no-answer" }, { reason: "unreachable" }]);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(249);
    expect(a.session.load).toMatchObject({ sessions: 1, deadlines: 0 });
    await until(() => a.session.load.waitingBytes === 0);
  });

  it("tells the other side when its answer is not wanted any more", async () => {
    const answers: ((outcome: Outcome) => void)[] = [];
    const [a, b] = [await serve(), await serve((_, respond) => answers.push(respond))];
    const giveUp = new AbortController();
    const reply = ask(a, b, bytes(10), { signal: giveUp.signal });
    await until(() => answers.length === 1 && b.session.load.deadlines === 1);
    giveUp.abort();
    expect(await reply).toMatchObject({ kind: "failed", reason: "closed" });
    await until(() => b.session.load.deadlines === 0);
    answers[0]?.({ kind: "answer", payload: bytes(10) });
    expect(await asked(a, b, answers)).toMatchObject({ kind: "answer" });
  });

  it("given up in the middle of being sent leaves nothing behind", async () => {
    const seen: number[] = [];
    const [a, b] = [
      await serve(),
      await serve(({ payload }, respond) => {
        seen.push(payload.length);
        respond({ kind: "answer", payload: bytes(0) });
      }),
    ];
    await ask(a, b, bytes(1));
    const giveUp = new AbortController();
    const large = ask(a, b, new Uint8Array(50 * MIB), { signal: giveUp.signal });
    await until(() => b.session.load.incomingBytes > 0);
    giveUp.abort();
    expect(await large).toMatchObject({ kind: "failed", reason: "closed" });
    expect(a.session.load.waitingBytes).toBe(0);
    await until(() => b.session.load.incomingBytes === 0);
    expect(await ask(a, b, bytes(100_000))).toMatchObject({ kind: "answer" });
    expect(seen).toEqual([1, 100_000]);
  });

  it("given up before it begins is never sent", async () => {
    const seen: number[] = [];
    const [a, b] = [await serve(), await serve(({ payload }) => seen.push(payload.length))];
    const signal = AbortSignal.abort();
    expect(await ask(a, b, bytes(1), { signal })).toMatchObject({ reason: "closed" });
    expect(a.session.load).toMatchObject({ dials: 0, deadlines: 0, sessions: 0 });
    expect(seen).toEqual([]);
  });

  it("is refused with 500 when its handler takes for ever", async () => {
    const [a, b] = [
      await serve(),
      await serve(() => undefined, { limits: { answerTimeoutMs: 50 } }),
    ];
    expect(await ask(a, b, bytes(1))).toEqual({ kind: "refused", status: 500, text: "" });
  });

  it("is refused with 500 when its handler throws, of which the listener is told", async () => {
    const faults: unknown[] = [];
    const bug = new Error("a bug");
    const onFault = (error: unknown) => faults.push(error);
    const b = await serve(
      () => {
        throw bug;
      },
      {},
      { onFault },
    );
    expect(await ask(await serve(), b, bytes(1))).toEqual({
      kind: "refused",
      status: 500,
      text: "",
    });
    expect(faults).toEqual([bug]);
  });

  it("is refused with 503 when too many of its sender are being handled", async () => {
    const b = await serve(() => undefined, { limits: { runningMax: 3, answerTimeoutMs: 5_000 } });
    const session = await rawTo(b);
    for (let id = 1; id <= 4; id++) {
      session.send(FrameKind.REQUEST, id, Uint8Array.of(NativeType.BYTES));
    }
    await until(() => session.seen.includes(`${FrameKind.REFUSAL} 4 503`));
    session.send(FrameKind.CANCEL, 1);
    session.send(FrameKind.REQUEST, 5, Uint8Array.of(NativeType.BYTES));
    await until(() => b.session.load.deadlines === 3);
    expect(session.seen).not.toContain(`${FrameKind.REFUSAL} 5 503`);
  });

  it("of a message that does not exist is refused with 501", async () => {
    const session = await rawTo(await serve());
    session.send(FrameKind.REQUEST, 1, Uint8Array.of(99, 1));
    session.send(FrameKind.BEGIN, 2, begin(1, 99, 20_000));
    session.send(FrameKind.SLICE, 2, new Uint8Array(10_000));
    session.send(FrameKind.SLICE, 2, new Uint8Array(10_000));
    session.send(FrameKind.REQUEST, 3, Uint8Array.of(NativeType.ALIVE));
    await until(() => session.seen.includes(`${FrameKind.ANSWER} 3`));
    expect(session.seen).toContain(`${FrameKind.REFUSAL} 1 501`);
    expect(session.seen).toContain(`${FrameKind.REFUSAL} 2 501`);
  });

  it("that does not fit behind what waits fails unsent, and the memory stays bounded", async () => {
    const limits = { laneBytesMax: 200_000, bulkBytesMax: 3 * MIB };
    const [a, b] = [await serve(echo, { limits }), await serve(() => undefined)];
    await ask(a, b, bytes(1), { timeoutMs: 1 });
    await until(() => a.session.hasSession(b.identity.nodeId));
    const small = Array.from({ length: 100 }, () => ask(a, b, bytes(10_000), { timeoutMs: 300 }));
    const large = Array.from({ length: 10 }, () => ask(a, b, bytes(MIB), { timeoutMs: 300 }));
    expect(a.session.load.waitingBytes).toBeLessThan(4 * MIB);
    const replies = await Promise.all([...small, ...large]);
    const full = replies.filter(
      (reply) => reply.kind === "failed" && reply.detail.includes("bytes wait for this peer"),
    );
    expect(new Set(full.map((reply) => reply.kind === "failed" && reply.reason))).toEqual(
      new Set(["full"]),
    );
    expect(full.length).toBeGreaterThan(70);
    expect(full.length).toBeLessThan(110);
  });
});

describe("A peer on a session", () => {
  it("that announces 64 MB and sends a little makes nothing of that size", async () => {
    const b = await serve();
    const session = await rawTo(b);
    session.send(FrameKind.BEGIN, 1, begin(1, NativeType.BYTES, 64 * MIB));
    session.send(FrameKind.SLICE, 1, new Uint8Array(1024));
    await until(() => b.session.load.incomingBytes > 0);
    expect(b.session.load.incomingBytes).toBeLessThanOrEqual(64 * 1024);
    session.socket.destroy();
    await until(() => b.session.load.incomingBytes === 0);
  });

  it("is refused with 503 when there is no memory for its message, and can go on", async () => {
    const b = await serve(echo, { limits: { incomingBytesMax: 100_000 } });
    const a = await serve();
    expect(await ask(a, b, bytes(MIB))).toEqual({ kind: "refused", status: 503, text: "" });
    expect(await ask(a, b, bytes(90_000))).toMatchObject({ kind: "answer" });
  });

  it("cannot make answers pile up that it does not take", async () => {
    const limits = { laneBytesMax: 50_000, bulkBytesMax: 5 * MIB };
    const b = await serve((_, respond) => respond({ kind: "answer", payload: bytes(15_000) }), {
      limits,
    });
    const session = await rawTo(b);
    session.socket.pause();
    let waitingMax = 0;
    for (let id = 1; !session.closed && id < 200_000; id++) {
      session.send(FrameKind.REQUEST, id, Uint8Array.of(NativeType.BYTES));
      if (id % 100 !== 0) continue;
      await new Promise((resolve) => setImmediate(resolve));
      waitingMax = Math.max(waitingMax, b.session.load.waitingBytes);
      if (b.session.load.sessions === 0) break;
    }
    expect(waitingMax).toBeLessThan(2 * 50_000 + 1_000);
    expect(waitingMax).toBeGreaterThan(30_000);
    await until(() => b.session.load.sessions === 0);
  });

  const malformed: readonly [string, (session: RawSession) => void][] = [
    ["a frame of no kind", (one) => one.send(99 as FrameKind, 1)],
    ["a request without a type", (one) => one.send(FrameKind.REQUEST, 1)],
    ["a refusal without a status", (one) => one.send(FrameKind.REFUSAL, 1, bytes(1))],
    ["a slice of nothing", (one) => one.send(FrameKind.SLICE, 1, bytes(1))],
    ["a cut of nothing", (one) => one.send(FrameKind.CUT, 1)],
    ["a credit of three bytes", (one) => one.send(FrameKind.CREDIT, 0, bytes(3))],
    ["a begin of five bytes", (one) => one.send(FrameKind.BEGIN, 1, bytes(5))],
    ["a begin of no purpose", (one) => one.send(FrameKind.BEGIN, 1, begin(3, 17, 100))],
    ["a begin of no bytes", (one) => one.send(FrameKind.BEGIN, 1, begin(1, 17, 0))],
    [
      "a begin inside another",
      (one) => {
        one.send(FrameKind.BEGIN, 1, begin(1, 17, 100));
        one.send(FrameKind.BEGIN, 2, begin(1, 17, 100));
      },
    ],
    [
      "more than it announced",
      (one) => {
        one.send(FrameKind.BEGIN, 1, begin(1, 17, 10));
        one.send(FrameKind.SLICE, 1, bytes(11));
      },
    ],
    ["too much credit", (one) => one.send(FrameKind.CREDIT, 0, Buffer.alloc(4, 0xff))],
    ["a second AUTH", (one) => one.send(FrameKind.AUTH, 0, bytes(10))],
    ["a frame too large", (one) => one.send(FrameKind.ANSWER, 1, new Uint8Array(70_000))],
  ];
  for (const [what, send] of malformed) {
    it(`loses its session for ${what}`, async () => {
      const lost: string[] = [];
      const b = await serve(echo, {}, { onSessionLost: ({ nodeId }) => lost.push(nodeId) });
      const session = await rawTo(b);
      send(session);
      await until(() => session.closed);
      await until(() => b.session.load.sessions === 0);
      expect(lost).toEqual(["raw"]);
      expect(b.session.load.incomingBytes).toBe(0);
    });
  }

  it("loses its session for more than it was granted", async () => {
    const b = await serve(echo, { limits: { creditBytesMin: 10_000 } });
    const session = await rawTo(b);
    session.send(FrameKind.BEGIN, 1, begin(1, NativeType.BYTES, MIB));
    session.send(FrameKind.SLICE, 1, bytes(10_001));
    await until(() => session.closed);
  });

  it("may answer what nobody asked, and cancel what nobody answers", async () => {
    const session = await rawTo(await serve());
    session.send(FrameKind.ANSWER, 77, bytes(10));
    session.send(FrameKind.REFUSAL, 78, bytes(10));
    session.send(FrameKind.CANCEL, 79);
    session.send(FrameKind.BEGIN, 80, begin(2, NativeType.BYTES, 100));
    session.send(FrameKind.SLICE, 80, bytes(60));
    session.send(FrameKind.CUT);
    session.send(FrameKind.REQUEST, 1, Uint8Array.of(NativeType.ALIVE));
    await until(() => session.seen.includes(`${FrameKind.ANSWER} 1`));
  });
});

describe("A carrier that closes", () => {
  it("leaves nothing open, on either side", async () => {
    const [a, b] = [await serve(), await serve(() => undefined)];
    const replies = [ask(a, b, bytes(1)), ask(a, b, bytes(5 * MIB))];
    await until(() => b.session.load.deadlines > 0);
    await a.session.close();
    for (const reply of await Promise.all(replies)) {
      expect(reply).toMatchObject({ kind: "failed", reason: "closed" });
    }
    const nothing = { sessions: 0, dials: 0, handshakes: 0, lingering: 0, incomingBytes: 0 };
    expect(a.session.load).toMatchObject({ ...nothing, deadlines: 0 });
    await until(() => b.session.load.sessions === 0 && b.session.load.lingering === 0);
    expect(b.session.load).toMatchObject(nothing);
  });

  it("lets running answers finish", async () => {
    const answers: (() => void)[] = [];
    const b = await serve(({ payload }, respond) => {
      answers.push(() => respond({ kind: "answer", payload }));
    });
    const reply = ask(await serve(), b, bytes(100_000));
    await until(() => answers.length === 1);
    const closed = b.session.close();
    answers[0]?.();
    expect(await reply).toMatchObject({ kind: "answer" });
    await closed;
  });

  it("gives up dials", async () => {
    const [a, b] = [await serve(), await serve()];
    const reply = ask(a, b, bytes(1));
    await a.session.close();
    expect(await reply).toMatchObject({ kind: "failed", reason: "closed" });
    expect(a.session.load.dials).toBe(0);
  });
});

async function asked(
  a: SessionNode,
  b: SessionNode,
  answers: ((outcome: Outcome) => void)[],
): Promise<Reply> {
  const reply = ask(a, b, bytes(10));
  await until(() => answers.length === 2);
  answers[1]?.({ kind: "answer", payload: bytes(10) });
  return reply;
}

describe("A session on which nothing is said", () => {
  const limits = { restMsMax: 100 };

  it("ends, is missed by nobody, and the next request begins another", async () => {
    const lost: string[] = [];
    const onSessionLost = ({ nodeId }: { nodeId: string }) => void lost.push(nodeId);
    const [a, b] = await Promise.all([
      serve(echo, { limits }, { onSessionLost }),
      serve(echo, { limits }, { onSessionLost }),
    ]);
    await ask(a, b, bytes(10));
    expect(a.session.load.sessions).toBe(1);
    await until(() => a.session.load.sessions + b.session.load.sessions === 0);
    expect(lost).toEqual([]);
    expect((await ask(a, b, bytes(10))).kind).toBe("answer");
  });

  it("does not end while both sides keep it", async () => {
    const keptByA = new Set(["b"]);
    const a = await serve(echo, {
      limits,
      identity: createIdentity("a", { keeps: (nodeId) => keptByA.has(nodeId) }),
    });
    const b = await serve(echo, {
      limits,
      identity: createIdentity("b", { keeps: (nodeId) => nodeId === "a" }),
    });
    await ask(a, b, bytes(10));
    // Several looks at it pass.
    await new Promise((resolve) => setTimeout(resolve, 5 * limits.restMsMax));
    expect([a.session.load.sessions, b.session.load.sessions]).toEqual([1, 1]);
    keptByA.clear();
    await until(() => a.session.load.sessions + b.session.load.sessions === 0);
  });

  it("does not end while a request waits for its answer, however long", async () => {
    const answers: (() => void)[] = [];
    const slow: typeof echo = (_, respond) =>
      answers.push(() => respond({ kind: "answer", payload: bytes(1) }));
    const [a, b] = await Promise.all([serve(echo, { limits }), serve(slow, { limits })]);
    const reply = ask(a, b, bytes(10));
    await until(() => answers.length === 1);
    // Several looks at it pass.
    await new Promise((resolve) => setTimeout(resolve, 5 * limits.restMsMax));
    expect(a.session.load.sessions).toBe(1);
    for (const answer of answers) answer();
    expect((await reply).kind).toBe("answer");
  });
});
