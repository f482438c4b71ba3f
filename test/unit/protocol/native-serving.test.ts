/** Requests on sessions: who is answered, and bytes for the application. */
import { describe, expect, it } from "vitest";
import { fingerprint } from "../../../src/crypto/identity.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { decodeBytes } from "../../../src/wire/native-bytes.ts";
import { NativeType } from "../../../src/wire/native-type.ts";
import { encodeBytes } from "../../helpers/bytes-message.ts";
import { answered, type LoneCore, NOW_SECONDS, Puppet, statusOf } from "./lone-core.ts";
import { silence, stranger, unreachable } from "./native.ts";
import { SessionPuppet, sessionCore } from "./session.ts";

function withBob(options = {}): { core: LoneCore; bob: SessionPuppet } {
  const core = sessionCore(options);
  const bob = new SessionPuppet("bob", "10.0.0.2").join(core);
  core.run(10);
  bob.answerCalls(core);
  core.events.length = 0;
  return { core, bob };
}

const typesTo = (core: LoneCore, puppet: SessionPuppet) =>
  puppet.calls(core).map(({ type }) => type);

describe("A request on a session", () => {
  it("of a member is answered, and is a word of it", () => {
    const { core, bob } = withBob();
    core.run(1_000);
    expect(bob.ask(core, NativeType.ALIVE)).toEqual({ kind: "answer", payload: new Uint8Array() });
    expect(core.core.member("bob")?.heardMs).toBe(core.nowMs);
  });

  it("proves that its sender lives: no recording comes on a session", () => {
    const { core, bob } = withBob();
    core.run(1_000);
    bob.ask(core, NativeType.ALIVE);
    expect(core.core.member("bob")?.provenMs).toBe(core.nowMs);
  });

  it("of a node that has not said HELLO is refused, so that it does", () => {
    const { core } = withBob();
    const eve = new SessionPuppet("eve", "10.0.0.9");
    expect(eve.ask(core, NativeType.ALIVE)).toEqual({
      kind: "refusal",
      status: 401,
      text: "Could not find eve in address book",
      authenticated: true,
    });
    expect(core.core.member("eve")).toBeUndefined();
  });

  it("of a node with another key than the one that we know is refused", () => {
    const { core } = withBob();
    const twin = new SessionPuppet("bob", "10.0.0.9", "mallory");
    expect(statusOf(twin.ask(core, NativeType.ALIVE))).toContain("401 Could not find bob");
  });

  it("of another process than the one that we know is refused, and that node is visited", () => {
    const { core, bob } = withBob();
    bob.incarnation = 2;
    expect(statusOf(bob.ask(core, NativeType.ALIVE))).toContain("401 Could not find bob");
    expect(typesTo(core, bob)).toContain(MessageType.HELLO);
    bob.answerCalls(core);
    expect(statusOf(bob.ask(core, NativeType.ALIVE))).toBe("200");
  });

  it("of a node that is not on the whitelist is refused", () => {
    const bob = new SessionPuppet("bob", "10.0.0.2");
    const key = fingerprint(bob.keyPair.publicKey);
    const core = sessionCore({ whitelist: [{ nodeId: "bob", fingerprint: key }] });
    bob.join(core);
    expect(statusOf(bob.ask(core, NativeType.ALIVE))).toBe("200");
    for (const eve of [
      new SessionPuppet("eve", "10.0.0.9"),
      new SessionPuppet("bob", "10.0.0.9", "mallory"),
    ]) {
      expect(statusOf(eve.ask(core, NativeType.ALIVE))).toBe(
        `401 ${eve.nodeId} not in me's whitelist`,
      );
    }
  });

  it("of a node that we do not list makes us look for it", () => {
    const { core, bob } = withBob();
    const member = core.core.member("bob");
    for (let round = 0; round < 30 && member?.status !== "down"; round += 1) {
      for (const call of bob.calls(core)) core.reply(call, unreachable);
      core.run(500);
    }
    expect(member?.status).toBe("down");
    for (const call of bob.calls(core)) core.reply(call, unreachable);
    expect(typesTo(core, bob)).toEqual([]);
    expect(statusOf(bob.ask(core, NativeType.ALIVE))).toBe("200");
    expect(typesTo(core, bob)).not.toEqual([]);
    bob.answerAll(core, NativeType.ALIVE);
    bob.answerCalls(core);
    expect(member?.status).toBe("alive");
  });

  it("that no session brought is malformed, whatever it says", () => {
    const { core } = withBob();
    for (const type of Object.values(NativeType)) {
      expect(core.ask(type, new Uint8Array(), "10.0.0.2")).toMatchObject({
        kind: "refusal",
        status: 406,
        authenticated: false,
      });
    }
    expect(core.faults).toEqual([]);
  });

  it("that cannot be read is malformed", () => {
    const { core, bob } = withBob();
    for (const type of Object.values(NativeType).filter((one) => one !== NativeType.ALIVE)) {
      expect(statusOf(bob.ask(core, type, Uint8Array.of(1))), String(type)).toBe(
        "406 Malformed packet",
      );
    }
    expect(core.faults).toEqual([]);
  });
});

describe("A probe of a peer with a session", () => {
  it("is ALIVE to that very node, whose answer can be no recording", () => {
    const { core, bob } = withBob();
    core.step({ kind: "connection-lost", to: { address: "10.0.0.2", port: 8_000 } });
    const call = bob.call(core, NativeType.ALIVE);
    expect(call.to.peer?.nodeId).toBe("bob");
    core.run(20);
    core.reply(call, answered(new Uint8Array()));
    expect(core.core.member("bob")).toMatchObject({
      status: "alive",
      provenMs: core.nowMs,
      rttMs: 20,
    });
  });

  it("that it answers as to a stranger shows that it lives, and makes us say HELLO", () => {
    const { core, bob } = withBob();
    core.step({ kind: "session-lost", peer: bob.proven });
    core.reply(bob.call(core, NativeType.ALIVE), stranger);
    expect(core.core.member("bob")?.status).toBe("alive");
    expect(typesTo(core, bob)).toEqual([MessageType.HELLO]);
    expect(core.events).toEqual([]);
  });
});

describe("Whether a node may have a session", () => {
  it("is told from its id and key: not our own id, not the whitelist's others, not another key", () => {
    const { core, bob } = withBob();
    const refused = (nodeId: string, keyOf = nodeId) => {
      const { publicKey } = new Puppet(nodeId, "10.0.0.9", keyOf).keyPair;
      return core.core.refusalOf({ nodeId, publicKey })?.text;
    };
    expect(core.core.refusalOf(bob.proven)).toBeUndefined();
    expect(refused("new")).toBeUndefined();
    expect(refused("me")).toBe("Origin and destination are the same");
    expect(refused("bob", "mallory")).toBe("Cannot verify ECDSA key for bob");
    const closed = sessionCore({ whitelist: [{ nodeId: "bob", fingerprint: undefined }] });
    const { publicKey } = new Puppet("eve", "").keyPair;
    expect(closed.core.refusalOf({ nodeId: "eve", publicKey })?.text).toBe(
      "eve not in me's whitelist",
    );
  });
});

describe("Bytes to a peer with a session", () => {
  const send = (core: LoneCore, text: string, operation = 1, timeoutMs?: number) =>
    core.step({
      kind: "send",
      operation,
      to: "bob",
      data: new TextEncoder().encode(text),
      timeoutMs,
    });

  const codes = (core: LoneCore) => core.settled.map(({ error }) => error?.code);

  it("travel unsigned, each under a number of its own, to that very node", () => {
    const { core, bob } = withBob();
    core.unsigned = [];
    for (const [index, text] of ["a", "b"].entries()) send(core, text, index);
    const calls = bob.calls(core, NativeType.BYTES);
    expect(core.unsigned).toEqual([]);
    const messages = calls.map(({ payload }) => decodeBytes(payload));
    expect(messages.map(({ payload }) => new TextDecoder().decode(payload))).toEqual(["a", "b"]);
    expect(new Set(messages.map(({ number }) => number)).size).toBe(2);
    expect(calls[0]?.to.peer).toEqual({ nodeId: "bob", publicKey: bob.keyPair.publicKey });
    bob.answerCalls(core);
    expect(codes(core)).toEqual([undefined, undefined]);
  });

  it("may be what a state looks like: no signature of ours is on them", () => {
    const { core, bob } = withBob();
    const json = '{"k": "v"}';
    send(core, `\0\0\0\0${String.fromCharCode(json.length)}\0\0\0${json}`);
    expect(bob.calls(core, NativeType.BYTES)).toHaveLength(1);
  });

  it("are sent again as they were while no connection is had, and after HELLO to one that forgot us", () => {
    const { core, bob } = withBob();
    send(core, "a");
    const first = bob.call(core, NativeType.BYTES);
    core.reply(first, unreachable);
    core.run(500);
    const second = bob.call(core, NativeType.BYTES);
    expect(second.payload).toEqual(first.payload);
    core.reply(second, stranger);
    bob.answerAll(core, MessageType.HELLO);
    const third = bob.call(core, NativeType.BYTES);
    expect(third.payload).toEqual(first.payload);
    core.reply(third, stranger);
    expect(codes(core)).toEqual(["DSN_ONE_WAY"]);
  });

  it("that get no answer may have come: nobody can tell, and the peer is looked after", () => {
    const { core, bob } = withBob();
    send(core, "a");
    core.reply(bob.call(core, NativeType.BYTES), silence);
    expect(codes(core)).toEqual(["DSN_DELIVERY_UNKNOWN"]);
    expect(typesTo(core, bob)).toEqual([NativeType.ALIVE]);
  });
});

describe("Bytes from a peer with a session", () => {
  const payload = new TextEncoder().encode("hello");
  const data = (core: LoneCore) =>
    core.events.flatMap((event) => (event.name === "data" ? [event] : []));

  it("are told after the answer, once per number of one process", () => {
    const { core, bob } = withBob();
    const ask = (number: number) =>
      bob.ask(core, NativeType.BYTES, encodeBytes({ number, payload }));
    expect(ask(1)).toEqual({ kind: "answer", payload: new Uint8Array() });
    expect(data(core)).toEqual([{ name: "data", from: "bob", data: payload }]);
    expect(statusOf(ask(1))).toBe("200");
    expect(data(core)).toHaveLength(1);
    ask(2);
    expect(data(core)).toHaveLength(2);
    bob.incarnation = 2;
    core.ask(MessageType.HELLO, bob.greeting(), bob.address);
    ask(1);
    expect(data(core)).toHaveLength(3);
  });

  it("do not keep a large buffer alive of which they are a small part", () => {
    const { core, bob } = withBob();
    const message = encodeBytes({ number: 1, payload });
    const large = new Uint8Array(10_000);
    large.set(message, 5_000);
    bob.ask(core, NativeType.BYTES, large.subarray(5_000, 5_000 + message.length));
    expect(data(core)[0]?.data.buffer.byteLength).toBe(payload.length);
  });
});

describe("A node that once used sessions", () => {
  it("is remembered as such, once", () => {
    const { core, bob } = withBob();
    expect(core.natives).toEqual(["bob"]);
    core.ask(MessageType.HELLO, bob.greeting(), bob.address);
    expect(core.natives).toEqual(["bob"]);
  });

  it("is not, when only one side has them", () => {
    const core = sessionCore();
    const udp = new SessionPuppet("bob", "10.0.0.2");
    udp.features = ["udp"];
    core.ask(MessageType.HELLO, udp.greeting(), udp.address);
    expect(core.natives).toEqual([]);
    expect(core.core.member("bob")?.native?.sessions).toBe(false);
  });

  it.each([
    ["in this life", false],
    ["in an earlier one", true],
  ])("%s is not let in without, and the operator is told how to", (_, earlier) => {
    const bob = new SessionPuppet("bob", "10.0.0.2");
    const pins = new Map([["bob", bob.keyPair.publicKey]]);
    const core = earlier ? sessionCore({ pins, natives: ["bob"] }) : sessionCore();
    if (!earlier) bob.join(core);
    core.events.length = 0;
    const python = new Puppet("bob", "10.0.0.2");
    const refused = "406 Native nodes use sessions";
    expect(statusOf(core.ask(MessageType.HELLO, python.hello(), python.address))).toBe(refused);
    expect(core.warnings()).toEqual(["DSN_NATIVE_DOWNGRADE"]);
    core.step({ kind: "forget", nodeId: "bob" });
    expect(core.ended).toEqual(["bob"]);
    expect(statusOf(core.ask(MessageType.HELLO, python.hello(), python.address))).toBe("200");
  });

  it("is not greeted without either, where we call", () => {
    const bob = new SessionPuppet("bob", "10.0.0.2");
    const pins = new Map([["bob", bob.keyPair.publicKey]]);
    const at = { address: "10.0.0.2", port: 8_000 };
    const core = sessionCore({ pins, natives: ["bob"] }, [at]);
    const python = new Puppet("bob", "10.0.0.2");
    core.reply(bob.call(core, MessageType.HELLO), answered(python.hello()));
    expect(core.warnings()).toContain("DSN_NATIVE_DOWNGRADE");
    expect(core.core.member("bob")).toBeUndefined();
    // Its block shows that all is well again.
    core.events.length = 0;
    bob.join(core);
    expect(
      core.events.flatMap((event) =>
        event.name === "warning" && event.resolved ? [event.error.code] : [],
      ),
    ).toContain("DSN_NATIVE_DOWNGRADE");
    expect(core.core.member("bob")?.status).toBe("alive");
  });

  it("is not heard over the Python wire: what it signed there may be a recording", () => {
    const { core, bob } = withBob();
    for (const [type, payload] of [
      [MessageType.UPDATE, bob.state(NOW_SECONDS + 9, '{"a": "1"}')],
      [MessageType.PEERS, bob.peers()],
      [MessageType.DATA, bob.data(Uint8Array.of(1))],
    ] as const) {
      expect(statusOf(core.ask(type, payload, bob.address))).toBe("406 Native nodes use sessions");
    }
    expect(core.core.member("bob")?.replica).toBeUndefined();
    expect(core.events).toEqual([]);
  });
});
