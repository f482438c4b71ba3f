/** A node that we do not reach, and others do. */
import { describe, expect, it } from "vitest";
import { DEFAULT_SETTINGS, LIMITS } from "../../../src/protocol/settings.ts";
import type { Reply } from "../../../src/wire/exchange.ts";
import { decodeHello } from "../../../src/wire/hello.ts";
import { decodeHelloBlock } from "../../../src/wire/hello-block.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { decodeRelay, encodeRelay } from "../../../src/wire/native-relay.ts";
import { NativeType } from "../../../src/wire/native-type.ts";
import { answered, type LoneCore, NOW_SECONDS, nonceOf, Puppet } from "./lone-core.ts";
import { comings, silence, unreachable } from "./native.ts";
import { asked, bring, lose, notKnown, notReached, setUp, statusOf } from "./relayed.ts";
import { acked, entriesOf, SessionPuppet } from "./session.ts";

const { tickMs } = DEFAULT_SETTINGS;
const V1 = NOW_SECONDS + 1;
const V2 = NOW_SECONDS + 2;
const V3 = NOW_SECONDS + 3;

describe("A node that we do not reach", () => {
  it("is asked for through three others at most, with what we hold of it", () => {
    const { core, bob, helpers } = setUp(5);
    bob.send(core, bob.snapshot(V1, { a: "1" }, "signed"));
    lose(core, bob);
    const calls = asked(core, helpers);
    expect(calls).toHaveLength(LIMITS.relaysMax);
    expect(new Set(calls.map(({ to }) => to.address)).size).toBe(LIMITS.relaysMax);
    for (const call of calls) {
      expect(decodeRelay(call.payload)).toMatchObject({ to: "bob", held: V1 });
    }
    expect(new Set(calls.map(({ payload }) => payload.join())).size).toBe(1);
  });

  it("is asked for through peers with sessions that we reach, and nobody else", () => {
    const { core, bob, helpers } = setUp(2);
    const [helper, lost] = helpers as [SessionPuppet, SessionPuppet];
    const paul = new Puppet("paul", "10.0.0.8").join(core);
    core.step({ kind: "session-lost", peer: lost.proven });
    core.reply(lost.call(core, NativeType.ALIVE), unreachable);
    expect(statusOf(core, lost.nodeId)).toBe("suspect");
    for (const call of asked(core, [bob, helper])) core.reply(call, silence);
    lose(core, bob);
    expect(statusOf(core, lost.nodeId)).toBe("suspect");
    expect(asked(core, [lost])).toEqual([]);
    expect(asked(core, [helper])).toHaveLength(1);
    const relays = core.sent(NativeType.RELAY).map(({ to }) => to.address);
    expect(relays).not.toContain(paul.address);
    expect(relays).not.toContain(bob.address);
  });

  it("is relayed once one of them brings its answer: it does not leave", () => {
    const { core, bob, helpers } = setUp(3);
    lose(core, bob);
    const [helper, other] = helpers;
    if (helper === undefined || other === undefined) throw new Error("no helpers");
    core.reply(other.call(core, NativeType.RELAY), silence);
    bring(core, helper, bob);
    expect(statusOf(core)).toBe("relayed");
    expect(comings(core, "bob")).toEqual([]);
    helper.send(core, bob.snapshot(V1, { a: "1" }, "signed"));
    expect(core.core.entriesOf("bob")).toEqual(entriesOf({ a: "1" }));
  });

  it("is not asked for, nor talked about, while this machine is late itself", () => {
    const { core, bob, helpers } = setUp(5);
    for (const ms of [800, 800]) core.late(ms);
    core.step({ kind: "session-lost", peer: bob.proven });
    for (let second = 0; second < 5; second += 1) {
      for (const call of bob.calls(core)) core.reply(call, silence);
      core.run(1_000);
    }
    expect(asked(core, helpers)).toEqual([]);
    expect(statusOf(core)).toBe("suspect");
  });

  it("is down when nobody brings any, or nobody is there to ask", () => {
    const { core, bob, helpers } = setUp(2);
    lose(core, bob);
    expect(statusOf(core)).toBe("suspect");
    for (const call of asked(core, helpers)) core.reply(call, silence);
    expect(statusOf(core)).toBe("down");
    const alone = setUp(0);
    lose(alone.core, alone.bob);
    expect(statusOf(alone.core)).toBe("down");
  });

  it.each([
    [
      "an answer to another HELLO",
      (bob: SessionPuppet) =>
        bob.nativeHello({ role: "answer", answered: new Uint8Array(16), features: ["session"] }),
    ],
    ["a HELLO that asks", (bob: SessionPuppet) => bob.greeting()],
    [
      "another node's answer",
      (_: SessionPuppet, hello: Uint8Array) =>
        new SessionPuppet("eve", "10.0.0.9").greetingBack(hello),
    ],
    [
      "an answer with another key",
      (_: SessionPuppet, hello: Uint8Array) =>
        new SessionPuppet("bob", "10.0.0.9", "mallory").greetingBack(hello),
    ],
    ["an answer of the Python wire", (bob: SessionPuppet) => bob.hello()],
    ["no HELLO at all", () => Uint8Array.of(1, 2, 3)],
  ])("is not proved to live by %s", (_, lie) => {
    const { core, bob, helpers } = setUp(1);
    lose(core, bob);
    const [call] = asked(core, helpers);
    if (call === undefined) throw new Error("nobody is asked");
    core.reply(call, answered(lie(bob, decodeRelay(call.payload).hello)));
    expect(statusOf(core)).toBe("down");
    expect(core.core.member("eve")).toBeUndefined();
    expect(core.core.member("bob")?.publicKey).toEqual(bob.keyPair.publicKey);
    expect(core.faults).toEqual([]);
  });

  it.each<[string, readonly Reply[], readonly [number, number]]>([
    ["after three ticks in which others say that they do not reach it", [notKnown], [2, 4]],
    ["after as many, although one of them is silent", [notKnown, silence, notKnown], [2, 4]],
    ["after some more, where it is the one that brought it", [notKnown, notKnown, silence], [4, 8]],
    ["after some more, where it does not answer them", [notReached], [4, 8]],
    ["after as many, where they do not answer", [silence, notReached, notKnown], [4, 8]],
  ])("is asked for each tick, and down %s", (_, replies, [ticksMin, ticksMax]) => {
    const { core, bob, helpers } = setUp(replies.length);
    lose(core, bob);
    for (const helper of helpers) bring(core, helper, bob);
    const live = (ms: number, brings: boolean) => {
      for (let passed = 0; passed < ms; passed += 100) {
        core.run(100);
        for (const [index, helper] of helpers.entries()) {
          if (brings) bring(core, helper, bob);
          const reply = replies[index] ?? silence;
          for (const call of helper.calls(core, NativeType.RELAY)) core.reply(call, reply);
          helper.answerCalls(core);
        }
        for (const call of bob.calls(core)) core.reply(call, unreachable);
      }
    };
    live(10 * tickMs, true);
    expect(statusOf(core)).toBe("relayed");
    live(ticksMin * tickMs, false);
    expect(statusOf(core)).toBe("relayed");
    live((ticksMax - ticksMin) * tickMs, false);
    expect(statusOf(core)).toBe("down");
    expect(comings(core, "bob")).toEqual(["peer:leave"]);
  });

  it("is not given up while those who reach it are suspected, and is when they are down", () => {
    const { core, bob, helpers } = setUp(1);
    const [helper] = helpers;
    if (helper === undefined) throw new Error("no helper");
    lose(core, bob);
    bring(core, helper, bob);
    const live = (ms: number, reply: Reply, helperAnswers: boolean) => {
      for (let passed = 0; passed < ms; passed += 100) {
        core.run(100);
        for (const call of helper.calls(core, NativeType.RELAY)) core.reply(call, silence);
        if (helperAnswers) helper.answerCalls(core);
        for (const call of [...helper.calls(core), ...bob.calls(core)]) core.reply(call, reply);
      }
    };
    live(2.9 * tickMs, silence, true);
    core.step({ kind: "session-lost", peer: helper.proven });
    live(0.95 * tickMs, silence, false);
    expect([statusOf(core, helper.nodeId), statusOf(core)]).toEqual(["suspect", "relayed"]);
    live(4 * tickMs, unreachable, false);
    expect([statusOf(core, helper.nodeId), statusOf(core)]).toEqual(["down", "down"]);
  });

  it("is not given up by a machine that was suspended while it asked", () => {
    const { core, bob, helpers } = setUp(1);
    const [helper] = helpers;
    if (helper === undefined) throw new Error("no helper");
    lose(core, bob);
    bring(core, helper, bob);
    for (const call of bob.calls(core)) core.reply(call, unreachable);
    while (asked(core, [helper]).length === 0) core.run(10);
    // What had a time limit ends before the timers of the core are looked at.
    core.nowMs += 30_000;
    core.reply(helper.call(core, NativeType.RELAY), silence);
    expect(statusOf(core)).toBe("relayed");
    expect(comings(core, "bob")).toEqual([]);
  });

  it("stays listed although another node has come to its address, or something on the way", () => {
    const { core, bob, helpers } = setUp(1);
    const [helper] = helpers;
    if (helper === undefined) throw new Error("no helper");
    lose(core, bob);
    bring(core, helper, bob);
    expect(statusOf(core)).toBe("relayed");
    const thief = new SessionPuppet("bob", bob.address, "another key");
    let greeted = 0;
    for (let passed = 0; passed < 5 * tickMs; passed += 100) {
      core.run(100);
      bring(core, helper, bob);
      helper.answerCalls(core);
      for (const call of bob.calls(core)) {
        const isHello = call.type === MessageType.HELLO;
        if (isHello) greeted += 1;
        core.reply(call, isHello ? answered(thief.greetingBack(call.payload)) : unreachable);
      }
    }
    expect(greeted).toBeGreaterThan(0);
    expect(statusOf(core)).toBe("relayed");
    expect(comings(core, "bob")).toEqual([]);
  });

  it("is alive again when it is reached", () => {
    const { core, bob, helpers } = setUp(1);
    lose(core, bob);
    for (const helper of helpers) bring(core, helper, bob);
    expect(statusOf(core)).toBe("relayed");
    bob.join(core);
    expect(statusOf(core)).toBe("alive");
    expect(comings(core, "bob")).toEqual([]);
  });

  it("is not pushed to, for it would not get it", () => {
    const { core, bob, helpers } = setUp(1);
    lose(core, bob);
    for (const helper of helpers) bring(core, helper, bob);
    for (const call of bob.calls(core)) core.reply(call, unreachable);
    expect(statusOf(core)).toBe("relayed");
    core.write(["a", "1"]);
    for (const helper of helpers) expect(helper.calls(core, NativeType.STATES)).toHaveLength(1);
    expect(bob.calls(core, NativeType.STATES)).toEqual([]);
  });
});

describe("A HELLO that others pass on to us", () => {
  const relay = (hello: Uint8Array, to = "me", held = 0) => encodeRelay({ to, held, hello });

  it("is answered by our own, which signs its nonce; its node is neither met nor called", () => {
    const { core, helpers } = setUp(1);
    const [helper] = helpers;
    const eve = new SessionPuppet("eve", "10.0.0.9");
    const hello = eve.greeting();
    const outcome = helper?.ask(core, NativeType.RELAY, relay(hello));
    if (outcome?.kind !== "answer") throw new Error("not answered");
    const answer = decodeHello(outcome.payload);
    expect(answer.hello.nodeId).toBe("me");
    expect(decodeHelloBlock(answer.trailing)?.block.answered).toEqual(nonceOf(hello));
    expect(core.core.member("eve")).toBeUndefined();
    expect(core.open).toEqual([]);
  });

  it("of the Python wire, of a node that is not let in, or forged is refused", () => {
    const pins = new Map([["eve", new Puppet("eve", "").keyPair.publicKey]]);
    const { core, helpers } = setUp(1, { pins });
    const refused = (hello: Uint8Array) => {
      const outcome = helpers[0]?.ask(core, NativeType.RELAY, relay(hello));
      return outcome?.kind === "refusal" && outcome.status;
    };
    const forged = new SessionPuppet("eve", "10.0.0.9").greeting();
    forged[forged.length - 1] = (forged[forged.length - 1] ?? 0) ^ 1;
    expect(refused(new Puppet("paul", "10.0.0.9").hello())).toBe(401);
    expect(refused(new SessionPuppet("eve", "10.0.0.9", "mallory").greeting())).toBe(401);
    expect(refused(forged)).toBe(401);
    expect(refused(Uint8Array.of(1))).toBe(406);
  });
});

describe("A HELLO that we are to pass on", () => {
  const eve = new SessionPuppet("eve", "10.0.0.9");
  const ask = (core: LoneCore, asker: SessionPuppet, to: string, held = 0) =>
    core.askLater(
      NativeType.RELAY,
      encodeRelay({ to, held, hello: eve.greeting() }),
      asker.address,
      asker.proven,
    );

  it("goes to its node as it came, whose answer comes back as it came", () => {
    const { core, bob, helpers } = setUp(1);
    const [asker] = helpers as [SessionPuppet];
    const outcome = ask(core, asker, "bob", V1);
    const call = bob.call(core, NativeType.RELAY);
    expect(decodeRelay(call.payload)).toMatchObject({ to: "bob", held: V1 });
    expect(outcome()).toBeUndefined();
    const payload = Uint8Array.of(1, 2, 3);
    core.reply(call, answered(payload));
    expect(outcome()).toEqual({ kind: "answer", payload });
  });

  it("is refused for a node that we do not reach, do not know, or that asks for itself", () => {
    const { core, bob, helpers } = setUp(2);
    const [asker] = helpers as [SessionPuppet];
    new Puppet("paul", "10.0.0.8").join(core);
    for (const to of ["nobody", "paul", asker.nodeId]) {
      expect(ask(core, asker, to)()).toMatchObject({ status: 401 });
    }
    lose(core, bob);
    expect(statusOf(core)).toBe("suspect");
    expect(ask(core, asker, "bob")(), "it may only be slow").toMatchObject({ status: 504 });
    for (const call of asked(core, helpers)) core.reply(call, silence);
    expect(statusOf(core)).toBe("down");
    expect(ask(core, asker, "bob")()).toMatchObject({ status: 401 });
  });

  it("is refused by a node with a whitelist", () => {
    const whitelist = ["bob", "h0"].map((nodeId) => ({ nodeId, fingerprint: undefined }));
    const { core, bob, helpers } = setUp(1, { whitelist });
    expect(ask(core, helpers[0] as SessionPuppet, "bob")()).toMatchObject({ status: 401 });
    expect(bob.calls(core, NativeType.RELAY)).toEqual([]);
  });

  it("that is not answered is told so", () => {
    const { core, bob, helpers } = setUp(1);
    const outcome = ask(core, helpers[0] as SessionPuppet, "bob");
    core.reply(bob.call(core, NativeType.RELAY), silence);
    expect(outcome()).toMatchObject({ status: 504, text: "bob did not answer" });
  });

  describe("makes us pass on that node's states too", () => {
    /** The asker has asked for bob, who has answered. */
    function subscribed(held: number) {
      const { core, bob, helpers } = setUp(1);
      const [asker] = helpers as [SessionPuppet];
      bob.send(core, bob.snapshot(V1, { a: "1" }, "signed"));
      const again = (holds: number) => {
        ask(core, asker, "bob", holds);
        core.reply(bob.call(core, NativeType.RELAY), answered(bob.greetingBack(eve.greeting())));
      };
      again(held);
      const states = () => asker.pushed(core).filter(({ owner }) => owner === "bob");
      const take = (version: number) =>
        core.reply(
          asker.call(core, NativeType.STATES),
          acked({ owner: "bob", held: version, wants: "nothing" }),
        );
      return { core, bob, asker, states, take, again };
    }

    it("at once what the asker lacks, and each newer version that is proven", () => {
      const { core, bob, states, take } = subscribed(0);
      expect(states()).toMatchObject([{ form: "snapshot", version: V1 }]);
      take(V1);
      bob.send(core, bob.delta(V1, V2, [["b", "2"]]));
      expect(states()).toEqual([]);
      bob.send(core, bob.proof(V2, { a: "1", b: "2" }));
      expect(states()).toMatchObject([
        {
          form: "delta",
          base: V1,
          version: V2,
          changes: [["b", "2"]],
          signature: expect.any(Uint8Array),
        },
      ]);
    });

    it("anew when the asker asks again, for it has lost what it held", () => {
      const { states, take, again } = subscribed(0);
      take(V1);
      expect(states()).toEqual([]);
      again(V1);
      expect(states()).toEqual([]);
      again(0);
      expect(states()).toMatchObject([{ form: "snapshot", version: V1 }]);
      // What is on its way is not sent twice.
      again(0);
      expect(states()).toHaveLength(1);
    });

    it("but nothing while the asker holds the newest", () => {
      const { core, bob, states } = subscribed(V1);
      expect(states()).toEqual([]);
      bob.send(core, bob.delta(V1, V2, [["b", "2"]], { a: "1", b: "2" }));
      expect(states()).toMatchObject([{ version: V2 }]);
    });

    it("one at a time, always the newest", () => {
      const { core, bob, states, take } = subscribed(0);
      bob.send(core, bob.delta(V1, V2, [["b", "2"]], { a: "1", b: "2" }));
      bob.send(core, bob.delta(V2, V3, [["b", "3"]], { a: "1", b: "3" }));
      expect(states()).toMatchObject([{ version: V1 }]);
      take(V1);
      expect(states()).toMatchObject([{ version: V3, base: V1 }]);
      take(V3);
      expect(states()).toEqual([]);
    });

    it("until it was not taken: then with the next version", () => {
      const { core, bob, asker, states } = subscribed(0);
      core.reply(asker.call(core, NativeType.STATES), silence);
      expect(states()).toEqual([]);
      bob.send(core, bob.delta(V1, V2, [["b", "2"]], { a: "1", b: "2" }));
      expect(states()).toMatchObject([{ form: "snapshot", version: V2 }]);
      core.reply(asker.call(core, NativeType.STATES), answered(Uint8Array.of(1)));
      expect(states()).toEqual([]);
      expect(core.faults).toEqual([]);
    });

    it("for four ticks, unless the asker asks again", () => {
      const { core, bob, asker, states, again } = subscribed(V1);
      const pass = (ms: number) => {
        for (let passed = 0; passed < ms; passed += 100) {
          core.run(100);
          for (const peer of [bob, asker]) peer.answerCalls(core);
        }
      };
      pass(4 * tickMs - 200);
      again(V1);
      pass(4 * tickMs - 200);
      bob.send(core, bob.delta(V1, V2, [["b", "2"]], { a: "1", b: "2" }));
      expect(states()).toMatchObject([{ version: V2 }]);
      asker.answerCalls(core);
      pass(400);
      bob.send(core, bob.delta(V2, V3, [["b", "3"]], { a: "1", b: "3" }));
      expect(states()).toEqual([]);
    });

    it("until the asker is forgotten", () => {
      const { core, bob, asker } = subscribed(V1);
      core.step({ kind: "forget", nodeId: asker.nodeId });
      bob.send(core, bob.delta(V1, V2, [["b", "2"]], { a: "1", b: "2" }));
      expect(asker.calls(core, NativeType.STATES)).toEqual([]);
      expect(core.core.member(asker.nodeId)).toBeUndefined();
      expect(core.sent(MessageType.UPDATE)).toEqual([]);
    });
  });
});
