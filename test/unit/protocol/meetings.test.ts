/** What happens once a node answers, and what is made of nodes that others name. */
import { describe, expect, it } from "vitest";
import { MessageType } from "../../../src/wire/message-type.ts";
import { answered, LoneCore, NOW_SECONDS, PORT } from "./lone-core.ts";
import { callsTo, comings, Native, replyAll, silence } from "./native.ts";

const BOB = "10.0.0.2";
const CAROL = "10.0.0.4";
const me = { nodeId: "me", address: "10.0.0.1", port: PORT };
const carolAt = (address: string) => ({ nodeId: "carol", address, port: PORT });

const statusOf = (core: LoneCore) => core.core.member("carol")?.status;

/** Lets time pass while bob answers everything and nobody else anything. */
function pass(core: LoneCore, bob: Native, seconds: number): void {
  for (let step = 0; step < seconds * 4; step += 1) {
    bob.answerCalls(core);
    for (const call of core.open.filter(({ to }) => to.address !== BOB)) core.reply(call, silence);
    core.run(250);
  }
}

/** A core that lists bob and has lost carol, who was at CAROL. */
function withoutCarol(): { core: LoneCore; bob: Native; carol: Native } {
  const core = new LoneCore("me", { random: () => 0.5 });
  const bob = new Native("bob", BOB).join(core);
  const carol = new Native("carol", CAROL).join(core);
  pass(core, bob, 10);
  expect(statusOf(core)).toBe("down");
  return { core, bob, carol };
}

describe("Meeting a node", () => {
  it("exchanges states before it is listed, so that whoever hears of it can read it", () => {
    const core = new LoneCore();
    const bob = new Native("bob", BOB);
    bob.join(core, bob.state(NOW_SECONDS, '{"k": "v"}'));
    const names = core.events.map(({ name }) => name);
    expect(names).toContain("peer:join");
    expect(core.core.entriesOf("bob")).toEqual(new Map([["k", "v"]]));
    expect(names.slice(names.indexOf("peer:join") + 1)).toContain("state:update");
  });

  it("sends what was written while the states were exchanged", () => {
    const core = new LoneCore();
    const bob = new Native("bob", BOB);
    core.ask(MessageType.HELLO, bob.greeting(), BOB);
    const [hello] = core.sent(MessageType.HELLO);
    if (hello === undefined) throw new Error("not called");
    core.reply(hello, answered(bob.greetingBack(hello)));
    expect(callsTo(core, BOB)).toEqual([MessageType.UPDATE]);
    core.write(["k", "v"]);
    bob.answerCalls(core);
    expect(core.core.member("bob")?.push.held).toBe(core.core.version);
  });

  it("that is forgotten meanwhile lists nobody", () => {
    const core = new LoneCore();
    const bob = new Native("bob", BOB);
    core.ask(MessageType.HELLO, bob.greeting(), BOB);
    const [hello] = core.sent(MessageType.HELLO);
    if (hello === undefined) throw new Error("not called");
    core.reply(hello, answered(bob.greetingBack(hello)));
    core.step({ kind: "forget", nodeId: "bob" });
    bob.answerCalls(core);
    expect(core.core.members()).toEqual([]);
    expect(comings(core, "bob")).toEqual([]);
  });
});

describe("A node that we have lost and another names", () => {
  it("at the address that we know is tried there at once, not at the end of a pause", () => {
    const { core, bob } = withoutCarol();
    bob.lists = [me, carolAt(CAROL)];
    // All but the list of bob is answered, until he is asked for it.
    while (core.sent(MessageType.PEERS).length === 0 && core.nowMs < 60_000) {
      for (const call of core.open)
        if (call.type === MessageType.PEERS) continue;
        else if (call.to.address === BOB) bob.answerOne(core, call);
        else core.reply(call, silence);
      core.run(50);
    }
    replyAll(core, CAROL, silence);
    bob.answerCalls(core);
    expect(callsTo(core, CAROL)).toEqual([MessageType.HELLO]);
  });

  it("elsewhere is greeted there, and has moved if it answers", () => {
    const { core, bob, carol } = withoutCarol();
    const elsewhere = new Native("carol", "10.0.0.44");
    elsewhere.incarnation = carol.incarnation + 1;
    bob.lists = [me, carolAt("10.0.0.44")];
    for (let step = 0; step < 20 && statusOf(core) !== "alive"; step += 1) {
      bob.answerCalls(core);
      replyAll(core, CAROL, silence);
      elsewhere.answerCalls(core);
      core.run(250);
    }
    expect(core.core.member("carol")).toMatchObject({
      status: "alive",
      endpoint: { address: "10.0.0.44", port: PORT },
    });
    expect(comings(core, "carol")).toEqual(["peer:join", "peer:leave", "peer:join"]);
  });

  it("elsewhere, where nobody answers, stays where it was, and is not called at each naming", () => {
    const { core, bob } = withoutCarol();
    bob.lists = [me, carolAt("10.0.0.44")];
    const hellosMs: number[] = [];
    for (let step = 0; step < 240; step += 1) {
      bob.answerCalls(core);
      if (callsTo(core, "10.0.0.44").length > 0) hellosMs.push(core.nowMs);
      for (const address of [CAROL, "10.0.0.44"]) replyAll(core, address, silence);
      core.run(250);
    }
    expect(core.core.member("carol")?.endpoint?.address).toBe(CAROL);
    // A minute: at first after some seconds, then after twelve.
    expect(hellosMs.length).toBeGreaterThan(2);
    expect(hellosMs.length).toBeLessThan(9);
    expect(core.faults).toEqual([]);
  });

  it("is not tried again because of others while it refuses us", () => {
    const { core, bob } = withoutCarol();
    bob.lists = [me, carolAt(CAROL)];
    const refusal = { kind: "refused", status: 401, text: "me not in carol's whitelist" } as const;
    let calls = 0;
    for (let step = 0; step < 240; step += 1) {
      bob.answerCalls(core);
      if (step > 40) calls += callsTo(core, CAROL).length;
      replyAll(core, CAROL, refusal);
      core.run(250);
    }
    expect(statusOf(core)).toBe("refused");
    // Every five seconds, as without bob.
    expect(calls).toBeLessThan(13);
  });
});

describe("A peer that names more than it can mean", () => {
  it("does not keep us from listening to others: who listens waits five seconds at most", () => {
    const core = new LoneCore("me", { random: () => 0.5 });
    const bob = new Native("bob", BOB);
    const ghosts = Array.from({ length: 100 }, (_, index) => ({
      nodeId: `ghost${index}`,
      address: `10.9.0.${index}`,
      port: PORT,
    }));
    bob.lists = [me, ...ghosts];
    bob.join(core);
    expect(core.sent(MessageType.HELLO).length).toBe(16);
    // Nobody of them answers; bob is asked for his list again all the same.
    let lists = 0;
    for (let step = 0; step < 60; step += 1) {
      lists += callsTo(core, BOB).filter((type) => type === MessageType.PEERS).length;
      bob.answerCalls(core);
      core.run(250);
    }
    expect(lists).toBeGreaterThan(2);
    expect(core.sent(MessageType.HELLO).length).toBe(16);
    expect(core.core.members().length).toBe(1);
    // Each that fails makes room for another.
    const called = new Set<string>();
    while (called.size < 100) {
      const [call] = core.sent(MessageType.HELLO);
      if (call === undefined) break;
      called.add(call.to.address);
      core.reply(call, silence);
    }
    expect(called.size).toBe(100);
  });
});
