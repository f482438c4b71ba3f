/** What each tick brings besides a sign of life: one peer's list, and states where it is due. */
import { describe, expect, it } from "vitest";
import { DEFAULT_SETTINGS } from "../../../src/protocol/settings.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { answered, LoneCore, PORT, Puppet } from "./lone-core.ts";
import { callsTo, Native, replyAll, silence, stranger, unreachable } from "./native.ts";

const AT = "10.0.0.2";
const { tickMs } = DEFAULT_SETTINGS;
const PING = Uint8Array.of(0x20);

/** How many calls of each kind bob was sent while he answered them for some ticks. */
function countCalls(core: LoneCore, bob: Native, ticks: number) {
  const counts = { hello: 0, peers: 0, update: 0, ping: 0 };
  for (let ms = 0; ms < ticks * tickMs; ms += 50) {
    core.run(50);
    for (let call = core.open[0]; call !== undefined; call = core.open[0]) {
      if (call.type === MessageType.HELLO) counts.hello += 1;
      if (call.type === MessageType.PEERS) counts.peers += 1;
      if (call.type === MessageType.UPDATE) counts.update += 1;
      if (call.type === MessageType.PING) counts.ping += 1;
      bob.answerOne(core, call);
    }
  }
  return counts;
}

describe("Each tick", () => {
  it("asks one peer for its list; states cross only now and then once ours is held", () => {
    const rarely = new LoneCore("me", { random: () => 0.5 });
    const counts = countCalls(rarely, new Native("bob", AT).join(rarely), 9);
    expect(counts).toMatchObject({ ping: 9, peers: 9, update: 0 });
    const often = new LoneCore("me", { random: () => 0.05 });
    expect(countCalls(often, new Native("bob", AT).join(often), 9)).toMatchObject({ update: 9 });
  });

  it("does not send a state where one is under way", () => {
    const core = new LoneCore("me", { random: () => 0.05 });
    new Native("bob", AT).join(core);
    core.write(["k", "v"]);
    core.run(2 * tickMs);
    expect(callsTo(core, AT).filter((type) => type === MessageType.UPDATE).length).toBe(1);
  });

  it("asks nothing more of a node that is suspected", () => {
    const core = new LoneCore("me", { random: () => 0.5 });
    new Native("bob", AT).join(core);
    core.run(tickMs);
    replyAll(core, AT, silence);
    expect(core.core.member("bob")?.status).toBe("suspect");
    core.run(tickMs);
    expect(callsTo(core, AT)).toEqual([MessageType.PING]);
  });

  it("in vain is no reason to say HELLO: only a peer that forgot us is greeted", () => {
    const core = new LoneCore("me", { random: () => 0.5 });
    new Native("bob", AT).join(core);
    core.run(tickMs);
    for (const call of core.sent(MessageType.PEERS)) core.reply(call, silence);
    expect(callsTo(core, AT)).toEqual([MessageType.PING]);
  });

  it("that finds us forgotten makes us say HELLO", () => {
    const core = new LoneCore("me", { random: () => 0.05 });
    const bob = new Native("bob", AT).join(core);
    for (let ms = 0; ms < 2 * tickMs && core.sent(MessageType.UPDATE).length === 0; ms += 50)
      core.run(50);
    for (const call of core.sent(MessageType.UPDATE)) core.reply(call, stranger);
    expect(callsTo(core, AT)).toContain(MessageType.HELLO);
    bob.answerCalls(core);
    expect(core.core.member("bob")).toMatchObject({ status: "alive", seesUs: true });
  });
});

describe("A native node that answers only PINGs", () => {
  it("D10: must answer a HELLO every half minute, for answers to PINGs can be recorded", () => {
    const core = new LoneCore("me", { random: () => 0.5 });
    const { hello } = countCalls(core, new Native("bob", AT).join(core), 40);
    expect(hello).toBe(3);
  });
});

describe("A PING of a Python peer", () => {
  it("is known by the address where we call it, or that it called us from", () => {
    for (const [from, isKnown] of [
      ["alice.example", true],
      ["10.0.0.77", true],
      ["10.0.0.99", false],
    ] as const) {
      const core = new LoneCore("me", {}, [{ address: "alice.example", port: PORT }]);
      const alice = new Puppet("alice", "alice.example");
      alice.answerCalls(core);
      core.ask(MessageType.HELLO, alice.hello(), "10.0.0.77");
      core.run(100);
      core.ask(MessageType.PING, PING, from);
      const listedMs = core.core.member("alice")?.push.listedMs;
      expect(listedMs === core.nowMs, from).toBe(isKnown);
    }
  });

  it("of a peer that never called us is known by the address where we call it", () => {
    const core = new LoneCore("me", {}, [{ address: AT, port: PORT }]);
    new Puppet("alice", AT).answerCalls(core);
    core.run(100);
    core.ask(MessageType.PING, PING, AT);
    expect(core.core.member("alice")?.push.listedMs).toBe(core.nowMs);
  });
});

describe("A machine that refuses connections", () => {
  it("tells of a process that died, though its last words came while we asked", () => {
    const core = new LoneCore();
    const bob = new Native("bob", AT).join(core);
    core.step({ kind: "connection-lost", to: { address: AT, port: PORT } });
    core.run(5);
    core.ask(MessageType.HELLO, bob.greeting(), AT);
    for (let ms = 0; ms < 2_000 && core.core.member("bob")?.status !== "down"; ms += 50) {
      for (const call of core.sent(MessageType.PING)) core.reply(call, unreachable);
      core.run(50);
      expect(core.core.member("bob")?.status).not.toBe("one-way");
    }
    expect(core.core.member("bob")?.status).toBe("down");
  });
});

describe("The clock of a peer", () => {
  it("stays known when an answer does not tell it", () => {
    const core = new LoneCore();
    const bob = new Native("bob", AT).join(core);
    const offset = core.core.member("bob")?.clockOffsetSeconds;
    expect(offset).toBe(0);
    core.step({ kind: "connection-lost", to: { address: AT, port: PORT } });
    for (const call of core.sent(MessageType.PING))
      core.reply(call, { kind: "answer", payload: new Uint8Array() });
    expect(core.core.member("bob")?.clockOffsetSeconds).toBe(0);
    core.step({ kind: "connection-lost", to: { address: AT, port: PORT } });
    core.run(70);
    for (const call of core.sent(MessageType.PING)) core.reply(call, answered(new Uint8Array()));
    expect(core.core.member("bob")?.rttMs).toBe(70);
    bob.answerCalls(core);
  });
});
