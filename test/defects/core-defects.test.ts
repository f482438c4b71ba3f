/**
 * What the Python implementation gets wrong and the core must not, one test per defect.
 *
 * Those that need whole networks are told as stories in `test/simulation/` as well.
 * @module
 */
import { describe, expect, it } from "vitest";
import { MessageType } from "../../src/wire/message-type.ts";
import { decodeStatePacket } from "../../src/wire/state-packet.ts";
import {
  answered,
  LoneCore,
  NOW_SECONDS,
  PORT,
  Puppet,
  statusOf,
} from "../unit/protocol/lone-core.ts";

const text = (value: string) => new TextEncoder().encode(value);
const ALICE_AT = "10.0.0.2";
const MALLORY_AT = "10.0.0.66";

/** A core that lists alice, a Python peer, and knows mallory. */
function company() {
  const core = new LoneCore();
  const alice = new Puppet("alice", ALICE_AT).join(core);
  const mallory = new Puppet("mallory", MALLORY_AT).join(core);
  return { core, alice, mallory };
}

function endpointOf(core: LoneCore, nodeId: string): string | undefined {
  return core.core.member(nodeId)?.endpoint?.address;
}

function read(core: LoneCore, nodeId: string): Record<string, string> | undefined {
  const entries = core.core.entriesOf(nodeId);
  return entries === undefined ? undefined : Object.fromEntries(entries);
}

describe("Identity and addresses", () => {
  it("D02: a HELLO without a valid signature moves nobody and tells no reason", () => {
    const { core, alice } = company();
    const forged = alice.hello();
    forged[forged.length - 10] = (forged[forged.length - 10] ?? 0) ^ 1;
    const outcome = core.ask(MessageType.HELLO, forged, MALLORY_AT);
    expect(outcome).toMatchObject({ kind: "refusal", status: 401, authenticated: false });
    core.run(20);
    expect(endpointOf(core, "alice")).toBe(ALICE_AT);
  });

  it("D02: mallory cannot use the public key of alice, which everybody knows", () => {
    const { core, alice } = company();
    const impostor = new Puppet("alice", MALLORY_AT, "mallory");
    expect(statusOf(core.ask(MessageType.HELLO, impostor.hello(), MALLORY_AT))).toBe(
      "401 Cannot verify ECDSA key for alice",
    );
    expect(core.core.member("alice")?.publicKey).toEqual(alice.keyPair.publicKey);
    expect(endpointOf(core, "alice")).toBe(ALICE_AT);
    expect(core.warnings()).toContain("DSN_PEER_IDENTITY_CHANGED");
  });

  it("D09: a repeated HELLO from another address does not move a Python peer that answers", () => {
    const { core, alice } = company();
    core.ask(MessageType.HELLO, alice.hello(), MALLORY_AT);
    alice.answerCalls(core);
    expect(endpointOf(core, "alice")).toBe(ALICE_AT);
    expect(core.core.member("alice")?.status).toBe("alive");
  });

  it("D09: nor a native peer, whether it answers or not: only its answer to our nonce does", () => {
    const core = new LoneCore();
    const bob = new Puppet("bob", "10.0.0.3");
    core.ask(MessageType.HELLO, bob.nativeHello({ issued: NOW_SECONDS }), bob.address);
    // Captured and sent again, when bob is out of reach.
    for (const [issued, incarnation] of [
      [NOW_SECONDS, 1],
      [NOW_SECONDS + 1, 2],
    ]) {
      const captured = bob.nativeHello({ issued: issued ?? 0, incarnation: incarnation ?? 0 });
      core.ask(MessageType.HELLO, captured, MALLORY_AT);
      core.run(1_000);
      for (const call of core.open.filter(({ to }) => to.address === MALLORY_AT)) {
        const stale = bob.nativeHello({ role: "answer", answered: new Uint8Array(16) });
        core.reply(call, answered(call.type === MessageType.HELLO ? stale : new Uint8Array()));
      }
      expect(endpointOf(core, "bob")).toBe("10.0.0.3");
      expect(core.core.member("bob")?.status).toBe("joining");
    }
  });

  it("D05: a forged answer to our state is no proof that it arrived", () => {
    const core = new LoneCore();
    const bob = new Puppet("bob", "10.0.0.3").joinNative(core);
    core.write(["k", "v"]);
    const [update] = core.sent(MessageType.UPDATE);
    if (update === undefined) throw new Error("nothing was sent");
    const forged = new Puppet("bob", "10.0.0.3", "mallory").state(NOW_SECONDS + 9, '{"k": "x"}');
    core.reply(update, answered(forged));
    expect(core.warnings()).toContain("DSN_BAD_SIGNATURE");
    expect(read(core, "bob")).toEqual({});
    expect(core.core.member("bob")?.push.held).not.toBe(core.core.version);
    // So it is sent again at the next tick.
    for (const call of core.open) core.reply(call, answered(new Uint8Array()));
    core.run(3_000);
    bob.answerCalls(core, bob.state(NOW_SECONDS + 1, "{}"));
    expect(core.core.member("bob")?.push.held).toBe(core.core.version);
  });

  it("D10: a dead native node is not kept alive by recorded answers", () => {
    const core = new LoneCore();
    const bob = new Puppet("bob", "10.0.0.3");
    bob.joinNative(core);
    expect(core.core.member("bob")?.status).toBe("alive");
    const recorded = bob.nativeHello({ role: "answer", answered: new Uint8Array(16) });
    const state = bob.state(NOW_SECONDS, "{}");
    for (let second = 0; second < 60; second += 1) {
      for (const call of [...core.open]) {
        const answers = { 1: recorded, 2: bob.peers(), 3: state, 4: new Uint8Array() };
        core.reply(call, answered(answers[call.type as keyof typeof answers]));
      }
      core.run(1_000);
    }
    expect(core.core.member("bob")?.status).toBe("down");
  });

  it("D10: a node that runs the Python implementation now goes once, and comes back as that", () => {
    const core = new LoneCore();
    // From now on it answers as the reference does, with its own key.
    const bob = new Puppet("bob", "10.0.0.3").joinNative(core);
    let hellos = 0;
    for (let ms = 0; ms < 180_000; ms += 500) {
      hellos += core.sent(MessageType.HELLO).length;
      bob.answerCalls(core);
      core.run(500);
    }
    const member = core.core.member("bob");
    expect([member?.status, member?.native]).toEqual(["alive", undefined]);
    const comings = core.events.filter(({ name }) => name === "peer:join" || name === "peer:leave");
    expect(comings.map(({ name }) => name)).toEqual(["peer:join", "peer:leave", "peer:join"]);
    // Each makes a Python peer fire its callbacks.
    expect(hellos).toBeLessThanOrEqual(6);
  });

  it("D09: a native HELLO without its block, or with a changed one, is refused", () => {
    const core = new LoneCore();
    const bob = new Puppet("bob", "10.0.0.3");
    const whole = bob.nativeHello();
    const changed = whole.slice();
    // A byte of `issued`.
    changed[changed.length - 86] = (changed[changed.length - 86] ?? 0) ^ 1;
    const magic = Buffer.from(whole).indexOf(Buffer.of(0x64, 0x73, 0x6e, 0x01));
    const answer = bob.nativeHello({ role: "answer", answered: new Uint8Array(16) });
    for (const forged of [changed, whole.slice(0, magic), answer]) {
      const outcome = core.ask(MessageType.HELLO, forged, bob.address);
      expect(outcome).toMatchObject({ kind: "refusal", status: 401, authenticated: false });
    }
    expect(core.core.members()).toEqual([]);
    expect(statusOf(core.ask(MessageType.HELLO, whole, bob.address))).toBe("200");
  });

  it("D09: repeating an old HELLO of a node that is down does not make us forget it", () => {
    const { core, alice } = company();
    core.run(100);
    alice.answerCalls(core);
    for (let ms = 0; ms < 120_000; ms += 500) {
      for (const call of core.open)
        core.reply(call, { kind: "failed", reason: "no-answer", detail: "down" });
      if (ms === 30_000) core.ask(MessageType.HELLO, alice.hello(), MALLORY_AT);
      core.run(500);
    }
    expect(core.core.member("alice")?.status).toBe("down");
    expect(endpointOf(core, "alice")).toBe(ALICE_AT);
  });

  it("D03: a name is not taken by who cannot prove its key, nor by a refused HELLO", () => {
    const core = new LoneCore();
    const squatter = new Puppet("bank", MALLORY_AT, "mallory");
    const unproven = squatter.hello();
    unproven[unproven.length - 10] = (unproven[unproven.length - 10] ?? 0) ^ 1;
    core.ask(MessageType.HELLO, unproven, MALLORY_AT);
    core.ask(MessageType.HELLO, squatter.hello({ version: "0.1.0" }), MALLORY_AT);
    expect(core.pins.has("bank")).toBe(false);
    const bank = new Puppet("bank", "10.0.0.8");
    expect(statusOf(core.ask(MessageType.HELLO, bank.hello(), bank.address))).toBe("200");
    expect(core.pins.get("bank")).toEqual(bank.keyPair.publicKey);
  });

  it("D03: a name that was taken can be given back by the operator", () => {
    const core = new LoneCore();
    new Puppet("bank", MALLORY_AT, "mallory").join(core);
    const bank = new Puppet("bank", "10.0.0.8");
    expect(statusOf(core.ask(MessageType.HELLO, bank.hello(), bank.address))).toContain("401");
    core.step({ kind: "forget", nodeId: "bank" });
    expect(read(core, "bank")).toBeUndefined();
    bank.join(core);
    expect(read(core, "bank")).toEqual({});
  });

  it("D04, P13: nobody can change what a node says of its own address", () => {
    const { core } = company();
    const before = core.core.self.advertised;
    const me = new Puppet("me", "10.0.0.9");
    const outcome = core.ask(MessageType.HELLO, me.hello({ port: 1 }), "10.0.0.9");
    expect(statusOf(outcome)).toBe("406 Origin and destination are the same");
    expect(core.core.self.advertised).toEqual(before);
    expect(core.core.members().map(({ nodeId }) => nodeId)).toEqual(["alice", "mallory"]);
  });

  it("D31: a whitelist asks for the key, not only for the name", () => {
    const print = "SHA256:none";
    const core = new LoneCore("me", { whitelist: [{ nodeId: "alice", fingerprint: print }] });
    const alice = new Puppet("alice", ALICE_AT);
    for (const type of [MessageType.HELLO, MessageType.UPDATE, MessageType.PEERS] as const) {
      const payload = {
        [MessageType.HELLO]: alice.hello(),
        [MessageType.UPDATE]: alice.state(1, "{}"),
        [MessageType.PEERS]: alice.peers(),
      }[type];
      expect(statusOf(core.ask(type, payload, ALICE_AT))).toMatch(/^401/);
    }
    expect(core.core.members()).toEqual([]);
    expect(core.pins.size).toBe(0);
  });

  it("D31: a stranger of another version raises one warning, however often it calls", () => {
    const core = new LoneCore();
    const old = new Puppet("old", "10.0.0.7");
    for (let times = 0; times < 20; times += 1) {
      const outcome = core.ask(MessageType.HELLO, old.hello({ version: "0.8.0" }), old.address);
      expect(statusOf(outcome)).toMatch(/^505 Network version mismatch/);
    }
    expect(core.warnings()).toEqual(["DSN_VERSION_MISMATCH"]);
  });
});

describe("State", () => {
  it("D05: nothing is stored of a node that is not a member", () => {
    const { core } = company();
    const ghost = new Puppet("ghost", "10.0.0.9");
    const outcome = core.ask(MessageType.UPDATE, ghost.state(NOW_SECONDS, '{"role": "admin"}'));
    expect(outcome).toMatchObject({ kind: "refusal", status: 401, authenticated: false });
    expect(read(core, "ghost")).toBeUndefined();
  });

  it("D05: nor what is not signed by its owner", () => {
    const { core, mallory } = company();
    const forged = new Puppet("alice", ALICE_AT, "mallory").state(NOW_SECONDS + 1, '{"a": "1"}');
    expect(statusOf(core.ask(MessageType.UPDATE, forged, mallory.address))).toMatch(/^401/);
    expect(read(core, "alice")).toEqual({});
  });

  it("D32: the answer to an UPDATE may only be the state of the node that was asked", () => {
    const { core, alice, mallory } = company();
    core.write(["k", "v"]);
    const news = alice.state(NOW_SECONDS + 5, '{"from": "alice"}');
    const forged = new Puppet("alice", ALICE_AT, "mallory").state(NOW_SECONDS + 9, '{"x": "y"}');
    const call = () =>
      core.sent(MessageType.UPDATE).find(({ to }) => to.address === mallory.address);
    for (const lie of [news, forged, new Puppet("neverseen", "10.0.0.9").state(1, "{}")]) {
      core.write(["k", String(Math.random())]);
      mallory.answerCalls(core, lie);
      core.run(100);
      expect(call()).toBeUndefined();
    }
    expect(read(core, "alice")).toEqual({});
    expect(core.core.members().length).toBe(2);
    expect(core.faults).toEqual([]);
  });

  it("D05: what verified with a key that was forgotten meanwhile is not taken as of its heir", () => {
    const core = new LoneCore();
    const former = new Puppet("bank", ALICE_AT, "mallory").join(core);
    core.held = [];
    const outcomes = [
      core.askLater(MessageType.UPDATE, former.state(NOW_SECONDS + 1, '{"x": "1"}')),
      core.askLater(MessageType.DATA, former.data(text("pay"))),
      core.askLater(MessageType.PEERS, former.peers()),
    ];
    const held = core.held;
    core.held = undefined;
    core.step({ kind: "forget", nodeId: "bank" });
    const bank = new Puppet("bank", "10.0.0.8");
    core.ask(MessageType.HELLO, bank.hello(), bank.address);
    core.held = held;
    core.verifyHeld();
    for (const outcome of outcomes)
      expect(outcome()).toMatchObject({ kind: "refusal", status: 401 });
    expect(core.core.member("bank")?.replica).toBeUndefined();
    expect(core.events.filter(({ name }) => name === "data")).toEqual([]);
  });

  it("D31: a key known from earlier does not replace the whitelist", () => {
    const alice = new Puppet("alice", ALICE_AT);
    const core = new LoneCore("me", {
      pins: new Map([["alice", alice.keyPair.publicKey]]),
      whitelist: [{ nodeId: "bob", fingerprint: undefined }],
    });
    const asked = [
      core.ask(MessageType.UPDATE, alice.state(NOW_SECONDS, "{}"), ALICE_AT),
      core.ask(MessageType.PEERS, alice.peers(), ALICE_AT),
      core.ask(MessageType.DATA, alice.data(text("x")), ALICE_AT),
    ];
    for (const outcome of asked) expect(statusOf(outcome)).toBe("401 alice not in me's whitelist");
  });

  it.each([Number.POSITIVE_INFINITY, Number.NaN, 1e300, 8_589_934_592])(
    "D06 D07: a version of %d does not lock its owner out",
    (version) => {
      const { core, alice } = company();
      core.ask(MessageType.UPDATE, alice.state(version, '{"evil": "yes"}'), ALICE_AT);
      core.ask(MessageType.UPDATE, alice.state(NOW_SECONDS + 1, '{"good": "yes"}'), ALICE_AT);
      expect(read(core, "alice")).toEqual({ good: "yes" });
    },
  );

  it("D07: a payload that could be passed off as a state is not signed", () => {
    const { core } = company();
    const tail = text('{"role": "admin"}');
    const payload = Buffer.alloc(8 + tail.length);
    payload.writeUInt32LE(tail.length, 4);
    payload.set(tail, 8);
    core.step({ kind: "send", operation: 1, to: "alice", data: payload, timeoutMs: undefined });
    expect(core.settled.map(({ error }) => error?.code)).toEqual(["DSN_DATA_AMBIGUOUS"]);
    expect(core.sent(MessageType.DATA)).toEqual([]);
  });

  it("D07: the signature of a message is not taken for that of a state", () => {
    const { core, alice } = company();
    const payload = text("hello, here are some bytes that mean nothing");
    const data = alice.data(payload);
    expect(statusOf(core.ask(MessageType.UPDATE, data, ALICE_AT))).not.toBe("200");
    expect(read(core, "alice")).toEqual({});
  });

  it("D21: writes of a node whose clock stepped back are newer all the same", () => {
    const { core } = company();
    core.write(["k", "before"]);
    const before = core.core.version;
    core.skewSeconds = -3_600;
    core.write(["k", "after"]);
    expect(core.core.version).toBeGreaterThan(before);
  });

  it("D22: a node that restarts on an older clock steps above what it is shown", () => {
    const earlier = new Puppet("me", "10.0.0.1").state(NOW_SECONDS + 600, '{"life": "first"}');
    const { core, alice } = company();
    core.write(["life", "second"]);
    expect(statusOf(core.ask(MessageType.UPDATE, earlier, ALICE_AT))).toBe(
      "406 Origin and destination are the same",
    );
    expect(core.core.version).toBeGreaterThan(NOW_SECONDS + 600);
    const pushed = core.sent(MessageType.UPDATE).at(-1) ?? core.open.at(-1);
    alice.answerCalls(core);
    expect(pushed).toBeDefined();
    expect(Object.fromEntries(core.core.entriesOf("me") ?? [])).toEqual({ life: "second" });
  });

  it("D22: a liar cannot drive versions ahead with numbers that we did not sign", () => {
    const { core, mallory } = company();
    const version = core.core.version;
    const forged = new Puppet("me", "10.0.0.1", "mallory").state(NOW_SECONDS + 9e8, '{"a": "1"}');
    core.ask(MessageType.UPDATE, forged, mallory.address);
    mallory.answerCalls(core, forged);
    expect(core.core.version).toBe(version);
  });

  it("D22: nor with our own old states: no more than three leaps a minute, then a warning", () => {
    const { core, mallory } = company();
    const me = new Puppet("me", "10.0.0.1");
    for (let leap = 1; leap <= 6; leap += 1) {
      core.run(1_500);
      const shown = me.state(NOW_SECONDS + leap * 1_000, `{"n": "${leap}"}`);
      core.ask(MessageType.UPDATE, shown, mallory.address);
    }
    expect(core.core.version).toBeLessThan(NOW_SECONDS + 3_001);
    expect(core.warnings()).toContain("DSN_DUPLICATE_IDENTITY");
  });

  it("D24: an unanswered push is sent again at the next tick, and once only", () => {
    const { core, alice, mallory } = company();
    core.run(100);
    alice.answerCalls(core);
    mallory.answerCalls(core);
    core.ask(MessageType.PING, Uint8Array.of(0x20), ALICE_AT);
    core.write(["k", "v"]);
    const pushes = core.sent(MessageType.UPDATE).filter(({ to }) => to.address === ALICE_AT);
    expect(pushes.length).toBe(1);
    for (const push of pushes)
      core.reply(push, { kind: "failed", reason: "no-answer", detail: "lost" });
    const versions: number[] = [];
    for (let tick = 0; tick < 4; tick += 1) {
      core.run(3_000);
      for (const call of core.open.filter(({ to }) => to.address === ALICE_AT)) {
        if (call.type === MessageType.UPDATE)
          versions.push(decodeStatePacket(call.payload).packet.version);
      }
      alice.answerCalls(core);
      mallory.answerCalls(core);
    }
    expect(core.core.member("alice")?.push.held).toBe(core.core.version);
    expect(core.core.member("alice")?.status).toBe("alive");
  });

  it("D31, P18: an empty state that comes again is no change, and no event", () => {
    const { core, alice } = company();
    const before = core.events.length;
    for (let times = 1; times <= 8; times += 1)
      core.ask(MessageType.UPDATE, alice.state(NOW_SECONDS + times, "{}"), ALICE_AT);
    expect(core.events.slice(before)).toEqual([]);
  });
});

describe("Messages", () => {
  const delivered = (core: LoneCore) =>
    core.events.flatMap((event) =>
      event.name === "data" ? [new TextDecoder().decode(event.data)] : [],
    );

  it("D08: a captured message is delivered once, answered as often as it comes", () => {
    const { core, alice } = company();
    const message = alice.data(text("pay"));
    for (let times = 0; times < 4; times += 1)
      expect(statusOf(core.ask(MessageType.DATA, message, MALLORY_AT))).toBe("200");
    expect(delivered(core)).toEqual(["pay"]);
    core.ask(MessageType.DATA, alice.data(text("pay")), ALICE_AT);
    expect(delivered(core)).toEqual(["pay", "pay"]);
  });

  it("D08: a forged one is not delivered, nor one of a stranger", () => {
    const { core } = company();
    const forged = new Puppet("alice", ALICE_AT, "mallory").data(text("pay"));
    expect(statusOf(core.ask(MessageType.DATA, forged, MALLORY_AT))).toMatch(/^401/);
    const stranger = new Puppet("stranger", "10.0.0.9").data(text("pay"));
    expect(statusOf(core.ask(MessageType.DATA, stranger))).toMatch(/^401/);
    expect(delivered(core)).toEqual([]);
  });

  it("D17: the answer is on its way before the application hears of the message", () => {
    const { core, alice } = company();
    const effects = core.core.step(
      {
        kind: "request",
        exchange: 99,
        type: MessageType.PING,
        payload: Uint8Array.of(0x20),
        from: alice.address,
      },
      { monotonicMs: core.nowMs, unixSeconds: NOW_SECONDS },
    );
    expect(effects[0]?.kind).toBe("respond");
    expect(statusOf(core.ask(MessageType.DATA, alice.data(text("x")), ALICE_AT))).toBe("200");
    expect(delivered(core)).toEqual(["x"]);
  });
});

describe("Membership", () => {
  it("D12: a list that claims a million entries costs nothing", () => {
    const { core } = company();
    const bytes = Buffer.alloc(32);
    for (const count of [1e6, 4e6, 2 ** 32 - 1]) {
      bytes.writeUInt32LE(5, 0);
      bytes.write("alice", 4);
      bytes.writeUInt32LE(0, 9);
      bytes.writeUInt32LE(count, 13);
      const startMs = performance.now();
      expect(statusOf(core.ask(MessageType.PEERS, bytes))).toBe("406 Malformed packet");
      expect(performance.now() - startMs).toBeLessThan(2_000);
    }
  });

  it("D15: a peer that we dropped and that does not know is greeted again", () => {
    const { core, alice } = company();
    const before = core.open.length;
    core.run(10_000);
    for (let round = 0; round < 40; round += 1) {
      for (const call of core.open.filter(({ to }) => to.address === ALICE_AT))
        core.reply(call, { kind: "failed", reason: "no-answer", detail: "paused" });
      core.run(1_000);
    }
    expect(core.core.member("alice")?.status).toBe("down");
    expect(core.open.length).toBeGreaterThanOrEqual(before);
    for (const call of core.open.filter(({ to }) => to.address === ALICE_AT))
      core.reply(call, { kind: "failed", reason: "no-answer", detail: "paused" });
    // It never says HELLO again: its UPDATE is refused, and brings us to it.
    const update = alice.state(NOW_SECONDS + 60, '{"back": "yes"}');
    expect(statusOf(core.ask(MessageType.UPDATE, update, ALICE_AT))).toBe(
      "401 Could not find alice in address book",
    );
    const calls = core.open.filter(({ to }) => to.address === ALICE_AT);
    expect(calls.map(({ type }) => type)).toEqual([MessageType.PING]);
    alice.answerCalls(core, update);
    expect(core.core.member("alice")?.status).toBe("alive");
    expect(read(core, "alice")).toEqual({ back: "yes" });
  });

  it("D15: after a pause of our own everybody is greeted, nobody is blamed", () => {
    const { core, alice } = company();
    core.run(100);
    for (const peer of [alice]) peer.answerCalls(core);
    // The process stands still: no timer fires for 13 s.
    core.nowMs += 13_000;
    core.step({ kind: "wake" });
    expect(core.core.member("alice")?.status).toBe("alive");
    // A Python peer is asked whether it still lists us before it is sent anything.
    const calls = core.open.filter(({ to }) => to.address === ALICE_AT).map(({ type }) => type);
    expect(calls).toContain(MessageType.PEERS);
    expect(calls).not.toContain(MessageType.UPDATE);
  });

  it("D16: a bootstrap node is tried for ever, with growing pauses", () => {
    const core = new LoneCore();
    const seed = { address: "10.0.0.50", port: PORT };
    core.step({ kind: "start", bootstrap: [seed] });
    const attemptsMs: number[] = [];
    for (let ms = 0; ms < 600_000; ms += 100) {
      for (const call of core.open.filter(({ to }) => to.address === seed.address)) {
        attemptsMs.push(core.nowMs);
        core.reply(call, { kind: "failed", reason: "unreachable", detail: "refused" });
      }
      core.run(100);
    }
    expect(attemptsMs.length).toBeGreaterThan(100);
    expect(attemptsMs.length).toBeLessThan(200);
    expect(core.warnings()).toEqual(["DSN_NO_BOOTSTRAP"]);
    const late = new Puppet("late", seed.address);
    for (let ms = 0; ms < 10_000; ms += 100) {
      late.answerCalls(core);
      core.run(100);
    }
    expect(core.core.member("late")?.status).toBe("alive");
    expect(core.events.some((event) => event.name === "joined")).toBe(true);
  });

  it("D18: what happens to an application is not the core's: it only says what happened", () => {
    const { core } = company();
    const { monotonicMs, unixSeconds } = { monotonicMs: core.nowMs, unixSeconds: NOW_SECONDS };
    const effects = core.core.step(
      { kind: "write", changes: new Map([["k", "v"]]) },
      { monotonicMs, unixSeconds },
    );
    // Events are data among the effects, told when the step is over.
    expect(effects.map(({ kind }) => kind)).toEqual(["event", "flush-soon"]);
  });

  it("D28: a name that another node answers to is dropped, and tried ever more rarely", () => {
    const core = new LoneCore();
    const alice = new Puppet("alice", ALICE_AT);
    core.ask(MessageType.HELLO, alice.hello(), ALICE_AT);
    const list = alice.peers([
      { nodeId: "me", address: "10.0.0.1", port: PORT },
      { nodeId: "nobody", address: "10.0.0.77", port: PORT },
    ]);
    const other = new Puppet("real", "10.0.0.77");
    let hellos = 0;
    for (let ms = 0; ms < 25_000; ms += 100) {
      for (const call of core.open) {
        if (call.to.address === other.address) {
          hellos += 1;
          core.reply(call, answered(other.hello()));
        } else if (call.type === MessageType.PEERS) {
          core.reply(call, answered(list));
        }
      }
      alice.answerCalls(core);
      core.run(100);
    }
    expect(core.core.member("nobody")).toBeUndefined();
    expect(hellos).toBeGreaterThan(0);
    expect(hellos).toBeLessThanOrEqual(4);
  });

  it("D05: who asks for the list under the name of a member is refused without a reason", () => {
    const { core } = company();
    const forged = new Puppet("alice", ALICE_AT, "mallory").peers();
    const outcome = core.ask(MessageType.PEERS, forged, MALLORY_AT);
    expect(outcome).toMatchObject({ kind: "refusal", authenticated: false });
  });

  it("D05: a list of peers that the peer did not sign is not looked at", () => {
    const core = new LoneCore();
    const alice = new Puppet("alice", ALICE_AT);
    core.ask(MessageType.HELLO, alice.hello(), ALICE_AT);
    const forged = new Puppet("alice", ALICE_AT, "mallory").peers([
      { nodeId: "evil", address: MALLORY_AT, port: PORT },
    ]);
    for (let round = 0; round < 10; round += 1) {
      const call = core.open.find(({ type }) => type === MessageType.PEERS);
      if (call !== undefined) core.reply(call, answered(forged));
      else alice.answerCalls(core);
      core.run(2_000);
      expect(core.open.filter(({ to }) => to.address === MALLORY_AT)).toEqual([]);
    }
    expect(core.warnings()).toContain("DSN_BAD_SIGNATURE");
  });

  it("D28 D26: names with addresses that are none are not called", () => {
    const core = new LoneCore();
    const alice = new Puppet("alice", ALICE_AT);
    core.ask(MessageType.HELLO, alice.hello(), ALICE_AT);
    const list = alice.peers([
      { nodeId: "a", address: "/internal/admin?delete=all&rest=", port: 80 },
      { nodeId: "b", address: "10.0.0.5", port: 0 },
      { nodeId: "c", address: "10.0.0.5", port: 70_000 },
      { nodeId: "../d", address: "10.0.0.5", port: PORT },
      { nodeId: "e", address: "user@10.0.0.5", port: PORT },
      { nodeId: "me", address: "10.0.0.5", port: PORT },
    ]);
    for (let round = 0; round < 20; round += 1) {
      const call = core.open.find(({ type }) => type === MessageType.PEERS);
      if (call !== undefined) core.reply(call, answered(list));
      else alice.answerCalls(core);
      core.run(500);
      expect(core.open.filter(({ to }) => to.address !== ALICE_AT)).toEqual([]);
    }
  });
});
