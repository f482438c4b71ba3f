/** Bytes to one node: sent at most once, or the sender is told why not. */
import { describe, expect, it } from "vitest";
import { DEFAULT_SETTINGS, LIMITS } from "../../../src/protocol/settings.ts";
import { decodeData } from "../../../src/wire/data.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { decodeBytes } from "../../../src/wire/native-bytes.ts";
import { NativeType } from "../../../src/wire/native-type.ts";
import { toHex } from "../../vectors.ts";
import { answered, LoneCore, Puppet, type Sent, statusOf } from "./lone-core.ts";
import { callsTo, replyAll, silence, stranger, unreachable } from "./native.ts";
import { SessionPuppet, sessionCore } from "./session.ts";

const AT = "10.0.0.2";
const HELLO_TEXT = new TextEncoder().encode("hello");

/** A core that lists alice, a Python peer, and has nothing else under way. */
function setUp() {
  const core = new LoneCore();
  const alice = new Puppet("alice", AT).join(core);
  core.ask(MessageType.PING, Uint8Array.of(0x20), AT);
  return { core, alice };
}

function send(core: LoneCore, to: string, data = HELLO_TEXT, timeoutMs?: number): void {
  core.step({ kind: "send", operation: 7, to, data, timeoutMs });
}

function dataCall(core: LoneCore): Sent {
  const [call] = core.sent(MessageType.DATA);
  if (call === undefined) throw new Error("no DATA is under way");
  return call;
}

/** How each send ended: the code of its error, or "ok". */
function ends(core: LoneCore): string[] {
  return core.settled.map(({ operation, error }) => `${operation} ${error?.code ?? "ok"}`);
}

describe("send", () => {
  it("ends well when the receiver has answered, and only then", () => {
    const { core } = setUp();
    send(core, "alice");
    const call = dataCall(core);
    expect(call.to).toEqual({ address: AT, port: 8_000 });
    const { packet } = decodeData(call.payload);
    expect([packet.nodeId, toHex(packet.payload)]).toEqual(["me", toHex(HELLO_TEXT)]);
    expect(ends(core)).toEqual([]);
    core.reply(call, answered(new TextEncoder().encode("OK")));
    expect(ends(core)).toEqual(["7 ok"]);
    expect(core.open).toEqual([]);
  });

  it("to ourselves is delivered without the network", () => {
    const { core } = setUp();
    send(core, "me");
    expect(core.events.at(-1)).toEqual({ name: "data", from: "me", data: HELLO_TEXT });
    expect(ends(core)).toEqual(["7 ok"]);
    expect(core.open).toEqual([]);
  });

  it("to a name that nobody has, or a node that is not there, fails at once", () => {
    const { core } = setUp();
    send(core, "nobody");
    core.ask(MessageType.HELLO, new Puppet("bob", "10.0.0.3").hello(), "10.0.0.3");
    send(core, "bob");
    expect(ends(core)).toEqual(["7 DSN_UNKNOWN_NODE", "7 DSN_UNKNOWN_NODE"]);
    expect(core.sent(MessageType.DATA)).toEqual([]);
  });

  it("to one that has just spoken on a session goes out, although it is not listed yet", () => {
    const core = sessionCore();
    const bob = new SessionPuppet("bob", "10.0.0.3");
    core.ask(MessageType.HELLO, bob.greeting(), bob.address);
    bob.ask(core, NativeType.ALIVE, new Uint8Array());
    send(core, "bob");
    core.reply(bob.call(core, NativeType.BYTES), answered(new Uint8Array()));
    expect(ends(core)).toEqual(["7 ok"]);
    expect(core.core.presentIds()).toEqual([]);
  });

  it("on sessions counts what each receiver is sent, so that nobody waits for what went elsewhere", () => {
    const core = sessionCore();
    const peers = [new SessionPuppet("bob", "10.0.0.3"), new SessionPuppet("carol", "10.0.0.4")];
    for (const peer of peers) peer.join(core);
    for (const to of ["bob", "carol", "carol", "bob"]) send(core, to);
    const numbers = peers.map((peer) =>
      peer.calls(core, NativeType.BYTES).map(({ payload }) => decodeBytes(payload).number),
    );
    expect(numbers).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });

  it("of more than 64 MiB is refused here", () => {
    const { core } = setUp();
    send(core, "alice", new Uint8Array(LIMITS.dataBytesMax + 1));
    expect(ends(core)).toEqual(["7 DSN_MESSAGE_TOO_LARGE"]);
  });

  it("tries three times to connect, with the same signed bytes, and then looks after the peer", () => {
    const { core } = setUp();
    send(core, "alice");
    const first = dataCall(core);
    core.reply(first, unreachable);
    expect(callsTo(core, AT)).toEqual([]);
    core.run(DEFAULT_SETTINGS.probePauseMs);
    expect(toHex(dataCall(core).payload)).toBe(toHex(first.payload));
    core.reply(dataCall(core), unreachable);
    core.run(DEFAULT_SETTINGS.probePauseMs);
    expect(ends(core)).toEqual([]);
    core.reply(dataCall(core), unreachable);
    expect(ends(core)).toEqual(["7 DSN_UNREACHABLE"]);
    expect(callsTo(core, AT)).toEqual([MessageType.PING]);
  });

  it("that connects at the second try ends well", () => {
    const { core } = setUp();
    send(core, "alice");
    core.reply(dataCall(core), unreachable);
    core.run(DEFAULT_SETTINGS.probePauseMs);
    core.reply(dataCall(core), answered(new Uint8Array()));
    expect(ends(core)).toEqual(["7 ok"]);
  });

  it("without an answer is not repeated: it may have arrived", () => {
    const { core } = setUp();
    send(core, "alice");
    core.reply(dataCall(core), silence);
    expect(ends(core)).toEqual(["7 DSN_DELIVERY_UNKNOWN"]);
    expect(core.settled[0]?.error?.endpoint).toBe(`${AT}:8000`);
    expect(callsTo(core, AT)).toEqual([MessageType.PING]);
  });

  it("that a peer refuses says why, and does not doubt that the peer is there", () => {
    const { core } = setUp();
    send(core, "alice");
    core.reply(dataCall(core), { kind: "refused", status: 500, text: "" });
    expect(ends(core)).toEqual(["7 DSN_REFUSED"]);
    expect(callsTo(core, AT)).toEqual([]);
  });

  it("to a peer that has forgotten us says HELLO and is repeated, once", () => {
    const { core, alice } = setUp();
    send(core, "alice");
    const first = dataCall(core);
    core.reply(first, stranger);
    expect(callsTo(core, AT)).toEqual([MessageType.HELLO]);
    alice.answerCalls(core);
    expect(ends(core)).toEqual(["7 ok"]);

    send(core, "alice");
    core.reply(dataCall(core), stranger);
    replyAll(core, AT, answered(alice.hello()));
    core.reply(dataCall(core), stranger);
    expect(ends(core)).toEqual(["7 ok", "7 DSN_ONE_WAY"]);
    expect(core.open).toEqual([]);
  });

  it("to a peer that has forgotten us and does not answer our HELLO fails for the first reason", () => {
    const { core } = setUp();
    send(core, "alice");
    core.reply(dataCall(core), stranger);
    replyAll(core, AT, silence);
    expect(ends(core)).toEqual(["7 DSN_ONE_WAY"]);
  });

  it("has ten seconds more than any request, for the callback of a Python receiver", () => {
    const { core } = setUp();
    send(core, "alice");
    expect(dataCall(core).timeoutMs).toBe(10_000 + DEFAULT_SETTINGS.requestTimeoutMs);
  });

  it("keeps to the time that the application gives it, all tries together", () => {
    const { core } = setUp();
    send(core, "alice", HELLO_TEXT, 1_200);
    expect(dataCall(core).timeoutMs).toBe(1_200);
    core.run(100);
    core.reply(dataCall(core), unreachable);
    core.run(500);
    expect(dataCall(core).timeoutMs).toBe(600);
    core.run(100);
    // 500 ms are left: a pause would take them all.
    core.reply(dataCall(core), unreachable);
    expect(ends(core)).toEqual(["7 DSN_UNREACHABLE"]);
  });

  it("takes an answer that comes late: it arrived, however long we were away", () => {
    const { core } = setUp();
    send(core, "alice", HELLO_TEXT, 1_000);
    core.nowMs += 60_000;
    core.reply(dataCall(core), answered(new Uint8Array()));
    expect(ends(core)).toEqual(["7 ok"]);
  });
});

describe("A message from a peer", () => {
  it("is answered OK, and what is delivered does not change with the buffer of the request", () => {
    const { core, alice } = setUp();
    const request = alice.data(HELLO_TEXT);
    const outcome = core.ask(MessageType.DATA, request, AT);
    expect(outcome.kind === "answer" && new TextDecoder().decode(outcome.payload)).toBe("OK");
    request.fill(0);
    expect(core.events.at(-1)).toEqual({ name: "data", from: "alice", data: HELLO_TEXT });
  });

  it("shows that the peer lives, but not when it is a repeat: anybody can repeat it", () => {
    const { core, alice } = setUp();
    const message = alice.data(HELLO_TEXT);
    core.run(100);
    core.ask(MessageType.DATA, message, AT);
    expect(core.core.member("alice")?.heardMs).toBe(core.nowMs);
    const heardMs = core.nowMs;
    core.run(100);
    core.ask(MessageType.DATA, message, AT);
    expect(core.core.member("alice")?.heardMs).toBe(heardMs);
  });

  it("that is cut short is malformed", () => {
    const { core, alice } = setUp();
    const outcome = core.ask(MessageType.DATA, alice.data(HELLO_TEXT).subarray(0, 20), AT);
    expect(outcome).toMatchObject({ status: 406, text: "Malformed packet", authenticated: false });
  });

  it("is taken by a node that knows our key", () => {
    const { core } = setUp();
    const receiver = new LoneCore("alice");
    new Puppet("me", "10.0.0.1").join(receiver);
    send(core, "alice");
    expect(statusOf(receiver.ask(MessageType.DATA, dataCall(core).payload, "10.0.0.1"))).toBe(
      "200",
    );
    expect(receiver.events.at(-1)).toEqual({ name: "data", from: "me", data: HELLO_TEXT });
  });

  it("D11: of a stranger, or forged, is refused without saying who is known", () => {
    const { core } = setUp();
    const nobody = new Puppet("nobody", AT).data(HELLO_TEXT);
    expect(core.ask(MessageType.DATA, nobody, AT)).toMatchObject({
      text: "Could not find nobody in address book",
      authenticated: false,
    });
    const forged = new Puppet("alice", AT, "mallory").data(HELLO_TEXT);
    expect(core.ask(MessageType.DATA, forged, AT)).toMatchObject({
      text: "Could not verify ECDSA signature of data packet",
      authenticated: false,
    });
  });

  it("of a node that refuses us is refused, too", () => {
    const { core, alice } = setUp();
    core.run(4_000);
    for (const call of core.sent(MessageType.PEERS)) core.reply(call, stranger);
    const text = "Missing or incorrect encryption key";
    for (const call of core.sent(MessageType.HELLO))
      core.reply(call, { kind: "refused", status: 401, text });
    expect(core.core.member("alice")?.status).toBe("refused");
    expect(statusOf(core.ask(MessageType.DATA, alice.data(HELLO_TEXT), AT))).toMatch(/^401/);
  });

  it("of a node that is down is refused as the reference does, so that it says HELLO", () => {
    const { core, alice } = setUp();
    for (let second = 0; second < 20; second += 1) {
      replyAll(core, AT, silence);
      core.run(1_000);
    }
    expect(core.core.member("alice")?.status).toBe("down");
    const outcome = core.ask(MessageType.DATA, alice.data(HELLO_TEXT), AT);
    expect(statusOf(outcome)).toBe("401 Could not find alice in address book");
    expect(outcome).toMatchObject({ authenticated: true });
  });
});
