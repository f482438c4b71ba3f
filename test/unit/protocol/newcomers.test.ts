/** When a node that said HELLO to us is called back. */
import { describe, expect, it } from "vitest";
import { decodeHello } from "../../../src/wire/hello.ts";
import { decodeHelloBlock } from "../../../src/wire/hello-block.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { answered, LoneCore, NOW_SECONDS, Puppet, statusOf } from "./lone-core.ts";

describe("A Python newcomer", () => {
  it("is not called while it may be writing our key to its file: it would refuse it", () => {
    const core = new LoneCore();
    const peer = new Puppet("peer1", "10.0.0.2");
    core.ask(MessageType.HELLO, peer.hello(), peer.address);
    core.run(200);
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
    core.run(300);
    expect(core.open.map(({ type }) => type)).toEqual([MessageType.PING]);
  });
});

/** What an answer to this HELLO has to sign. */
function nonceOf(payload: Uint8Array): Uint8Array | undefined {
  return decodeHelloBlock(decodeHello(payload).trailing)?.block.nonce;
}

function greet(core: LoneCore, peer: Puppet, incarnation: number, features: readonly string[]) {
  const issued = NOW_SECONDS + incarnation;
  const hello = peer.nativeHello({ incarnation, issued, features });
  core.ask(MessageType.HELLO, hello, peer.address);
}

describe("A native newcomer", () => {
  it("that restarts without datagrams is sent none", () => {
    const core = new LoneCore();
    const peer = new Puppet("peer1", "10.0.0.2");
    greet(core, peer, 1, ["udp"]);
    expect(core.datagrams).toEqual([]);
    const [call] = core.sent(MessageType.HELLO);
    if (call === undefined) throw new Error("not called");
    const answer = { role: "answer", answered: nonceOf(call.payload), features: ["udp"] } as const;
    core.reply(call, answered(peer.nativeHello({ ...answer, issued: NOW_SECONDS + 2 })));
    peer.answerCalls(core);
    expect(core.datagrams).toEqual(["10.0.0.2 true"]);
    greet(core, peer, 3, []);
    expect(core.datagrams).toEqual(["10.0.0.2 true", "10.0.0.2 false"]);
  });

  it("is called at once", () => {
    const core = new LoneCore();
    const peer = new Puppet("peer1", "10.0.0.2");
    core.ask(MessageType.HELLO, peer.nativeHello(), peer.address);
    expect(core.open.map(({ type }) => type)).toEqual([MessageType.HELLO]);
  });
});
