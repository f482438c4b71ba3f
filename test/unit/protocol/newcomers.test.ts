/** When a node that said HELLO to us is called back. */
import { describe, expect, it } from "vitest";
import { MessageType } from "../../../src/wire/message-type.ts";
import { NativeType } from "../../../src/wire/native-type.ts";
import { answered, LoneCore, NOW_SECONDS, Puppet, statusOf } from "./lone-core.ts";
import { unreachable } from "./native.ts";
import { SessionPuppet, sessionCore } from "./session.ts";

describe("A Python newcomer", () => {
  it("is not called while it may be writing our key to its file: it would refuse it", () => {
    const core = new LoneCore();
    const peer = new Puppet("peer1", "10.0.0.2");
    core.ask(MessageType.HELLO, peer.hello(), peer.address);
    core.run(1_900);
    expect(core.open).toEqual([]);
  });

  it("is called as soon as it sends its state", () => {
    const core = new LoneCore();
    const peer = new Puppet("peer1", "10.0.0.2");
    core.ask(MessageType.HELLO, peer.hello(), peer.address);
    core.run(20);
    const outcome = core.ask(MessageType.UPDATE, peer.state(NOW_SECONDS, "{}"), peer.address);
    expect(statusOf(outcome)).toBe("200");
    expect(core.open.map(({ type }) => type)).toEqual([MessageType.PING]);
    peer.answerCalls(core);
    expect(core.core.member("peer1")?.status).toBe("alive");
  });

  it("is called soon when it sends nothing", () => {
    const core = new LoneCore();
    const peer = new Puppet("peer1", "10.0.0.2");
    core.ask(MessageType.HELLO, peer.hello(), peer.address);
    core.run(2_000);
    expect(core.open.map(({ type }) => type)).toEqual([MessageType.PING]);
  });

  it("whose refusal of our HELLO was a mistake can still ask, and is called again", () => {
    const core = new LoneCore();
    const peer = new Puppet("peer1", "10.0.0.2");
    const ask = (type: MessageType, payload: Uint8Array) =>
      statusOf(core.ask(type, payload, peer.address));
    ask(MessageType.HELLO, peer.hello());
    core.run(2_000);
    for (const type of [MessageType.PING, MessageType.HELLO]) {
      const [call] = core.sent(type);
      if (call === undefined) throw new Error("not called");
      const text = "Cannot verify ECDSA key for me";
      if (type === MessageType.PING) core.reply(call, answered(new Uint8Array()));
      else core.reply(call, { kind: "refused", status: 401, text });
    }
    expect(core.core.member("peer1")?.status).toBe("refused");
    expect(ask(MessageType.PEERS, peer.peers())).toBe("200");
    expect(ask(MessageType.UPDATE, peer.state(NOW_SECONDS, "{}"))).toBe("200");
    expect(core.core.entriesOf("peer1")).toBeUndefined();
    peer.answerCalls(core);
    expect(core.core.member("peer1")?.status).toBe("alive");
  });
});

describe("A native newcomer", () => {
  it("that restarts without datagrams is sent none", () => {
    const core = new LoneCore();
    const peer = new Puppet("peer1", "10.0.0.2").joinNative(core, ["udp"]);
    expect(core.datagrams).toEqual(["10.0.0.2 true"]);
    const restarted = peer.nativeHello({ incarnation: 2, issued: NOW_SECONDS + 5 });
    core.ask(MessageType.HELLO, restarted, peer.address);
    expect(core.datagrams).toEqual(["10.0.0.2 true", "10.0.0.2 false"]);
  });

  it("is not sent our state again because it greets us again", () => {
    const core = new LoneCore();
    const peer = new Puppet("peer1", "10.0.0.2").joinNative(core);
    core.ask(MessageType.HELLO, peer.nativeHello({ issued: NOW_SECONDS + 5 }), peer.address);
    expect(core.open).toEqual([]);
  });

  it("with sessions is expected to begin one, which proves it: then a PING is enough", () => {
    const core = sessionCore();
    const bob = new SessionPuppet("bob", "10.0.0.2");
    core.ask(MessageType.HELLO, bob.greeting(), bob.address);
    core.run(400);
    expect(core.open).toEqual([]);
    bob.ask(core, NativeType.ALIVE, new Uint8Array());
    expect(core.open.map(({ type }) => type)).toEqual([MessageType.PING]);
    bob.answerCalls(core);
    expect(core.core.member("bob")?.status).toBe("alive");
    expect(core.pins.get("bob")).toEqual(bob.keyPair.publicKey);
    expect(core.core.member("bob")?.provenIncarnation).toBe(bob.proven.incarnation);
  });

  it("whose heir is there may still be heard on its session; a minute later it is a second one", () => {
    const core = sessionCore();
    const bob = new SessionPuppet("bob", "10.0.0.2");
    for (const [incarnation, waitMs, warned] of [
      [1, 0, []],
      [2, 1_500, []],
      [1, 58_000, []],
      [2, 2_100, []],
      [1, 0, ["DSN_DUPLICATE_IDENTITY"]],
    ] as const) {
      bob.incarnation = incarnation;
      core.ask(MessageType.HELLO, bob.greeting(), bob.address);
      bob.ask(core, NativeType.ALIVE, new Uint8Array());
      expect(core.warnings(), `process ${incarnation}`).toEqual(warned);
      core.run(waitMs);
    }
  });

  it("with sessions that begins none is greeted half a second later", () => {
    const core = sessionCore();
    const bob = new SessionPuppet("bob", "10.0.0.2");
    core.ask(MessageType.HELLO, bob.greeting(), bob.address);
    core.ask(MessageType.HELLO, bob.greeting(), bob.address);
    core.run(499);
    expect(core.open).toEqual([]);
    core.run(1);
    expect(core.open.map(({ type }) => type)).toEqual([MessageType.HELLO]);
  });

  it("with sessions whose address does not answer is not listed", () => {
    const core = sessionCore();
    const bob = new SessionPuppet("bob", "10.0.0.2");
    core.ask(MessageType.HELLO, bob.greeting(), bob.address);
    bob.ask(core, NativeType.ALIVE, new Uint8Array());
    core.reply(bob.call(core, MessageType.PING), unreachable);
    core.run(600);
    core.reply(bob.call(core, MessageType.PING), unreachable);
    expect(core.core.member("bob")?.status).toBe("joining");
    core.run(2_000);
    expect(core.open.map(({ type }) => type)).toEqual([MessageType.HELLO]);
  });

  it("with sessions is greeted in a large network, where nothing else shows who answers there", () => {
    const core = sessionCore({ settings: { meshMax: 1 } });
    for (const name of ["carol", "dave"]) {
      const peer = new SessionPuppet(name, `10.0.1.${name.length}`);
      core.ask(MessageType.HELLO, peer.greeting(), peer.address);
      core.run(500);
      peer.answerCalls(core);
    }
    const bob = new SessionPuppet("bob", "10.0.0.2");
    core.ask(MessageType.HELLO, bob.greeting(), bob.address);
    bob.ask(core, NativeType.ALIVE, new Uint8Array());
    expect(bob.calls(core).map(({ type }) => type)).toEqual([MessageType.HELLO]);
  });

  it("that has gone just after it spoke is not taken back for a PING", () => {
    const core = sessionCore();
    const bob = new SessionPuppet("bob", "10.0.0.2").join(core);
    bob.ask(core, NativeType.ALIVE, new Uint8Array());
    core.step({ kind: "session-lost", peer: bob.proven });
    for (let ms = 0; ms < 400; ms += 10) {
      for (const call of bob.calls(core)) {
        if (call.type !== MessageType.HELLO) core.reply(call, unreachable);
      }
      core.run(10);
    }
    expect(core.core.member("bob")?.status).toBe("down");
    expect(bob.calls(core).map(({ type }) => type)).toEqual([MessageType.HELLO]);
  });

  it("is called at once", () => {
    const core = new LoneCore();
    const peer = new Puppet("peer1", "10.0.0.2");
    core.ask(MessageType.HELLO, peer.nativeHello(), peer.address);
    expect(core.open.map(({ type }) => type)).toEqual([MessageType.HELLO]);
  });
});
