/** Nodes that may have dropped us: asked before they are told, and left alone if it is in vain. */
import { describe, expect, it } from "vitest";
import { fromHex } from "../../../src/bytes/hex.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { encodeLeave, leaveSignedPart } from "../../../src/wire/native-leave.ts";
import { NativeType } from "../../../src/wire/native-type.ts";
import { answered, LoneCore, NOW_SECONDS, Puppet } from "./lone-core.ts";
import { callsTo, comings, Native, replyAll, silence, stranger, unreachable } from "./native.ts";
import { SessionPuppet, sessionCore } from "./session.ts";

const AT = "10.0.0.2";
const WRONG_KEY = "Missing or incorrect encryption key";

/** A core that lists alice, a Python peer that has not called us for a while. */
function withAlice() {
  const core = new LoneCore();
  const alice = new Puppet("alice", AT).join(core);
  core.run(1_000);
  return { core, alice, member: () => core.core.member("alice") };
}

describe("A Python peer that may not list us", () => {
  it("is asked for its list before it is sent a state, which it would keep as that of a ghost", () => {
    const { core, alice, member } = withAlice();
    core.write(["k", "v"]);
    expect(callsTo(core, AT)).toEqual([MessageType.PEERS]);
    replyAll(core, AT, answered(alice.peers([{ nodeId: "me", address: "10.0.0.1", port: 8_000 }])));
    expect(callsTo(core, AT)).toEqual([MessageType.UPDATE]);
    alice.answerCalls(core);
    expect(member()?.push.held).toBe(core.core.version);
  });

  it("is sent the state at once while it calls us: it calls only those that it lists", () => {
    const { core } = withAlice();
    core.ask(MessageType.PING, Uint8Array.of(0x20), AT);
    core.write(["k", "v"]);
    expect(callsTo(core, AT)).toEqual([MessageType.UPDATE]);
    const other = withAlice().core;
    other.ask(MessageType.PING, Uint8Array.of(0x20), "10.0.0.99");
    other.write(["k", "v"]);
    expect(callsTo(other, AT)).toEqual([MessageType.PEERS]);
  });

  it("is trusted to list us for a little more than one of its ticks", () => {
    for (const [ms, isSent] of [
      [3_900, true],
      [3_901, false],
    ] as const) {
      const { core } = withAlice();
      core.ask(MessageType.PING, Uint8Array.of(0x20), AT);
      core.run(ms);
      core.write(["k", "v"]);
      expect(callsTo(core, AT).includes(MessageType.UPDATE), `after ${ms} ms`).toBe(isSent);
    }
  });

  it("is greeted if it says that it does not know us", () => {
    const { core, alice, member } = withAlice();
    core.write(["k", "v"]);
    replyAll(core, AT, stranger);
    expect(callsTo(core, AT)).toEqual([MessageType.HELLO]);
    expect(member()?.forgottenMs.length).toBe(1);
    alice.answerCalls(core);
    expect(member()?.push).toMatchObject({ held: core.core.version, needsHello: false });
  });

  it("is not greeted if it does not answer: it is asked again at the next tick", () => {
    const { core, alice, member } = withAlice();
    core.write(["k", "v"]);
    replyAll(core, AT, silence);
    expect(core.open).toEqual([]);
    expect(member()?.push.needsHello).toBe(true);
    core.run(3_000);
    expect(callsTo(core, AT)).toContain(MessageType.PEERS);
    alice.answerCalls(core);
    expect(member()?.push.needsHello).toBe(false);
  });

  it("is sent what was written meanwhile", () => {
    const { core, alice, member } = withAlice();
    core.write(["k", "1"]);
    core.write(["k", "2"]);
    expect(callsTo(core, AT)).toEqual([MessageType.PEERS]);
    alice.answerCalls(core);
    expect(member()?.push.held).toBe(core.core.version);
    expect(core.open).toEqual([]);
  });

  it("that refuses us is refused from then on, and the operator hears why", () => {
    const { core, member } = withAlice();
    core.write(["k", "v"]);
    replyAll(core, AT, stranger);
    replyAll(core, AT, { kind: "refused", status: 401, text: WRONG_KEY });
    expect(member()?.status).toBe("refused");
    expect(core.warnings()).toEqual(["DSN_KEY_REFUSED"]);
    expect(comings(core, "alice")).toEqual(["peer:join", "peer:leave"]);
  });

  it("that refuses all that is under way has forgotten us once", () => {
    const { core, alice, member } = withAlice();
    core.ask(MessageType.PING, Uint8Array.of(0x20), AT);
    core.write(["k", "v"]);
    for (const type of [MessageType.UPDATE, MessageType.PEERS]) {
      expect(callsTo(core, AT)).toEqual([type]);
      replyAll(core, AT, stranger);
    }
    alice.answerCalls(core);
    expect(member()?.forgottenMs.length).toBe(1);
  });

  it("that forgets us every four minutes is greeted each time, and not reported", () => {
    const { core, alice, member } = withAlice();
    for (let times = 0; times < 4; times += 1) {
      const untilMs = core.nowMs + 240_000;
      while (core.nowMs < untilMs) {
        alice.answerCalls(core);
        core.run(1_000);
      }
      while (core.sent(MessageType.PEERS).length === 0) {
        for (const call of core.open) core.reply(call, answered(new Uint8Array()));
        core.run(50);
      }
      for (const call of core.sent(MessageType.PEERS)) core.reply(call, stranger);
      expect(callsTo(core, AT)).toContain(MessageType.HELLO);
    }
    expect(member()?.forgottenMs.length).toBe(2);
    expect(core.warnings()).toEqual([]);
  });

  it("that forgets us again and again cannot call us back: told once, greeted once a minute", () => {
    const { core, alice, member } = withAlice();
    const hellosMs: number[] = [];
    for (let ms = 0; ms < 200_000; ms += 500) {
      for (const call of core.open.filter(({ to }) => to.address === AT)) {
        if (call.type === MessageType.HELLO) hellosMs.push(core.nowMs);
        const payload = call.type === MessageType.HELLO ? alice.hello() : new Uint8Array();
        const knows = call.type === MessageType.HELLO || call.type === MessageType.PING;
        core.reply(call, knows ? answered(payload) : stranger);
      }
      core.run(500);
    }
    expect(core.warnings()).toEqual(["DSN_ONE_WAY"]);
    expect(member()?.seesUs).toBe(false);
    const late = hellosMs.filter((ms) => ms > 20_000);
    expect(late.length).toBeGreaterThan(1);
    expect(late.length).toBeLessThan(5);
    for (let second = 0; second < 90; second += 1) {
      alice.answerCalls(core);
      core.run(1_000);
    }
    const ended = core.events.filter((event) => event.name === "warning" && event.resolved);
    expect(ended.length).toBe(1);
    expect(comings(core, "alice")).toEqual(["peer:join"]);
  });
});

describe("A native peer", () => {
  it("that does not list us is greeted at each tick until it does", () => {
    const core = new LoneCore();
    const bob = new Native("bob", AT);
    bob.lists = [];
    bob.join(core);
    core.run(3_000);
    expect(callsTo(core, AT)).toContain(MessageType.HELLO);
    bob.answerCalls(core);
    bob.lists = [{ nodeId: "me", address: "10.0.0.1", port: 8_000 }];
    core.run(3_000);
    bob.answerCalls(core);
    expect(core.core.member("bob")?.seesUs).toBe(true);
    core.run(3_000);
    expect(callsTo(core, AT)).not.toContain(MessageType.HELLO);
  });
});

describe("After we stood still", () => {
  it("D15: a native peer is greeted, one that was gone is looked for at once", () => {
    const core = new LoneCore();
    const bob = new Native("bob", AT).join(core);
    const carol = new Native("carol", "10.0.0.3").join(core);
    for (let second = 0; second < 40; second += 1) {
      replyAll(core, carol.address, silence);
      bob.answerCalls(core);
      core.run(1_000);
    }
    expect(core.core.member("carol")?.status).toBe("down");
    bob.answerCalls(core);
    replyAll(core, carol.address, silence);
    core.nowMs += 13_000;
    core.step({ kind: "wake" });
    expect(callsTo(core, AT)).toContain(MessageType.HELLO);
    expect(callsTo(core, carol.address)).toEqual([MessageType.HELLO]);
    bob.answerCalls(core);
    expect(comings(core, "bob")).toEqual(["peer:join"]);
  });
});

describe("A node with sessions that is greeted again, and at whose address somebody refuses us", () => {
  /** Bob has dropped us once; what is asked at its address is refused. */
  function refused() {
    const core = sessionCore();
    const bob = new SessionPuppet("bob", AT).join(core);
    core.write(["k", "v"]);
    for (const call of bob.calls(core, NativeType.STATES)) core.reply(call, stranger);
    core.reply(bob.call(core, MessageType.HELLO), {
      kind: "refused",
      status: 401,
      text: WRONG_KEY,
    });
    return { core, bob, statusOf: () => core.core.member("bob")?.status };
  }

  it("is there while it answers on its session", () => {
    const { core, bob, statusOf } = refused();
    bob.answerCalls(core);
    expect(statusOf()).toBe("alive");
    expect(comings(core, "bob")).toEqual(["peer:join"]);
    expect(core.warnings()).toEqual([]);
  });

  it("is refused when it does not", () => {
    const { core, statusOf } = refused();
    replyAll(core, AT, stranger);
    expect(statusOf()).toBe("refused");
    expect(core.warnings()).toEqual(["DSN_KEY_REFUSED"]);
  });

  it("has left when it says goodbye meanwhile, and no alarm is raised", () => {
    const { core, bob, statusOf } = refused();
    const statement = {
      owner: "bob",
      incarnation: fromHex(bob.proven.incarnation),
      issued: NOW_SECONDS + 1_000,
    };
    const signature = bob.sign("native", leaveSignedPart(statement));
    bob.ask(core, NativeType.LEAVE, encodeLeave({ ...statement, signature }));
    expect(statusOf()).toBe("left");
    replyAll(core, AT, unreachable);
    expect(statusOf()).toBe("left");
    expect(core.warnings()).toEqual([]);
  });

  it("is there when it has moved meanwhile", () => {
    const { core, bob, statusOf } = refused();
    const old = bob.calls(core);
    expect(old.map(({ type }) => type)).toContain(NativeType.DIGEST);
    const next = new SessionPuppet("bob", "10.0.0.7");
    next.incarnation = 2;
    next.issued = bob.issued + 10;
    core.ask(MessageType.HELLO, next.greeting(), next.address);
    next.answerCalls(core);
    expect(statusOf()).toBe("alive");
    expect(core.core.member("bob")?.endpoint?.address).toBe("10.0.0.7");
    for (const call of old) core.reply(call, unreachable);
    expect(statusOf()).toBe("alive");
    expect(core.warnings()).toEqual([]);
  });

  it("is not greeted at each tick for ever while it answers on its session", () => {
    const { core, bob, statusOf } = refused();
    let hellos = 0;
    for (let ms = 0; ms < 60_000; ms += 100) {
      for (const call of bob.calls(core, MessageType.HELLO)) {
        hellos += 1;
        core.reply(call, {
          kind: "refused",
          status: 401,
          text: WRONG_KEY,
        });
      }
      bob.answerCalls(core);
      core.run(100);
    }
    expect(statusOf()).toBe("alive");
    expect(hellos).toBeLessThanOrEqual(3);
  });

  it("is refused no more once it is met again, and the operator hears so", () => {
    const { core, statusOf } = refused();
    replyAll(core, AT, stranger);
    expect(statusOf()).toBe("refused");
    new SessionPuppet("bob", AT).join(core);
    expect(statusOf()).toBe("alive");
    expect(core.events.filter((event) => event.name === "warning" && event.resolved)).toHaveLength(
      1,
    );
  });
});
