/** A known node says HELLO from elsewhere: it has moved only if it answers there itself. */
import { describe, expect, it } from "vitest";
import { MessageType } from "../../../src/wire/message-type.ts";
import { answered, LoneCore, PORT, Puppet } from "./lone-core.ts";
import { callsTo, comings, Native, replyAll, silence } from "./native.ts";

const OLD = "10.0.0.2";
const NEW = "10.0.0.33";

const at = (core: LoneCore, nodeId: string) => core.core.member(nodeId)?.endpoint?.address;

/** The same node at its new address. */
function moved<T extends Puppet>(puppet: T, address = NEW): T {
  return Object.defineProperty(puppet, "address", { value: address });
}

describe("A native node", () => {
  it("that restarted elsewhere and answers there is met there", () => {
    const core = new LoneCore();
    const bob = new Native("bob", OLD).join(core);
    bob.incarnation = 2;
    core.ask(MessageType.HELLO, bob.greeting(), NEW);
    expect(callsTo(core, NEW)).toEqual([MessageType.HELLO]);
    expect(at(core, "bob")).toBe(OLD);
    moved(bob).answerCalls(core);
    expect(at(core, "bob")).toBe(NEW);
    expect(core.core.member("bob")?.candidates).toEqual([]);
    expect(comings(core, "bob")).toEqual(["peer:join"]);
  });

  it("that restarted elsewhere and does not answer there stays where it is", () => {
    const core = new LoneCore();
    const bob = new Native("bob", OLD).join(core);
    bob.incarnation = 2;
    core.ask(MessageType.HELLO, bob.greeting(), NEW);
    replyAll(core, NEW, silence);
    expect(at(core, "bob")).toBe(OLD);
    expect(callsTo(core, NEW)).toEqual([]);
    expect(core.faults).toEqual([]);
  });

  it("of the same process is not called elsewhere, for anybody can repeat its HELLO", () => {
    const core = new LoneCore();
    const bob = new Native("bob", OLD).join(core);
    core.ask(MessageType.HELLO, bob.greeting(), NEW);
    expect(callsTo(core, NEW)).toEqual([]);
    expect(at(core, "bob")).toBe(OLD);
  });

  it("is not called where an old HELLO of another process of it comes from", () => {
    const core = new LoneCore();
    const bob = new Native("bob", OLD);
    bob.incarnation = 9;
    const recording = bob.greeting();
    bob.incarnation = 1;
    bob.join(core);
    core.ask(MessageType.HELLO, recording, NEW);
    expect(callsTo(core, NEW)).toEqual([]);
  });

  it("that says HELLO again from where it is keeps what it holds, unless it restarted", () => {
    const core = new LoneCore();
    const bob = new Native("bob", OLD).join(core);
    core.ask(MessageType.HELLO, bob.greeting(), OLD);
    expect(callsTo(core, OLD)).toEqual([]);
    bob.incarnation = 2;
    core.ask(MessageType.HELLO, bob.greeting(), OLD);
    expect(callsTo(core, OLD)).toEqual([MessageType.UPDATE]);
  });

  it("that is gone is looked for where HELLOs of it came from, the latest first", () => {
    const core = new LoneCore();
    const bob = new Native("bob", OLD).join(core);
    for (const host of [1, 2, 3, 4, 3])
      core.ask(MessageType.HELLO, bob.greeting(), `10.0.9.${host}`);
    const candidates = core.core.member("bob")?.candidates.map(({ address }) => address);
    expect(candidates).toEqual(["10.0.9.3", "10.0.9.4", "10.0.9.2"]);
    for (let second = 0; second < 12 && core.core.member("bob")?.status !== "down"; second += 1) {
      replyAll(core, OLD, silence);
      core.run(1_000);
    }
    expect(core.core.member("bob")?.status).toBe("down");
    expect(callsTo(core, "10.0.9.3")).toEqual([MessageType.HELLO]);
    replyAll(core, "10.0.9.3", silence);
    expect(callsTo(core, "10.0.9.4")).toEqual([MessageType.HELLO]);
    moved(bob, "10.0.9.4").answerCalls(core);
    expect(at(core, "bob")).toBe("10.0.9.4");
    expect(comings(core, "bob")).toEqual(["peer:join", "peer:leave", "peer:join"]);
  });
});

describe("A node that says HELLO while we are meeting it", () => {
  it("is met where it answers us, and not called a second time", () => {
    const core = new LoneCore();
    const bob = new Native("bob", OLD);
    core.ask(MessageType.HELLO, bob.greeting(), OLD);
    for (const call of core.sent(MessageType.HELLO))
      core.reply(call, answered(bob.greetingBack(call)));
    expect(callsTo(core, OLD)).toEqual([MessageType.UPDATE]);
    core.ask(MessageType.HELLO, bob.greeting(), NEW);
    expect(core.open.length).toBe(1);
    bob.answerCalls(core);
    expect(at(core, "bob")).toBe(OLD);
    expect(core.core.member("bob")?.candidates).toEqual([]);
    expect(comings(core, "bob")).toEqual(["peer:join"]);
  });
});

describe("A Python node", () => {
  it("that answers no more where it was is greeted where its HELLO came from", () => {
    const core = new LoneCore();
    const alice = new Puppet("alice", OLD).join(core);
    core.ask(MessageType.HELLO, alice.hello(), NEW);
    expect(callsTo(core, OLD)).toEqual([MessageType.PING]);
    expect(callsTo(core, NEW)).toEqual([]);
    replyAll(core, OLD, silence);
    expect(callsTo(core, NEW)).toEqual([MessageType.HELLO]);
    moved(alice).answerCalls(core);
    expect(at(core, "alice")).toBe(NEW);
  });

  it("that answers at neither address stays listed where it was", () => {
    const core = new LoneCore();
    const alice = new Puppet("alice", OLD).join(core);
    core.ask(MessageType.HELLO, alice.hello(), NEW);
    replyAll(core, OLD, silence);
    replyAll(core, NEW, silence);
    expect(at(core, "alice")).toBe(OLD);
    expect(core.faults).toEqual([]);
  });

  it("that answers at both addresses is reported as two nodes of one identity", () => {
    const core = new LoneCore();
    const alice = new Puppet("alice", OLD).join(core);
    core.ask(MessageType.HELLO, alice.hello(), NEW);
    replyAll(core, OLD, answered(new Uint8Array()));
    expect(callsTo(core, NEW)).toEqual([MessageType.PING]);
    replyAll(core, NEW, answered(new Uint8Array()));
    expect(at(core, "alice")).toBe(OLD);
    expect(core.warnings()).toEqual(["DSN_DUPLICATE_IDENTITY"]);
  });

  it("that is there is not moved by being called under another of its names", () => {
    const core = new LoneCore("me", {}, [{ address: "alice.example", port: PORT }]);
    const alice = new Puppet("alice", OLD).join(core);
    moved(alice, "alice.example").answerCalls(core);
    expect(at(core, "alice")).toBe(OLD);
  });

  it("whose HELLO came from where nobody answers is not reported", () => {
    const core = new LoneCore();
    const alice = new Puppet("alice", OLD).join(core);
    core.ask(MessageType.HELLO, alice.hello(), NEW);
    replyAll(core, OLD, answered(new Uint8Array()));
    replyAll(core, NEW, silence);
    expect(core.warnings()).toEqual([]);
  });

  it("that we call by a name is not asked for at its number: both are one machine", () => {
    const core = new LoneCore("me", {}, [{ address: "alice.example", port: PORT }]);
    const alice = new Puppet("alice", "alice.example");
    alice.answerCalls(core);
    expect(at(core, "alice")).toBe("alice.example");
    core.ask(MessageType.HELLO, alice.hello(), NEW);
    replyAll(core, "alice.example", answered(new Uint8Array()));
    expect(callsTo(core, NEW)).toEqual([]);
    expect(core.warnings()).toEqual([]);
  });
});
