/** Members of a large network that only others have shown, and that may be made up. */
import { describe, expect, it } from "vitest";
import { MessageType } from "../../../src/wire/message-type.ts";
import { encodeIntroduce } from "../../../src/wire/native-members.ts";
import { NativeType } from "../../../src/wire/native-type.ts";
import { large, live, STEP_MS } from "./large-network.ts";
import { answered, PORT } from "./lone-core.ts";
import { SessionPuppet } from "./session.ts";

describe("A node that others show and that never answers", () => {
  it("is gone in seconds, and nobody is told that it is suspected: all that hear of it ask it", () => {
    const { core, peers } = large();
    const [liar] = peers as [SessionPuppet];
    const ghost = new SessionPuppet("ghost", "10.0.0.99");
    const endpoint = { address: ghost.address, port: PORT };
    const hello = ghost.greeting();
    liar.ask(core, NativeType.INTRODUCE, encodeIntroduce([{ role: "request", hello, endpoint }]));
    expect(core.core.member("ghost")?.status).toBe("alive");
    const suspected = live(core, peers, 12_000);
    expect(core.core.member("ghost")).toBeUndefined();
    expect(suspected).not.toContain("ghost");
    expect(core.faults).toEqual([]);
  });

  /** One that was shown and is silent, and is shown again five times a second. */
  function slowOne() {
    const { core, peers } = large();
    const [namer] = peers as [SessionPuppet];
    const slow = new SessionPuppet("slow", "10.0.0.99");
    const endpoint = { address: slow.address, port: PORT };
    const show = () => {
      const hello = slow.greeting();
      namer.ask(
        core,
        NativeType.INTRODUCE,
        encodeIntroduce([{ role: "request", hello, endpoint }]),
      );
    };
    show();
    live(core, peers, 1_000);
    while (core.core.member("slow") !== undefined) live(core, peers, STEP_MS);
    const goneMs = core.nowMs;
    const calledMs: number[] = [];
    const wasCalled = new Set<number>();
    let steps = 0;
    const liveOn = (ms: number, others: readonly SessionPuppet[], onStep = () => {}) =>
      live(core, [...peers, ...others], ms, () => {
        onStep();
        steps += 1;
        if (steps % 8 === 0) show();
        for (const { exchange } of slow.calls(core, MessageType.HELLO)) {
          if (!wasCalled.has(exchange)) calledMs.push(core.nowMs - goneMs);
          wasCalled.add(exchange);
        }
      });
    return { core, slow, calledMs, liveOn };
  }

  it("is called when it is shown again, seldom, and not listed", () => {
    const { core, calledMs, liveOn } = slowOne();
    liveOn(55_000, [], () => expect(core.core.member("slow")).toBeUndefined());
    const seconds = calledMs.map((ms) => Math.round(ms / 1_000));
    expect(seconds).toEqual([3, 15]);
  });

  it.each([1, 14])("is listed as soon as it answers, %i s later", (silentSeconds) => {
    const { core, slow, liveOn } = slowOne();
    liveOn(silentSeconds * 1_000, []);
    liveOn(3_000, [slow]);
    expect(core.core.member("slow")?.status).toBe("alive");
    expect(core.core.member("slow")?.provenIncarnation).toBe(slow.proven.incarnation);
  });

  it("is asked slowly by one that is late: answers would be late as well", () => {
    const asked = [0, 300].map((lateMs) => {
      const { core, peers } = large();
      for (const ms of [lateMs, lateMs]) if (ms > 0) core.late(ms);
      const [liar] = peers as [SessionPuppet];
      const ghost = new SessionPuppet("ghost", "10.0.0.99");
      const endpoint = { address: ghost.address, port: PORT };
      const hello = ghost.greeting();
      liar.ask(core, NativeType.INTRODUCE, encodeIntroduce([{ role: "request", hello, endpoint }]));
      const calls = new Map<number, number>();
      live(core, peers, 5_000, () => {
        for (const { exchange } of ghost.calls(core, MessageType.PING)) {
          if (!calls.has(exchange)) calls.set(exchange, core.nowMs);
        }
      });
      const [firstMs = 0, ...others] = calls.values();
      return 1 + others.filter((ms) => ms - firstMs < 600).length;
    });
    expect(asked[0]).toBeGreaterThanOrEqual(4);
    expect(asked[1]).toBe(1);
  });

  it("unlike one that did", () => {
    const { core, peers } = large();
    const [gone, ...others] = peers as [SessionPuppet, ...SessionPuppet[]];
    core.step({ kind: "session-lost", peer: gone.proven });
    const suspected = live(core, others, 12_000);
    expect(core.core.member(gone.nodeId)?.status).toBe("down");
    expect(suspected).toContain(gone.nodeId);
    expect(gone.calls(core, MessageType.HELLO).length).toBeLessThanOrEqual(1);
  });
});

describe("A late answer on a session", () => {
  it("of somebody whose name another one has proved to have meanwhile pins nothing", () => {
    const { core, peers } = large();
    const [namer] = peers as [SessionPuppet];
    const insiders = Array.from(
      { length: 8 },
      (_, index) => new SessionPuppet(`new${index}`, `10.0.2.${index + 1}`, `insider${index}`),
    );
    const entries = insiders.map((one) => ({
      role: "request" as const,
      hello: one.greeting(),
      endpoint: { address: one.address, port: PORT },
    }));
    namer.ask(core, NativeType.INTRODUCE, encodeIntroduce(entries));
    let insider: SessionPuppet | undefined;
    for (let steps = 0; steps < 200 && insider === undefined; steps += 1) {
      live(core, peers, STEP_MS);
      insider = insiders.find((one) => one.calls(core, NativeType.ALIVE).length > 0);
    }
    const [question] = insider?.calls(core, NativeType.ALIVE) ?? [];
    if (insider === undefined || question === undefined) throw new Error("nobody is asked");
    core.step({ kind: "forget", nodeId: insider.nodeId });
    core.reply(question, answered(new Uint8Array()));
    expect(core.pins.has(insider.nodeId)).toBe(false);
  });
});

describe("A node that others show where an insider is", () => {
  it("is called where it says HELLO from, though it is listed already", () => {
    const { core, peers } = large();
    const [namer] = peers as [SessionPuppet];
    const node = new SessionPuppet("node", "10.0.0.98");
    const endpoint = { address: "10.0.0.99", port: PORT };
    const hello = node.greeting();
    namer.ask(core, NativeType.INTRODUCE, encodeIntroduce([{ role: "request", hello, endpoint }]));
    expect(core.core.member("node")?.endpoint?.address).toBe("10.0.0.99");
    core.ask(MessageType.HELLO, node.greeting(), node.address);
    live(core, [...peers, node], 500);
    expect(core.core.member("node")?.endpoint?.address).toBe("10.0.0.98");
  });
});

describe("A neighbour in a large network", () => {
  it("that others have shown has its key pinned once it answers on a session", () => {
    const { core, peers } = large();
    const [namer] = peers as [SessionPuppet];
    const shown = Array.from(
      { length: 20 },
      (_, index) => new SessionPuppet(`new${index}`, `10.0.2.${index + 1}`),
    );
    const entries = shown.map(({ address }, index) => ({
      role: "request" as const,
      hello: (shown[index] as SessionPuppet).greeting(),
      endpoint: { address, port: PORT },
    }));
    namer.ask(core, NativeType.INTRODUCE, encodeIntroduce(entries));
    const questions = new Set<string>();
    live(core, [...peers, ...shown], 2_500, () => {
      for (const one of shown)
        if (one.calls(core, NativeType.ALIVE).length > 0) questions.add(one.nodeId);
    });
    expect(questions.size).toBeGreaterThan(0);
    const pinned = shown.filter(({ nodeId }) => core.pins.has(nodeId)).map(({ nodeId }) => nodeId);
    expect(pinned).toEqual(expect.arrayContaining([...questions]));
  });

  it("that answers PINGs while it is suspected, and gives no session, is there and no neighbour", () => {
    const { core, peers } = large();
    const neighbour = peers.find(({ nodeId }) => core.core.keepsSession(nodeId));
    if (neighbour === undefined) throw new Error("there is no neighbour");
    const others = peers.filter((peer) => peer !== neighbour);
    const statusOf = () => core.core.member(neighbour.nodeId)?.status;
    core.step({ kind: "session-lost", peer: neighbour.proven });
    live(core, others, 1_500);
    expect(statusOf()).toBe("suspect");
    live(core, others, 3_500, () => neighbour.answerAll(core, MessageType.PING));
    expect(statusOf()).toBe("alive");
    expect(core.core.keepsSession(neighbour.nodeId)).toBe(false);
  });
});
