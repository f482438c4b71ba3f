/** HELLO to us: who is let in, and under which name. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/protocol/settings.ts";
import { decodeHello, encodeHello } from "../../../src/wire/hello.ts";
import { decodeHelloBlock } from "../../../src/wire/hello-block.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { answered, LoneCore, NOW_SECONDS, PORT, Puppet, statusOf } from "./lone-core.ts";
import { comings, Native, silence } from "./native.ts";

const AT = "10.0.0.2";

/** It says HELLO from another address than before, and answers what it is asked there. */
function comeFromElsewhere(core: LoneCore, bob: Native): void {
  const known = core.core.member("bob")?.endpoint?.address;
  const from = known === AT ? "10.9.9.9" : AT;
  core.ask(MessageType.HELLO, bob.greeting(), from);
  for (let round = 0; round < 20; round += 1) {
    const call = core.open.find(({ to }) => to.address === from);
    if (call === undefined) return;
    bob.answerOne(core, call);
  }
}

describe("A HELLO to us", () => {
  it("that is none is malformed, whatever is wrong with it", () => {
    const core = new LoneCore();
    const alice = new Puppet("alice", AT);
    const { hello } = decodeHello(alice.hello());
    for (const payload of [
      new Uint8Array(),
      alice.hello().subarray(0, 30),
      alice.hello({ nodeId: "a/b" }),
      encodeHello({ ...hello, publicKey: new Uint8Array(63).fill(1) }),
      encodeHello({ ...hello, publicKey: new Uint8Array(65).fill(1) }),
    ])
      expect(core.ask(MessageType.HELLO, payload, AT)).toMatchObject({
        status: 406,
        text: "Malformed packet",
        authenticated: false,
      });
    expect(core.faults).toEqual([]);
  });

  it("is answered with the address that it came from and its own nonce", () => {
    const core = new LoneCore();
    const bob = new Native("bob", AT);
    const request = bob.greeting();
    const outcome = core.ask(MessageType.HELLO, request, "10.0.0.77");
    if (outcome.kind !== "answer") throw new Error("refused");
    const { hello, trailing } = decodeHello(outcome.payload);
    expect(hello.detectedAddress).toBe("10.0.0.77");
    const asked = decodeHelloBlock(decodeHello(request).trailing)?.block.nonce;
    expect(decodeHelloBlock(trailing)?.block.answered).toEqual(asked);
    expect(core.core.member("bob")?.source).toBe("10.0.0.77");
  });

  it("with our own id and another key is refused for its key", () => {
    const core = new LoneCore();
    const outcome = core.ask(MessageType.HELLO, new Puppet("me", AT, "mallory").hello(), AT);
    expect(statusOf(outcome)).toBe("401 Cannot verify ECDSA key for me");
    expect(core.warnings()).toEqual([]);
  });

  it("with our own id and key is a living twin, unless it is our own that came back", () => {
    for (const twin of [new Puppet("me", AT).hello(), new Native("me", AT).greeting()]) {
      const core = new LoneCore();
      expect(statusOf(core.ask(MessageType.HELLO, twin, AT))).toMatch(/^406/);
      expect(core.warnings()).toEqual(["DSN_DUPLICATE_IDENTITY"]);
    }
    const core = new LoneCore("me", {}, [{ address: AT, port: PORT }]);
    const [ours] = core.sent(MessageType.HELLO);
    core.ask(MessageType.HELLO, ours?.payload ?? new Uint8Array(), AT);
    expect(core.warnings()).toEqual([]);
  });

  it("without a usable port enters nobody's address", () => {
    const core = new LoneCore();
    core.ask(MessageType.HELLO, new Puppet("alice", AT).hello({ port: 0 }), AT);
    core.run(2_000);
    expect(core.core.member("alice")?.endpoint).toBeUndefined();
    expect(core.open).toEqual([]);
  });

  it("of a process that was replaced before is a second live copy of the node", () => {
    const core = new LoneCore();
    const bob = new Native("bob", AT).join(core);
    for (const [incarnation, warned] of [
      [2, []],
      [3, []],
      [2, ["DSN_DUPLICATE_IDENTITY"]],
    ] as const) {
      bob.incarnation = incarnation;
      comeFromElsewhere(core, bob);
      expect(core.warnings(), `process ${incarnation}`).toEqual(warned);
    }
    expect(comings(core, "bob")).toEqual(["peer:join"]);
  });

  it.each([0, 60])(
    "of a process whose heir has shown itself meanwhile is no second live copy, nor news, if its clock was %i s ahead",
    (aheadSeconds) => {
      const core = new LoneCore();
      const bob = new Native("bob", AT).join(core);
      // We stood still, and greet everybody.
      core.nowMs += 60_000;
      core.step({ kind: "wake" });
      const [late] = core.sent(MessageType.HELLO).filter(({ to }) => to.address === AT);
      if (late === undefined) throw new Error("bob is not greeted");
      const answer = bob.greetingBack(late, aheadSeconds);
      core.open = core.open.filter(({ exchange }) => exchange !== late.exchange);
      core.run(10);
      bob.incarnation = 2;
      comeFromElsewhere(core, bob);
      core.reply(late, answered(answer));
      expect(core.warnings()).toEqual([]);
      expect(core.core.member("bob")?.native?.incarnation).toBe("02".repeat(16));
      expect(core.core.member("bob")?.hello?.bytes).not.toEqual(answer);
    },
  );

  it("of a process that was replaced before, and does not answer us, may be a recording", () => {
    const core = new LoneCore();
    const bob = new Native("bob", AT).join(core);
    for (const incarnation of [2, 3, 2, 3]) {
      bob.incarnation = incarnation;
      core.ask(MessageType.HELLO, bob.greeting(), AT);
    }
    expect(core.warnings()).toEqual([]);
  });

  it("that is not newer than the last one is no news: it may be a recording", () => {
    const core = new LoneCore();
    const bob = new Native("bob", AT);
    const old = bob.greeting();
    core.ask(MessageType.HELLO, bob.greeting(), AT);
    const heardMs = core.core.member("bob")?.heardMs;
    core.run(50);
    bob.incarnation = 2;
    for (const repeated of [old, bob.nativeHello({ incarnation: 2, issued: NOW_SECONDS + 2 })]) {
      core.ask(MessageType.HELLO, repeated, AT);
      expect(core.core.member("bob")?.heardMs).toBe(heardMs);
      expect(core.core.member("bob")?.native?.incarnation).toBe("01".repeat(16));
    }
  });

  it("of another key under a forgotten name replaces the node", () => {
    const core = new LoneCore();
    new Puppet("alice", AT).join(core);
    core.step({ kind: "forget", nodeId: "alice" });
    const other = new Puppet("alice", "10.0.0.3", "mallory");
    other.join(core);
    expect(core.core.member("alice")?.publicKey).toEqual(other.keyPair.publicKey);
    expect(comings(core, "alice")).toEqual(["peer:join", "peer:leave", "peer:join"]);
  });

  it("is refused with the reason of the reference once its signature has verified", () => {
    const alice = new Puppet("alice", AT);
    const others = [{ nodeId: "bob", fingerprint: undefined }];
    const pins = new Map([["alice", new Puppet("alice", AT, "mallory").keyPair.publicKey]]);
    for (const [core, hello, text] of [
      [new LoneCore("me", { whitelist: others }), alice.hello(), "alice not in me's whitelist"],
      [new LoneCore("me", { pins }), alice.hello(), "Cannot verify ECDSA key for alice"],
      [new LoneCore(), new Puppet("me", AT).hello(), "Origin and destination are the same"],
      [
        new LoneCore(),
        alice.hello({ version: "0.8.0" }),
        'Network version mismatch "0.8.0" (alice) != "0.9.0" (me)',
      ],
    ] as const)
      expect(core.ask(MessageType.HELLO, hello, AT)).toMatchObject({ text, authenticated: true });
  });

  it("D11: whose signature does not verify is refused whatever else is wrong with it", () => {
    const forged = new Puppet("alice", AT).hello({ version: "0.8.0" });
    const last = forged.length - 10;
    forged[last] = (forged[last] ?? 0) ^ 1;
    expect(new LoneCore().ask(MessageType.HELLO, forged, AT)).toMatchObject({
      status: 401,
      text: "Could not verify ECDSA signature of packet",
      authenticated: false,
    });
  });

  it("of the right version ends the warning about another one", () => {
    const core = new LoneCore();
    const alice = new Puppet("alice", AT);
    core.ask(MessageType.HELLO, alice.hello({ version: "0.8.0" }), AT);
    expect(core.warnings()).toEqual(["DSN_VERSION_MISMATCH"]);
    core.ask(MessageType.HELLO, alice.hello(), AT);
    expect(core.events.at(-1)).toMatchObject({ name: "warning", resolved: true });
  });

  it("does not prove that our answer arrived: a peer in doubt stays in doubt", () => {
    const core = new LoneCore();
    const alice = new Puppet("alice", AT).join(core);
    core.ask(MessageType.PING, Uint8Array.of(0x20), AT);
    core.write(["k", "v"]);
    for (const call of core.sent(MessageType.UPDATE)) core.reply(call, silence);
    expect(core.core.member("alice")?.push.needsHello).toBe(true);
    core.ask(MessageType.HELLO, alice.hello(), AT);
    expect(core.core.member("alice")?.push.needsHello).toBe(true);
  });

  it("is not kept as a part of the buffer of its request", () => {
    const core = new LoneCore();
    const alice = new Puppet("alice", AT);
    const request = alice.hello();
    core.ask(MessageType.HELLO, request, AT);
    request.fill(0);
    expect(core.core.member("alice")?.publicKey).toEqual(alice.keyPair.publicKey);
    expect(core.pins.get("alice")).toEqual(alice.keyPair.publicKey);
  });

  it("names addresses of a native node; those that are none are left out", () => {
    const core = new LoneCore();
    const addresses = [
      { address: "10.3.3.3", port: 8_000 },
      { address: "/admin?x=", port: 8_000 },
      { address: "10.3.3.3", port: 0 },
    ];
    core.ask(MessageType.HELLO, new Puppet("bob", AT).nativeHello({ addresses }), AT);
    expect(core.core.member("bob")?.native?.addresses).toEqual(addresses.slice(0, 1));
  });

  it("of process after process is remembered for the last eight, the present one apart", () => {
    const core = new LoneCore();
    const bob = new Native("bob", AT).join(core);
    for (bob.incarnation = 2; bob.incarnation < 14; bob.incarnation += 1)
      comeFromElsewhere(core, bob);
    const former = () =>
      core.core.member("bob")?.formerIncarnations.map(({ incarnation }) => incarnation.slice(0, 2));
    expect(former()).toEqual(["05", "06", "07", "08", "09", "0a", "0b", "0c"]);
    bob.incarnation = 8;
    comeFromElsewhere(core, bob);
    expect(former()).toEqual(["05", "06", "07", "09", "0a", "0b", "0c", "0d"]);
  });

  it("of one newcomer more than an address may bring drops the oldest; a known one drops nobody", () => {
    const core = new LoneCore();
    const names = Array.from({ length: LIMITS.joiningPerSourceMax + 1 }, (_, index) => `n${index}`);
    for (const name of names) core.ask(MessageType.HELLO, new Puppet(name, AT).hello(), AT);
    const known = () => core.core.members().map(({ nodeId }) => nodeId);
    expect(known()).toEqual(names.slice(1));
    core.ask(MessageType.HELLO, new Puppet("n5", AT).hello(), AT);
    expect(known()).toEqual(names.slice(1));
  });
});
