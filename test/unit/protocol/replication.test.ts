/** Our state to everybody: always the newest, one at a time for each, until it is held. */
import { describe, expect, it } from "vitest";
import { ENTRY_MEMORY_BYTES } from "../../../src/protocol/copy-memory.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { decodeStatePacket } from "../../../src/wire/state-packet.ts";
import { answered, LoneCore, NOW_SECONDS, PORT, Puppet, type Sent, statusOf } from "./lone-core.ts";
import { callsTo, Native, silence, stranger } from "./native.ts";

const AT = "10.0.0.2";
const NOTHING = new Uint8Array();

function pushes(core: LoneCore, address = AT): Sent[] {
  return core.sent(MessageType.UPDATE).filter(({ to }) => to.address === address);
}

function only(core: LoneCore): Sent {
  const [call, ...more] = pushes(core);
  if (call === undefined || more.length > 0) throw new Error(`${more.length + 1} are under way`);
  return call;
}

const textOf = ({ payload }: Sent) => decodeStatePacket(payload).packet.text;

function withBob() {
  const core = new LoneCore();
  const bob = new Native("bob", AT).join(core);
  const push = () => core.core.member("bob")?.push;
  return { core, bob, push };
}

/** A Python peer that calls us, so that it surely lists us. */
function withAlice(options: ConstructorParameters<typeof LoneCore>[1] = {}) {
  const core = new LoneCore("me", options);
  const alice = new Puppet("alice", AT).join(core);
  core.ask(MessageType.PING, Uint8Array.of(0x20), AT);
  const push = () => core.core.member("alice")?.push;
  return { core, alice, push };
}

describe("A write", () => {
  it("is sent to everybody, signed once, and held by whoever answers with its own state", () => {
    const { core, bob, push } = withBob();
    new Native("carol", "10.0.0.3").join(core);
    core.write(["k", "v"]);
    const [first, second] = core.sent(MessageType.UPDATE);
    expect(core.sent(MessageType.UPDATE).map(({ to }) => to.address)).toEqual([AT, "10.0.0.3"]);
    expect(first?.payload).toBe(second?.payload);
    expect(push()?.held).not.toBe(core.core.version);
    bob.answerCalls(core);
    expect(push()).toMatchObject({ held: core.core.version, inFlight: 0 });
    core.run(100);
    expect(pushes(core)).toEqual([]);
  });

  it("while another is under way waits, and only the newest of those that waited is sent", () => {
    const { core, bob } = withBob();
    for (const value of ["1", "2", "3"]) core.write(["k", value]);
    expect(textOf(only(core))).toBe('{"k": "1"}');
    core.reply(only(core), answered(bob.state(NOW_SECONDS, "{}")));
    expect(textOf(only(core))).toBe('{"k": "3"}');
    core.reply(only(core), answered(bob.state(NOW_SECONDS, "{}")));
    expect(pushes(core)).toEqual([]);
  });

  it("that fails to arrive is repeated at the next tick, and the peer is looked after", () => {
    const { core, bob, push } = withBob();
    core.write(["k", "v"]);
    core.reply(only(core), silence);
    expect(callsTo(core, AT)).toEqual([MessageType.PING]);
    expect(push()).toMatchObject({ unanswered: core.core.version, inFlight: 0 });
    bob.answerCalls(core);
    core.run(3_000);
    bob.answerCalls(core);
    expect(push()?.held).toBe(core.core.version);
  });

  it("that meets a peer which forgot us says HELLO, and then goes there", () => {
    const { core, bob, push } = withBob();
    core.write(["k", "v"]);
    core.reply(only(core), stranger);
    expect(callsTo(core, AT)).toEqual([MessageType.HELLO]);
    bob.answerCalls(core);
    expect(push()?.held).toBe(core.core.version);
  });

  it("that changes nothing sends nothing", () => {
    const { core, bob } = withBob();
    core.write(["k", "v"]);
    bob.answerCalls(core);
    const { version } = core.core;
    core.write(["k", "v"]);
    core.write(["missing", undefined]);
    expect(pushes(core)).toEqual([]);
    expect(core.core.version).toBe(version);
  });

  it("is not sent to a node that we have not met", () => {
    const core = new LoneCore();
    core.ask(MessageType.HELLO, new Native("bob", AT).greeting(), AT);
    core.write(["k", "v"]);
    expect(pushes(core)).toEqual([]);
  });
});

describe("The answer of a peer", () => {
  it("with its own state is taken for it, and told", () => {
    const { core, bob } = withBob();
    core.write(["k", "v"]);
    core.reply(only(core), answered(bob.state(NOW_SECONDS + 1, '{"from": "bob"}')));
    expect(core.core.entriesOf("bob")).toEqual(new Map([["from", "bob"]]));
    expect(core.events.at(-1)).toMatchObject({ name: "state:update", owner: "bob", local: false });
  });

  it("with a state that it did not sign is reported, not taken", () => {
    const { core } = withBob();
    core.write(["k", "v"]);
    const forged = new Puppet("bob", AT, "mallory").state(NOW_SECONDS + 1, '{"evil": "yes"}');
    core.reply(only(core), answered(forged));
    expect(core.core.entriesOf("bob")).toEqual(new Map());
    expect(core.warnings()).toEqual(["DSN_BAD_SIGNATURE"]);
  });

  it("with a state of ours that is newer makes us step above it, and send again", () => {
    const { core } = withBob();
    core.write(["k", "v"]);
    const later = new Puppet("me", "10.0.0.1").state(NOW_SECONDS + 500, '{"k": "old"}');
    core.reply(only(core), answered(later));
    expect(core.core.version).toBeGreaterThan(NOW_SECONDS + 500);
    expect(textOf(only(core))).toBe('{"k": "v"}');
  });

  it("that is no state, or another's, proves nothing", () => {
    for (const payload of [Uint8Array.of(1, 2), new Puppet("carol", AT).state(1, "{}")]) {
      const { core, push } = withBob();
      core.write(["k", "v"]);
      core.reply(only(core), answered(payload));
      expect(push()?.held).not.toBe(core.core.version);
      expect(core.core.members().length).toBe(1);
      expect(core.faults).toEqual([]);
    }
  });

  it("of nothing proves nothing: a Python peer refuses so", () => {
    const { core, push } = withAlice();
    core.write(["k", "v"]);
    const { version } = core.core;
    core.reply(only(core), answered(NOTHING));
    expect(push()?.doubtful).toBe(version);
    expect(push()?.held).toBeLessThan(version);
  });

  it("of nothing to a change steps above the clock of the peer, and then says that ours is behind", () => {
    const { core, alice } = withAlice({ mark: 1 });
    const refuse = () =>
      core.reply(only(core), {
        kind: "answer",
        payload: NOTHING,
        peerUnixSeconds: NOW_SECONDS + 60,
      });
    core.write(["k", "1"]);
    refuse();
    expect(core.core.version).toBeGreaterThan(NOW_SECONDS + 60);
    expect(core.warnings()).toEqual([]);
    core.reply(only(core), answered(alice.state(NOW_SECONDS, "{}")));
    core.write(["k", "2"]);
    refuse();
    expect(core.warnings()).toEqual(["DSN_CLOCK_BEHIND"]);
    core.write(["k", "3"]);
    core.reply(only(core), answered(alice.state(NOW_SECONDS, "{}")));
    const ended = core.events.filter((event) => event.name === "warning" && event.resolved);
    expect(ended.length).toBe(1);
  });

  it("of nothing steps above the clock of the peer later, if we have just stepped above what others showed", () => {
    const { core } = withAlice({ mark: 1 });
    core.write(["k", "1"]);
    const shown = new Puppet("me", AT).state(NOW_SECONDS + 10, '{"k": "0"}');
    core.ask(MessageType.UPDATE, shown, AT);
    const stepped = core.core.version;
    expect(stepped).toBeGreaterThan(NOW_SECONDS + 10);
    for (let ms = 0; ms < 4_000; ms += 100) {
      for (const call of core.sent(MessageType.UPDATE)) {
        const peerUnixSeconds = NOW_SECONDS + 60;
        core.reply(call, { kind: "answer", payload: NOTHING, peerUnixSeconds });
      }
      core.run(100);
      core.ask(MessageType.PING, Uint8Array.of(0x20), AT);
    }
    expect(core.core.version).toBeGreaterThan(NOW_SECONDS + 60);
  });

  describe("of nothing that comes out of order raises no alarm", () => {
    /** Two UPDATEs on their way to alice: a push, and the exchange of the next round of gossip. */
    function twoUnderWay(between: (core: LoneCore) => void = () => undefined) {
      const { core, alice, push } = withAlice();
      core.write(["k", "1"]);
      between(core);
      core.run(3_000);
      for (const type of [MessageType.PING, MessageType.PEERS]) {
        const [call] = core.sent(type);
        const list = alice.peers([{ nodeId: "me", address: "10.0.0.1", port: PORT }]);
        if (call !== undefined)
          core.reply(call, answered(type === MessageType.PEERS ? list : NOTHING));
      }
      const [first, second] = pushes(core);
      if (first === undefined || second === undefined) throw new Error("not two");
      const state = answered(alice.state(NOW_SECONDS, "{}"));
      return { core, push, first, second, state };
    }

    it("because the same version came by the other request", () => {
      const { core, push, first, second, state } = twoUnderWay();
      expect(textOf(second)).toBe(textOf(first));
      core.reply(second, answered(NOTHING));
      core.reply(first, state);
      expect(push()?.held).toBe(core.core.version);
      expect(core.warnings()).toEqual([]);
    });

    it("because a newer version overtook it", () => {
      const { core, push, first, second, state } = twoUnderWay((core) => core.write(["k", "2"]));
      expect([textOf(first), textOf(second)]).toEqual(['{"k": "1"}', '{"k": "2"}']);
      core.reply(second, state);
      core.reply(first, answered(NOTHING));
      expect(push()?.held).toBe(core.core.version);
      expect(core.warnings()).toEqual([]);
    });
  });

  it("of nothing, after a request whose answer was lost, may be the refusal of what it holds", () => {
    const { core, alice } = withAlice({ mark: 1 });
    core.write(["k", "v"]);
    const { version } = core.core;
    core.reply(only(core), silence);
    alice.answerCalls(core);
    core.run(3_000);
    for (const call of core.open.filter(({ type }) => type === MessageType.UPDATE))
      core.reply(call, { kind: "answer", payload: NOTHING, peerUnixSeconds: NOW_SECONDS + 60 });
    expect(core.core.version).toBe(version);
    expect(core.warnings()).toEqual([]);
  });
});

describe("A state that comes in", () => {
  it("is answered with ours, so that both have both", () => {
    const { core, alice } = withAlice();
    core.write(["mine", "1"]);
    const outcome = core.ask(MessageType.UPDATE, alice.state(NOW_SECONDS + 1, '{"a": "1"}'), AT);
    if (outcome.kind !== "answer") throw new Error(statusOf(outcome));
    expect(decodeStatePacket(outcome.payload).packet).toMatchObject({
      nodeId: "me",
      version: core.core.version,
      text: '{"mine": "1"}',
    });
  });

  it("again is no news: a Python peer is answered nothing, a native one with our state", () => {
    const { core, alice } = withAlice();
    const bob = new Native("bob", "10.0.0.3").join(core);
    for (const [peer, length] of [
      [alice, 0],
      [bob, undefined],
    ] as const) {
      const state = peer.state(NOW_SECONDS + 1, '{"a": "1"}');
      core.ask(MessageType.UPDATE, state, peer.address);
      const events = core.events.length;
      const outcome = core.ask(MessageType.UPDATE, state, peer.address);
      if (outcome.kind !== "answer") throw new Error(statusOf(outcome));
      if (length === undefined) expect(decodeStatePacket(outcome.payload).packet.nodeId).toBe("me");
      else expect(outcome.payload.length).toBe(length);
      expect(core.events.length).toBe(events);
    }
  });

  it("of an older time is not taken", () => {
    const { core, alice } = withAlice();
    core.ask(MessageType.UPDATE, alice.state(NOW_SECONDS + 9, '{"a": "new"}'), AT);
    const outcome = core.ask(MessageType.UPDATE, alice.state(NOW_SECONDS + 1, '{"a": "old"}'), AT);
    expect(outcome).toMatchObject({ kind: "answer", payload: NOTHING });
    expect(core.core.entriesOf("alice")).toEqual(new Map([["a", "new"]]));
  });

  it("tells what changed, and shows that its owner lives", () => {
    const { core, alice } = withAlice();
    core.ask(MessageType.UPDATE, alice.state(NOW_SECONDS + 1, '{"a": "1", "b": "1"}'), AT);
    core.run(50);
    core.ask(MessageType.UPDATE, alice.state(NOW_SECONDS + 2, '{"b": "2", "c": "3"}'), AT);
    expect(core.events.at(-1)).toMatchObject({
      name: "state:update",
      owner: "alice",
      version: NOW_SECONDS + 2,
      local: false,
      change: { added: ["c"], updated: ["b"], removed: ["a"] },
    });
    expect(core.core.member("alice")?.heardMs).toBe(core.nowMs);
  });

  it("is kept apart from the buffer of its request", () => {
    const { core, alice } = withAlice();
    const state = alice.state(NOW_SECONDS + 1, '{"a": "1"}');
    const sent = state.slice();
    core.ask(MessageType.UPDATE, state, AT);
    state.fill(0);
    expect(core.core.member("alice")?.replica).toMatchObject({ kind: "python", packet: sent });
  });

  it("that is cut short is malformed", () => {
    const { core, alice } = withAlice();
    const cut = alice.state(NOW_SECONDS + 1, "{}").subarray(0, 20);
    expect(core.ask(MessageType.UPDATE, cut, AT)).toMatchObject({
      status: 406,
      authenticated: false,
    });
  });

  it("beyond the room for all copies is not held, and the operator is told", () => {
    const fits = '{"k": "12345678901"}';
    const packet = new Puppet("alice", AT).state(NOW_SECONDS + 1, fits);
    const replicaBytesMax = fits.length + packet.length + ENTRY_MEMORY_BYTES;
    const { core, alice } = withAlice({ replicaBytesMax });
    core.ask(MessageType.UPDATE, alice.state(NOW_SECONDS + 1, fits), AT);
    expect(core.core.member("alice")?.replica).toMatchObject({ kind: "python", text: fits });
    expect(core.warnings()).toEqual([]);
    // What it replaces makes room.
    core.ask(MessageType.UPDATE, alice.state(NOW_SECONDS + 2, '{"k": "12345678902"}'), AT);
    expect(core.warnings()).toEqual([]);
    core.ask(MessageType.UPDATE, alice.state(NOW_SECONDS + 3, '{"k": "123456789012"}'), AT);
    expect(core.core.entriesOf("alice")).toEqual(new Map([["k", "12345678902"]]));
    expect(core.warnings()).toEqual(["DSN_PEER_LIMIT"]);
  });

  it("of our own without our signature tells nothing and changes nothing", () => {
    const { core } = withAlice();
    const { version } = core.core;
    const forged = new Puppet("me", AT, "mallory").state(NOW_SECONDS + 99, "{}");
    expect(core.ask(MessageType.UPDATE, forged, AT)).toMatchObject({
      status: 406,
      authenticated: false,
    });
    const ours = new Puppet("me", AT).state(NOW_SECONDS - 99, "{}");
    expect(core.ask(MessageType.UPDATE, ours, AT)).toMatchObject({
      status: 406,
      authenticated: true,
    });
    expect(core.core.version).toBe(version);
  });
});

describe("The first state, which a Python peer refuses", () => {
  it.each([false, true])("is set above its clock, later if we had just moved (%s)", (moved) => {
    const core = new LoneCore("me", {});
    core.write(["k", "1"]);
    const alice = new Puppet("alice", AT);
    core.ask(MessageType.HELLO, alice.hello(), AT);
    core.ask(MessageType.UPDATE, alice.state(NOW_SECONDS, "{}"), AT);
    // A state of ours of an earlier life is shown first.
    const shown = new Puppet("me", AT).state(NOW_SECONDS + 10, '{"k": "0"}');
    if (moved) core.ask(MessageType.UPDATE, shown, AT);
    expect(core.core.version > NOW_SECONDS + 10).toBe(moved);
    const me = { nodeId: "me", address: "10.0.0.1", port: PORT };
    for (let ms = 0; ms < 20_000; ms += 100) {
      for (const call of [...core.open]) {
        const { type } = call;
        const peerUnixSeconds = NOW_SECONDS + 60;
        if (type === MessageType.HELLO) core.reply(call, answered(alice.hello()));
        else if (type === MessageType.PEERS) core.reply(call, answered(alice.peers([me])));
        else core.reply(call, { kind: "answer", payload: NOTHING, peerUnixSeconds });
      }
      core.run(100);
      core.ask(MessageType.PING, Uint8Array.of(0x20), AT);
    }
    expect(core.core.member("alice")?.status).toBe("alive");
    expect(core.core.version).toBeGreaterThan(NOW_SECONDS + 60);
  });
});
