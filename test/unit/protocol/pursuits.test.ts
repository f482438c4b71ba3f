/** Nodes that are not reached: tried for ever, ever more rarely, and wherever they may be. */
import { describe, expect, it } from "vitest";
import { DEFAULT_SETTINGS } from "../../../src/protocol/settings.ts";
import type { Reply } from "../../../src/wire/exchange.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { answered, LoneCore, Puppet } from "./lone-core.ts";
import { callsTo, comings, Native, replyAll, silence, unreachable } from "./native.ts";

const AT = "10.0.0.2";

/** Lets time pass in small steps while every call to AT is answered alike; when each came. */
function pass(core: LoneCore, ms: number, reply: Reply): number[] {
  const callsMs: number[] = [];
  const endMs = core.nowMs + ms;
  while (core.nowMs < endMs) {
    for (const call of core.open.filter(({ to }) => to.address === AT)) {
      if (call.type !== MessageType.UPDATE) callsMs.push(core.nowMs);
      core.reply(call, reply);
    }
    core.run(50);
  }
  return callsMs;
}

/** Lets time pass until the core calls AT. */
function untilCalled(core: LoneCore): void {
  const endMs = core.nowMs + 120_000;
  while (callsTo(core, AT).length === 0 && core.nowMs < endMs) core.run(50);
}

const statusOf = (core: LoneCore, nodeId = "bob") => core.core.member(nodeId)?.status;

describe("A newcomer that we do not reach", () => {
  it("is tried with growing pauses, from half a second to four, and forgotten after a minute", () => {
    const core = new LoneCore("me", { random: () => 0.5 });
    core.ask(MessageType.HELLO, new Native("bob", AT).greeting(), AT);
    const callsMs = pass(core, 50_000, unreachable);
    const pausesMs = callsMs.slice(1).map((ms, index) => ms - (callsMs[index] ?? 0));
    expect(pausesMs[0]).toBeLessThan(600);
    expect(pausesMs.at(-1)).toBeGreaterThan(3_900);
    expect(Math.max(...pausesMs)).toBeLessThan(4_150);
    expect([...pausesMs].sort((a, b) => a - b)).toEqual(pausesMs);
    expect(statusOf(core)).toBe("joining");
    pass(core, 20_000, unreachable);
    expect(statusOf(core)).toBeUndefined();
    expect(pass(core, 120_000, unreachable)).toEqual([]);
    expect(comings(core, "bob")).toEqual([]);
  });

  it("leaves nothing that waits for its next turn when it is forgotten", () => {
    const core = new LoneCore();
    const names = Array.from({ length: 20 }, (_, index) => `n${index}`);
    for (const name of names) core.ask(MessageType.HELLO, new Native(name, AT).greeting(), AT);
    pass(core, 20_000, unreachable);
    expect(core.core.pending.timers).toBeGreaterThan(20);
    for (const nodeId of names) core.step({ kind: "forget", nodeId });
    expect(core.core.pending.timers).toBeLessThan(10);
  });

  it("is reached as soon as it answers", () => {
    const core = new LoneCore();
    const bob = new Native("bob", AT);
    core.ask(MessageType.HELLO, bob.greeting(), AT);
    pass(core, 10_000, silence);
    untilCalled(core);
    bob.answerCalls(core);
    expect(statusOf(core)).toBe("alive");
    // Among them the next look at whom to remember.
    expect(core.core.pending.timers).toBeLessThan(5);
  });

  it("is tried at once when it says HELLO again, and only by one attempt at a time", () => {
    const core = new LoneCore();
    const bob = new Native("bob", AT);
    core.ask(MessageType.HELLO, bob.greeting(), AT);
    pass(core, 20_000, unreachable);
    core.ask(MessageType.HELLO, bob.greeting(), AT);
    core.ask(MessageType.HELLO, bob.greeting(), AT);
    expect(callsTo(core, AT)).toEqual([MessageType.HELLO]);
  });

  it("that refuses us is shown as refused, and still tried", () => {
    const core = new LoneCore();
    core.ask(MessageType.HELLO, new Native("bob", AT).greeting(), AT);
    const text = "me not in bob's whitelist";
    replyAll(core, AT, { kind: "refused", status: 401, text });
    expect(statusOf(core)).toBe("refused");
    expect(core.core.member("bob")?.reason?.code).toBe("DSN_NOT_WHITELISTED");
    core.run(1_000);
    expect(callsTo(core, AT)).toEqual([MessageType.HELLO]);
    new Native("bob", AT).answerCalls(core);
    expect(statusOf(core)).toBe("alive");
  });

  it("has a reason that says why it is not reached", () => {
    const core = new LoneCore();
    core.ask(MessageType.HELLO, new Native("bob", AT).greeting(), AT);
    replyAll(core, AT, unreachable);
    expect(core.core.member("bob")?.reason?.code).toBe("DSN_UNREACHABLE");
  });
});

describe("A node that is gone", () => {
  it("is never forgotten, and after an hour tried once in 48 s", () => {
    const core = new LoneCore("me", { random: () => 0.5 });
    new Native("bob", AT).join(core);
    pass(core, 30_000, silence);
    expect(statusOf(core)).toBe("down");
    const early = pass(core, 60_000, silence).length;
    expect(early).toBeGreaterThan(10);
    core.nowMs += 3_600_000;
    core.step({ kind: "wake" });
    pass(core, 120_000, silence);
    const late = pass(core, 600_000, silence).length;
    expect(late).toBeLessThanOrEqual(13);
    expect(late).toBeGreaterThan(10);
    expect(statusOf(core)).toBe("down");
  });

  it("of the Python wire is sent a PING before a HELLO, which would wake its application", () => {
    const core = new LoneCore();
    const alice = new Puppet("alice", AT).join(core);
    pass(core, 20_000, silence);
    expect(statusOf(core, "alice")).toBe("down");
    untilCalled(core);
    expect(callsTo(core, AT)).toEqual([MessageType.PING]);
    replyAll(core, AT, answered(new Uint8Array()));
    expect(callsTo(core, AT)).toEqual([MessageType.HELLO]);
    alice.answerCalls(core);
    expect(statusOf(core, "alice")).toBe("alive");
  });

  it("is not removed by who repeats an old HELLO of it and never answers", () => {
    const core = new LoneCore();
    const bob = new Native("bob", AT).join(core);
    pass(core, 20_000, silence);
    core.ask(MessageType.HELLO, bob.greeting(), AT);
    expect(statusOf(core)).toBe("joining");
    pass(core, DEFAULT_SETTINGS.joiningMs + 20_000, silence);
    expect(statusOf(core)).toBe("down");
  });
});
