/** Goodbye: said once, believed of its node alone, and passed on. */
import { describe, expect, it } from "vitest";
import { fromHex } from "../../../src/bytes/hex.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import {
  decodeLeave,
  encodeLeave,
  type LeaveMessage,
  leaveSignedPart,
} from "../../../src/wire/native-leave.ts";
import { encodeRelay } from "../../../src/wire/native-relay.ts";
import { NativeType } from "../../../src/wire/native-type.ts";
import { large } from "./large-network.ts";
import { answered, LoneCore, NOW_SECONDS, Puppet, statusOf } from "./lone-core.ts";
import { comings, silence, unreachable } from "./native.ts";
import { engine, keyPairOf } from "./puppet.ts";
import { membersAnswer, SessionPuppet, sessionCore } from "./session.ts";

const NOTHING = new Uint8Array();
const AT = { bob: "10.0.0.2", carol: "10.0.0.3", dave: "10.0.0.4" } as const;

function withPeers(): { core: LoneCore; bob: SessionPuppet; carol: SessionPuppet } {
  const core = sessionCore();
  const bob = new SessionPuppet("bob", AT.bob).join(core);
  const carol = new SessionPuppet("carol", AT.carol).join(core);
  return { core, bob, carol };
}

/** @param change What is said otherwise than it is; it is signed like that. */
function leaveOf(who: SessionPuppet, change: Partial<LeaveMessage> = {}, by = who): Uint8Array {
  const statement = {
    owner: who.nodeId,
    incarnation: fromHex(who.proven.incarnation),
    issued: NOW_SECONDS + 1_000,
    ...change,
  };
  const signature = by.sign("native", leaveSignedPart(statement));
  return encodeLeave({ ...statement, signature });
}

describe("A node that leaves", () => {
  it("sends what it wrote, and says goodbye, signed, to each that has taken it", () => {
    const { core, bob, carol } = withPeers();
    bob.answerCalls(core);
    carol.answerCalls(core);
    core.write(["k", "last"]);
    core.step({ kind: "leave" });
    for (const peer of [bob, carol]) {
      expect(peer.calls(core).map(({ type }) => type)).toEqual([NativeType.STATES]);
    }
    bob.answerAll(core, NativeType.STATES);
    expect(bob.calls(core).map(({ type }) => type)).toEqual([NativeType.LEAVE]);
    expect(carol.calls(core, NativeType.LEAVE)).toEqual([]);
    carol.answerAll(core, NativeType.STATES);
    expect(carol.calls(core).map(({ type }) => type)).toEqual([NativeType.LEAVE]);
    const leave = decodeLeave(bob.call(core, NativeType.LEAVE).payload);
    const { self, nodeId } = core.core;
    expect(leave).toMatchObject({ owner: nodeId, incarnation: fromHex(self.incarnation) });
    const key = keyPairOf(nodeId).publicKey;
    expect(engine.verify(key, "native", leaveSignedPart(leave), leave.signature)).toBe(true);
  });

  it("says it after all that was written, also what waited for a signature", () => {
    const { core, bob } = withPeers();
    bob.answerCalls(core);
    core.write(["k", "1"]);
    bob.answerAll(core, NativeType.STATES);
    core.unsigned = [];
    core.run(5);
    core.write(["k", "2"]);
    expect(bob.pushed(core)).toEqual([]);
    core.step({ kind: "leave" });
    core.signHeld();
    while (bob.calls(core, NativeType.STATES).length > 0) {
      expect(bob.calls(core, NativeType.LEAVE)).toEqual([]);
      bob.answerAll(core, NativeType.STATES);
    }
    expect(core.core.member("bob")?.sync.held).toBe(core.core.version);
    expect(bob.calls(core, NativeType.LEAVE)).toHaveLength(1);
  });

  it("in a large network, says it after its last version, which goes out once it is signed", () => {
    const { core, peers } = large();
    core.write(["k", "last"]);
    expect(core.sent(NativeType.STATES)).toEqual([]);
    core.step({ kind: "leave" });
    expect(core.sent(NativeType.LEAVE).length).toBeLessThan(peers.length);
    const early = new Set(core.sent(NativeType.LEAVE).map(({ to }) => to.address));
    core.run(5);
    const pushed = core.sent(NativeType.STATES).map(({ to }) => to.address);
    expect(pushed.length).toBeGreaterThan(0);
    expect(pushed.filter((address) => early.has(address))).toEqual([]);
    for (const peer of peers) peer.answerAll(core, NativeType.STATES);
    const told = core.sent(NativeType.LEAVE).map(({ to }) => to.address);
    expect(told).toEqual(expect.arrayContaining(pushed));
  });

  it("waits 350 ms for those that do not take what it wrote, and tells them then", () => {
    const { core, bob, carol } = withPeers();
    carol.answerCalls(core);
    core.write(["k", "last"]);
    core.step({ kind: "leave" });
    carol.answerCalls(core);
    core.run(349);
    expect(bob.calls(core, NativeType.LEAVE)).toEqual([]);
    core.run(1);
    expect(bob.calls(core, NativeType.LEAVE)).toHaveLength(1);
    core.run(149);
    expect(core.left).toBe(0);
    core.run(1);
    expect(core.left).toBe(1);
  });

  it("waits for Python peers to take what it wrote, half a second at most", () => {
    for (const answers of [true, false]) {
      const core = new LoneCore();
      const alice = new Puppet("alice", "10.0.0.5").join(core);
      core.ask(MessageType.PING, Uint8Array.of(0x20), alice.address);
      core.write(["k", "last"]);
      core.step({ kind: "leave" });
      const [update] = core.sent(MessageType.UPDATE);
      if (update === undefined) throw new Error("the last version is not sent");
      core.run(100);
      expect(core.left).toBe(0);
      if (answers) core.reply(update, answered(alice.state(NOW_SECONDS, "{}")));
      else core.run(400);
      expect(core.left).toBe(1);
    }
  });

  it("waits until all have heard it", () => {
    const { core, bob, carol } = withPeers();
    core.step({ kind: "leave" });
    expect(core.left).toBe(0);
    core.reply(bob.call(core, NativeType.LEAVE), answered(NOTHING));
    expect(core.left).toBe(0);
    core.reply(carol.call(core, NativeType.LEAVE), silence);
    expect(core.left).toBe(1);
  });

  it("waits half a second for those that do not answer, and says it once", () => {
    const { core, bob } = withPeers();
    core.step({ kind: "leave" });
    core.step({ kind: "leave" });
    expect(bob.calls(core, NativeType.LEAVE)).toHaveLength(1);
    core.run(499);
    expect(core.left).toBe(0);
    core.run(1);
    expect(core.left).toBe(1);
  });

  it("has nobody to wait for when it is alone, and probes nobody any more", () => {
    const core = sessionCore();
    core.step({ kind: "leave" });
    expect(core.left).toBe(1);
    const { core: other, bob } = withPeers();
    bob.answerCalls(other);
    other.step({ kind: "leave" });
    bob.answerCalls(other);
    other.run(10_000);
    expect(bob.calls(other, NativeType.ALIVE)).toEqual([]);
  });

  it("says and answers no HELLO from then on, for its goodbye is the last that counts", () => {
    const { core, bob, carol } = withPeers();
    core.step({ kind: "leave" });
    const dave = new SessionPuppet("dave", AT.dave);
    expect(statusOf(core.ask(MessageType.HELLO, dave.greeting(), dave.address))).toMatch(/^503/);
    const relay = encodeRelay({ to: core.core.nodeId, held: 0, hello: bob.greeting() });
    expect(statusOf(carol.ask(core, NativeType.RELAY, relay))).toMatch(/^503/);
    core.run(10_000);
    expect(core.sent(MessageType.HELLO)).toEqual([]);
    expect(core.faults).toEqual([]);
  });
});

describe("A goodbye", () => {
  it("takes its node off the list at once, as one that has left", () => {
    const { core, bob } = withPeers();
    core.events.length = 0;
    expect(bob.ask(core, NativeType.LEAVE, leaveOf(bob))).toMatchObject({ kind: "answer" });
    expect(core.core.member("bob")?.status).toBe("left");
    expect(comings(core, "bob")).toEqual(["peer:leave"]);
    expect(core.core.entriesOf("bob")).toBeUndefined();
  });

  it("is followed by no probe, and by a call a while later, in case that it comes back", () => {
    const { core, bob, carol } = withPeers();
    bob.answerCalls(core);
    bob.ask(core, NativeType.LEAVE, leaveOf(bob));
    core.step({ kind: "session-lost", peer: bob.proven });
    core.run(4_000);
    carol.answerCalls(core);
    expect(bob.calls(core)).toEqual([]);
    core.run(2_000);
    expect(bob.calls(core).length).toBeGreaterThan(0);
  });

  it("that comes while its node is met ends that: it is not listed", () => {
    const { core, carol } = withPeers();
    const dave = new SessionPuppet("dave", AT.dave).arrive(core);
    core.reply(dave.call(core, NativeType.MEMBERS), membersAnswer({ kind: "same" }));
    carol.ask(core, NativeType.LEAVE, leaveOf(dave));
    expect(core.core.member("dave")?.status).toBe("left");
    for (const call of dave.calls(core, NativeType.DIGEST)) {
      core.reply(call, answered(dave.answerTo(call, "me")));
    }
    expect(core.core.member("dave")?.status).toBe("left");
    expect(comings(core, "dave")).toEqual([]);
    for (const call of dave.calls(core)) core.reply(call, unreachable);
    core.run(10_000);
    carol.answerCalls(core);
    // It is called again, in case that it comes back.
    expect(dave.calls(core)).not.toEqual([]);
  });

  it("may be passed on by others", () => {
    const { core, bob, carol } = withPeers();
    carol.ask(core, NativeType.LEAVE, leaveOf(bob));
    expect(core.core.member("bob")?.status).toBe("left");
    expect(core.core.member("carol")?.status).toBe("alive");
  });

  it.each<[string, (bob: SessionPuppet, carol: SessionPuppet) => Uint8Array]>([
    ["signed by somebody else", (bob, carol) => leaveOf(bob, {}, carol)],
    ["of another process", (bob) => leaveOf(bob, { incarnation: new Uint8Array(16).fill(9) })],
    ["older than its last HELLO", (bob) => leaveOf(bob, { issued: 1 })],
    ["of nobody that we know", (bob) => leaveOf(bob, { owner: "nobody" })],
    ["that cannot be read", () => Uint8Array.of(1, 2, 3)],
  ])("%s changes nothing", (_, made) => {
    const { core, bob, carol } = withPeers();
    carol.ask(core, NativeType.LEAVE, made(bob, carol));
    expect(core.core.member("bob")?.status).toBe("alive");
    expect(core.core.member("carol")?.status).toBe("alive");
  });

  it("counts once: what the same node says later counts again", () => {
    const { core, bob } = withPeers();
    bob.ask(core, NativeType.LEAVE, leaveOf(bob));
    core.events.length = 0;
    bob.ask(core, NativeType.LEAVE, leaveOf(bob));
    expect(core.events).toEqual([]);
    bob.incarnation = 2;
    bob.join(core);
    expect(core.core.member("bob")?.status).toBe("alive");
  });

  it("is passed on to those who reach its node through us", () => {
    const { core, bob, carol } = withPeers();
    const dave = new SessionPuppet("dave", AT.dave).join(core);
    const hello = carol.greeting();
    const relay = encodeRelay({ to: "bob", held: 0, hello });
    const asked = core.askLater(NativeType.RELAY, relay, AT.carol, carol.proven);
    core.reply(bob.call(core, NativeType.RELAY), answered(bob.greetingBack(hello)));
    expect(asked()).toMatchObject({ kind: "answer" });
    for (const peer of [bob, carol, dave]) peer.answerCalls(core);
    const payload = leaveOf(bob);
    bob.ask(core, NativeType.LEAVE, payload);
    expect(carol.call(core, NativeType.LEAVE).payload).toEqual(payload);
    expect(dave.calls(core, NativeType.LEAVE)).toEqual([]);
  });
});
