/** States that come on sessions: of their owner, and of others. */
import { describe, expect, it } from "vitest";
import { ENTRY_MEMORY_BYTES } from "../../../src/protocol/copy-memory.ts";
import { DEFAULT_SETTINGS, LIMITS } from "../../../src/protocol/settings.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { encodeIntroduce, type MemberEntry } from "../../../src/wire/native-members.ts";
import { encodeStates, type StateItem } from "../../../src/wire/native-states.ts";
import { NativeType } from "../../../src/wire/native-type.ts";
import { answered, type LoneCore, NOW_SECONDS, PORT, Puppet } from "./lone-core.ts";
import { digestAnswer, entriesOf, SessionPuppet, sessionCore, statesAnswer } from "./session.ts";

const V1 = NOW_SECONDS + 1;
const V2 = NOW_SECONDS + 2;
const V3 = NOW_SECONDS + 3;

function withBob(options = {}): { core: LoneCore; bob: SessionPuppet } {
  const core = sessionCore(options);
  const bob = new SessionPuppet("bob", "10.0.0.2").join(core);
  core.run(DEFAULT_SETTINGS.probePauseMs);
  bob.answerCalls(core);
  core.events.length = 0;
  return { core, bob };
}

function withBobAndCarol(options = {}) {
  const { core, bob } = withBob(options);
  const carol = new SessionPuppet("carol", "10.0.0.3").join(core);
  carol.answerCalls(core);
  bob.answerCalls(core);
  core.events.length = 0;
  return { core, bob, carol };
}

const read = (core: LoneCore, owner = "bob") =>
  Object.fromEntries(core.core.entriesOf(owner) ?? []);

/** The changes of states that were told. */
const told = (core: LoneCore) =>
  core.events.flatMap((event) =>
    event.name === "state:update" && !event.local
      ? [
          {
            version: event.version,
            ...Object.fromEntries(event.change.current),
            gone: event.change.removed.join(),
          },
        ]
      : [],
  );

const proofOf = (core: LoneCore, owner = "bob") => {
  const replica = core.core.member(owner)?.replica;
  return replica?.kind === "native" ? replica.proof?.version : undefined;
};

/** The state is proven, and this is it. */
function expectProven(core: LoneCore, version: number, state: Record<string, string>): void {
  const replica = core.core.member("bob")?.replica;
  expect(replica?.version).toBe(version);
  expect(proofOf(core)).toBe(version);
  expect(replica?.kind === "native" && replica.provenEntries()).toEqual(entriesOf(state));
  expect(read(core)).toEqual(state);
}

describe("A state on its owner's session", () => {
  it("shows in the step that brings it, before it is proven", () => {
    const { core, bob } = withBob();
    expect(bob.send(core, bob.snapshot(V1, { a: "1" }))).toEqual([
      { owner: "bob", held: V1, wants: "nothing" },
    ]);
    expect(read(core)).toEqual({ a: "1" });
    expect(told(core)).toEqual([{ version: V1, a: "1", gone: "" }]);
    expect(proofOf(core)).toBeUndefined();
    expect(core.core.member("bob")?.heardMs).toBe(core.nowMs);
  });

  it("is proven by a signature that follows; no ack is needed for that", () => {
    const { core, bob } = withBob();
    bob.send(core, bob.snapshot(V1, { a: "1" }));
    expect(bob.send(core, bob.proof(V1, { a: "1" }))).toEqual([]);
    expectProven(core, V1, { a: "1" });
    expect(core.warnings()).toEqual([]);
  });

  it("is proven by a signature that it brings", () => {
    const { core, bob } = withBob();
    bob.send(core, bob.snapshot(V1, { a: "1" }, "signed"));
    expectProven(core, V1, { a: "1" });
    bob.send(core, bob.delta(V1, V2, [["b", "2"]], { a: "1", b: "2" }));
    expectProven(core, V2, { a: "1", b: "2" });
  });

  it("changes by a delta from what is held, or from something before it", () => {
    const { core, bob } = withBob();
    bob.send(core, bob.snapshot(V2, { a: "1", b: "2" }));
    core.events.length = 0;
    const acks = bob.send(
      core,
      bob.delta(V1, V3, [
        ["a", undefined],
        ["c", "3"],
      ]),
    );
    expect(acks).toEqual([{ owner: "bob", held: V3, wants: "nothing" }]);
    expect(read(core)).toEqual({ b: "2", c: "3" });
    expect(told(core)).toEqual([{ version: V3, c: "3", gone: "a" }]);
  });

  it("is wanted whole when a delta begins later than what is held", () => {
    const { core, bob } = withBob();
    const delta = bob.delta(V2, V3, [["a", "1"]]);
    expect(bob.send(core, delta)).toEqual([{ owner: "bob", held: 0, wants: "snapshot" }]);
    expect(core.core.member("bob")?.replica).toBeUndefined();
    bob.send(core, bob.snapshot(V1, { a: "0" }));
    expect(bob.send(core, delta)).toEqual([{ owner: "bob", held: V1, wants: "snapshot" }]);
    expect(read(core)).toEqual({ a: "0" });
  });

  it("is wanted whole where none was held, although a delta may begin at nothing", () => {
    const { core, bob } = withBob();
    const [ack] = bob.send(core, bob.delta(0, V1, [["a", "1"]]));
    expect(ack).toEqual({ owner: "bob", held: 0, wants: "snapshot" });
  });

  it("that is older than what is held, or the same, changes nothing", () => {
    const { core, bob } = withBob();
    bob.send(core, bob.snapshot(V2, { a: "2" }));
    core.events.length = 0;
    for (const item of [
      bob.snapshot(V1, { a: "1" }, "signed"),
      bob.snapshot(V2, { a: "other" }),
      bob.delta(NOW_SECONDS, V1, [["a", "1"]]),
      bob.delta(V1, V2, [["a", "1"]]),
    ]) {
      expect(bob.send(core, item)).toEqual([{ owner: "bob", held: V2, wants: "nothing" }]);
    }
    expect(read(core)).toEqual({ a: "2" });
    expect(told(core)).toEqual([]);
    expect(core.warnings()).toEqual([]);
  });

  it("of equal entries tells nothing, and is held as the newer version", () => {
    const { core, bob } = withBob();
    bob.send(core, bob.snapshot(V1, { a: "1" }));
    core.events.length = 0;
    bob.send(core, bob.snapshot(V2, { a: "1" }, "signed"));
    expectProven(core, V2, { a: "1" });
    expect(told(core)).toEqual([]);
  });

  it("in the form of a Python packet is not taken", () => {
    const { core, bob } = withBob();
    const packet = bob.state(V1, '{"a": "1"}');
    expect(bob.send(core, { form: "python", owner: "bob", packet })).toEqual([]);
    expect(core.core.member("bob")?.replica).toBeUndefined();
  });

  it("beyond the room for all copies is not held, and the operator is told", () => {
    const { core, bob } = withBob({ replicaBytesMax: 20 + ENTRY_MEMORY_BYTES });
    bob.send(core, bob.snapshot(V1, { k: "12345678901" }));
    expect(read(core)).toEqual({ k: "12345678901" });
    const acks = bob.send(core, bob.delta(V1, V2, [["l", "12345678901"]]));
    expect(acks).toEqual([{ owner: "bob", held: V1, wants: "nothing" }]);
    expect(read(core)).toEqual({ k: "12345678901" });
    expect(core.warnings()).toEqual(["DSN_PEER_LIMIT"]);
  });

  it("is kept while its owner is away, and shows when it is back", () => {
    const core = sessionCore();
    const bob = new SessionPuppet("bob", "10.0.0.2");
    core.ask(MessageType.HELLO, bob.greeting(), bob.address);
    bob.send(core, bob.snapshot(V1, { a: "1" }));
    expect(told(core)).toEqual([]);
    expect(core.core.entriesOf("bob")).toBeUndefined();
    bob.answerCalls(core);
    expect(told(core)).toEqual([{ version: V1, a: "1", gone: "" }]);
  });
});

describe("Proofs of an owner", () => {
  it("are verified one at a time, and of those that come meanwhile the newest", () => {
    const { core, bob } = withBob();
    core.held = [];
    bob.send(core, bob.snapshot(V1, { a: "1" }, "signed"));
    bob.send(core, bob.delta(V1, V2, [["a", "2"]], { a: "2" }));
    bob.send(core, bob.delta(V2, V3, [["a", "3"]], { a: "3" }));
    expect(core.held).toHaveLength(1);
    expect(read(core)).toEqual({ a: "3" });
    core.verifyHeld();
    expectProven(core, V3, { a: "3" });
  });

  it("hold for what they were made of, whatever came meanwhile", () => {
    const { core, bob } = withBob();
    core.held = [];
    bob.send(core, bob.snapshot(V1, { a: "1" }, "signed"));
    bob.send(core, bob.delta(V1, V2, [["a", "2"]]));
    core.verifyHeld();
    expect(proofOf(core)).toBe(V1);
    expect(core.core.member("bob")?.replica).toMatchObject({ version: V2 });
    expect(read(core)).toEqual({ a: "2" });
  });

  it("of another version than the one shown, or one that is proven, are not looked at", () => {
    const { core, bob } = withBob();
    bob.send(core, bob.snapshot(V2, { a: "2" }, "signed"));
    core.held = [];
    bob.send(core, bob.proof(V1, { a: "1" }));
    bob.send(core, bob.proof(V3, { a: "3" }));
    bob.send(core, bob.proof(V2, { a: "2" }));
    expect(core.held).toEqual([]);
  });

  it("before any state say nothing", () => {
    const { core, bob } = withBob();
    core.held = [];
    expect(bob.send(core, bob.proof(V1, {}))).toEqual([]);
    expect(core.held).toEqual([]);
  });

  it("that are wrong for a whole state take it back, end the session and are told", () => {
    const { core, bob } = withBob();
    bob.send(core, bob.snapshot(V1, { a: "1" }, "signed"));
    core.events.length = 0;
    const forged = { ...bob.snapshot(V2, { a: "2", b: "x" }), signature: new Uint8Array(64) };
    bob.send(core, forged);
    expectProven(core, V1, { a: "1" });
    expect(told(core)).toEqual([
      { version: V2, a: "2", b: "x", gone: "" },
      { version: V1, a: "1", gone: "b" },
    ]);
    expect(core.warnings()).toEqual(["DSN_BAD_SIGNATURE"]);
    expect(core.ended).toEqual(["bob"]);
  });

  it("that are wrong for the first state leave none", () => {
    const { core, bob } = withBob();
    bob.send(core, { ...bob.snapshot(V1, { a: "1" }), signature: new Uint8Array(64) });
    expect(core.core.member("bob")?.replica).toBeUndefined();
    expect(read(core)).toEqual({});
    expect(told(core).map(({ gone }) => gone)).toEqual(["", "a"]);
    expect(core.ended).toEqual(["bob"]);
  });

  it("that are wrong for the first state take back too what Python had said before", () => {
    const core = sessionCore();
    const bob = new SessionPuppet("bob", "10.0.0.2");
    bob.features = [];
    core.ask(MessageType.HELLO, bob.greeting(), bob.address);
    core.ask(MessageType.UPDATE, bob.state(V1, '{"old": "1"}'), bob.address);
    bob.features = ["session"];
    bob.incarnation = 2;
    bob.join(core);
    core.events.length = 0;
    expect(read(core)).toEqual({ old: "1" });
    const forged = { ...bob.snapshot(V2, { old: "1", b: "2" }), signature: new Uint8Array(64) };
    bob.send(core, forged);
    expect(read(core)).toEqual({});
    expect(told(core).map(({ gone }) => gone)).toEqual(["", "old,b"]);
  });

  it("that are wrong for changes leave the state astray: it is asked for whole, nobody is blamed", () => {
    const { core, bob } = withBob();
    bob.send(core, bob.snapshot(V1, { a: "1" }, "signed"));
    bob.send(core, bob.delta(V1, V2, [["b", "2"]], { a: "other", b: "2" }));
    expect(core.warnings()).toEqual([]);
    expect(core.ended).toEqual([]);
    expect(read(core)).toEqual({ a: "1", b: "2" });
    expect(core.core.member("bob")?.replica).toMatchObject({ isAstray: true });
    // A change of what went astray leads nowhere.
    const [ack] = bob.send(core, bob.delta(V2, V3, [["c", "3"]]));
    expect(ack).toEqual({ owner: "bob", held: V2, wants: "snapshot" });
    const call = bob.call(core, NativeType.DIGEST);
    core.reply(call, statesAnswer([bob.snapshot(V2, { a: "other", b: "2" }, "signed")]));
    expectProven(core, V2, { a: "other", b: "2" });
    expect(core.core.member("bob")?.replica).toMatchObject({ isAstray: false });
  });

  it("that are wrong for changes blame nobody for the whole state that came meanwhile", () => {
    const { core, bob } = withBob();
    bob.send(core, bob.snapshot(V1, { a: "1" }, "signed"));
    core.held = [];
    bob.send(core, bob.delta(V1, V2, [["b", "2"]], { a: "other", b: "2" }));
    bob.send(core, bob.snapshot(V3, { a: "3" }));
    core.verifyHeld();
    expect(core.warnings()).toEqual([]);
    expect(core.ended).toEqual([]);
    expect(read(core)).toEqual({ a: "3" });
  });

  it("that are wrong for a whole state take back the changes after it too", () => {
    const { core, bob } = withBob();
    bob.send(core, bob.snapshot(V1, { a: "1" }, "signed"));
    core.held = [];
    bob.send(core, { ...bob.snapshot(V2, { a: "2" }), signature: new Uint8Array(64) });
    bob.send(core, bob.delta(V2, V3, [["b", "3"]]));
    core.verifyHeld();
    expectProven(core, V1, { a: "1" });
    expect(core.ended).toEqual(["bob"]);
  });

  it("that end after a newer version came proven by another way do not make it older", () => {
    const { core, bob, carol } = withBobAndCarol();
    core.held = [];
    bob.send(core, bob.snapshot(V1, { a: "1" }, "signed"));
    const [first] = core.held.splice(0);
    core.held = undefined;
    carol.send(core, bob.snapshot(V2, { a: "2" }, "signed"));
    expectProven(core, V2, { a: "2" });
    if (first === undefined) throw new Error("nothing is verified");
    core.step({ kind: "verified", operation: first.operation, valid: true });
    expectProven(core, V2, { a: "2" });
  });

  it("that end after their process do not count: what is held is what was proven before", () => {
    const { core, bob } = withBob();
    bob.send(core, bob.snapshot(V1, { a: "1" }, "signed"));
    core.held = [];
    bob.send(core, bob.delta(V1, V2, [["a", "2"]], { a: "2" }));
    const [first] = core.held.splice(0);
    core.held = undefined;
    bob.incarnation = 2;
    core.ask(MessageType.HELLO, bob.greeting(), bob.address);
    if (first === undefined) throw new Error("nothing is verified");
    core.step({ kind: "verified", operation: first.operation, valid: true });
    expect(core.core.member("bob")?.replica).toMatchObject({ version: V1, isAstray: true });
    expect(proofOf(core)).toBe(V1);
    // Its heir begins behind what its predecessor had shown.
    bob.send(core, bob.snapshot(V1 + 0.5, { a: "heir" }, "signed"));
    expectProven(core, V1 + 0.5, { a: "heir" });
  });

  it("that end after their node was forgotten do nothing", () => {
    const { core, bob } = withBob();
    core.held = [];
    bob.send(core, bob.snapshot(V1, { a: "1" }, "signed"));
    core.step({ kind: "forget", nodeId: "bob" });
    core.verifyHeld();
    expect(core.core.member("bob")).toBeUndefined();
    expect(core.faults).toEqual([]);
  });
});

describe("A state that others bring", () => {
  it("shows when its owner's signature has verified, and not before", () => {
    const { core, bob, carol } = withBobAndCarol();
    core.held = [];
    const items = encodeStates([bob.snapshot(V1, { a: "1" }, "signed")]);
    const outcome = core.askLater(NativeType.STATES, items, carol.address, carol.proven);
    expect(outcome()).toBeUndefined();
    expect(read(core)).toEqual({});
    core.verifyHeld();
    expect(outcome()?.kind).toBe("answer");
    expectProven(core, V1, { a: "1" });
    expect(told(core)).toEqual([{ version: V1, a: "1", gone: "" }]);
  });

  it("a second time is not verified again, and whoever brings it hears that it was there", () => {
    const { core, bob, carol } = withBobAndCarol();
    const item = bob.snapshot(V1, { a: "1" }, "signed");
    carol.send(core, item);
    core.held = [];
    expect(carol.send(core, item)).toEqual([{ owner: "bob", held: V1, wants: "less" }]);
    expect(core.held).toEqual([]);
    expectProven(core, V1, { a: "1" });
  });

  it("replaces what an ended process had not proven only if it is of its heir", () => {
    const { core, bob, carol } = withBobAndCarol();
    const item = bob.snapshot(V1, { a: "1" }, "signed");
    bob.send(core, item);
    bob.send(core, bob.delta(V1, V2, [["a", "2"]]));
    bob.incarnation = 2;
    core.ask(MessageType.HELLO, bob.greeting(), bob.address);
    expect(core.core.member("bob")?.replica).toMatchObject({ version: V1, isAstray: true });
    core.events.length = 0;
    carol.send(core, item);
    expect(core.core.entriesOf("bob"), "nobody goes back").toEqual(entriesOf({ a: "2" }));
    expect(core.events).toEqual([]);
    const version = (V1 + V2) / 2;
    carol.send(core, bob.snapshot(version, { a: "of the heir" }, "signed"));
    expectProven(core, version, { a: "of the heir" });
  });

  it("without a signature is not taken: only its owner may be believed for a moment", () => {
    const { core, bob, carol } = withBobAndCarol();
    expect(carol.send(core, bob.snapshot(V1, { a: "1" }))).toEqual([
      { owner: "bob", held: 0, wants: "nothing" },
    ]);
    expect(core.core.member("bob")?.replica).toBeUndefined();
    expect(core.warnings()).toEqual([]);
  });

  it("with a wrong signature is not taken, and told", () => {
    const { core, bob, carol } = withBobAndCarol();
    bob.send(core, bob.snapshot(V1, { a: "1" }, "signed"));
    const forged = { ...bob.snapshot(V2, { a: "2" }), signature: new Uint8Array(64) };
    expect(carol.send(core, forged)).toEqual([{ owner: "bob", held: V1, wants: "nothing" }]);
    expectProven(core, V1, { a: "1" });
    expect(core.warnings()).toEqual(["DSN_BAD_SIGNATURE"]);
    // The one who passed it on is not the one who signed it.
    expect(core.ended).toEqual([]);
  });

  it("signed by who brings it is not taken", () => {
    const { core, bob, carol } = withBobAndCarol();
    const entries = entriesOf({ a: "1" });
    const forged: StateItem = {
      ...bob.snapshot(V1, { a: "1" }),
      signature: carol.signed(V1, entries),
    };
    carol.send(core, forged);
    expect(core.core.member("bob")?.replica).toBeUndefined();
    expect(core.warnings()).toEqual(["DSN_BAD_SIGNATURE"]);
  });

  it("changes by a delta from what is held; one that does not fit is wanted whole", () => {
    const { core, bob, carol } = withBobAndCarol();
    const delta = bob.delta(
      V1,
      V2,
      [
        ["b", "2"],
        ["a", undefined],
      ],
      { b: "2" },
    );
    const wants = (held: number) => [{ owner: "bob", held, wants: "snapshot" }];
    expect(carol.send(core, delta)).toEqual(wants(0));
    bob.send(core, bob.snapshot(V1, { a: "1" }, "signed"));
    expect(carol.send(core, delta)).toEqual([{ owner: "bob", held: V2, wants: "nothing" }]);
    expectProven(core, V2, { b: "2" });
    const other = bob.delta(V1, V3, [["c", "3"]], { c: "3", made: "of something else" });
    expect(carol.send(core, other)).toEqual(wants(V2));
    expectProven(core, V2, { b: "2" });
    expect(core.warnings()).toEqual([]);
  });

  it("that is older than what is held changes nothing", () => {
    const { core, bob, carol } = withBobAndCarol();
    bob.send(core, bob.snapshot(V2, { a: "2" }, "signed"));
    core.held = [];
    carol.send(core, bob.snapshot(V1, { a: "1" }, "signed"));
    expect(core.held).toEqual([]);
  });

  it("of the version that is shown proves it", () => {
    const { core, bob, carol } = withBobAndCarol();
    bob.send(core, bob.snapshot(V1, { a: "1" }));
    core.events.length = 0;
    expect(carol.send(core, bob.snapshot(V1, { a: "1" }, "signed"))).toEqual([
      { owner: "bob", held: V1, wants: "nothing" },
    ]);
    expectProven(core, V1, { a: "1" });
    expect(told(core)).toEqual([]);
    bob.send(core, bob.delta(V1, V2, [["a", "2"]]));
    carol.send(core, bob.proof(V2, { a: "2" }));
    expectProven(core, V2, { a: "2" });
    bob.send(core, bob.delta(V2, V3, [["a", "3"]]));
    carol.send(core, bob.delta(V2, V3, [["a", "3"]], { a: "3" }));
    expectProven(core, V3, { a: "3" });
  });

  it("a proof of what is not held says nothing", () => {
    const { core, bob, carol } = withBobAndCarol();
    expect(carol.send(core, bob.proof(V1, {}))).toEqual([
      { owner: "bob", held: 0, wants: "nothing" },
    ]);
    expect(core.core.member("bob")?.replica).toBeUndefined();
  });

  it("of one version under two roots: the higher one wins everywhere, and a twin is reported", () => {
    const states = [{ a: "1" }, { a: "2" }];
    const ends = [states, [...states].reverse()].map((order) => {
      const { core, bob, carol } = withBobAndCarol();
      for (const state of order) carol.send(core, bob.snapshot(V1, state, "signed"));
      expect(core.warnings()).toEqual(["DSN_DUPLICATE_IDENTITY"]);
      expect(proofOf(core)).toBe(V1);
      return read(core);
    });
    expect(ends[0]).toEqual(ends[1]);
  });

  it("brings back what went astray, whatever its version", () => {
    const { core, bob, carol } = withBobAndCarol();
    bob.send(core, bob.snapshot(V1, { a: "1" }, "signed"));
    bob.send(core, bob.delta(V1, V2, [["b", "2"]], { a: "other", b: "2" }));
    expect(core.core.member("bob")?.replica).toMatchObject({ isAstray: true });
    carol.send(core, bob.snapshot(V2, { a: "other", b: "2" }, "signed"));
    expectProven(core, V2, { a: "other", b: "2" });
    expect(core.warnings()).toEqual([]);
  });

  it("beyond the room for all copies is not held", () => {
    const { core, bob, carol } = withBobAndCarol({ replicaBytesMax: 20 + ENTRY_MEMORY_BYTES });
    carol.send(core, bob.snapshot(V1, { k: "x".repeat(20) }, "signed"));
    expect(core.core.member("bob")?.replica).toBeUndefined();
    expect(core.warnings()).toEqual(["DSN_PEER_LIMIT"]);
  });

  it("of a node that we do not know is not asked about while too many have never answered", () => {
    const core = sessionCore({ settings: { meshMax: 2 } });
    const bob = new SessionPuppet("bob", "10.0.0.2").join(core);
    new SessionPuppet("carol", "10.0.0.3").join(core);
    bob.answerCalls(core);
    const shown = Array.from({ length: LIMITS.unprovenMax }, (_, index): MemberEntry => {
      const puppet = new SessionPuppet(`x${index}`, `10.0.1.${index + 1}`);
      const endpoint = { address: puppet.address, port: PORT };
      return { role: "request", hello: puppet.greeting(), endpoint };
    });
    const eve = new SessionPuppet("eve", "10.0.0.4").snapshot(V1, { a: "1" }, "signed");
    bob.ask(core, NativeType.INTRODUCE, encodeIntroduce(shown.slice(1)));
    expect(bob.send(core, eve)).toEqual([{ owner: "eve", held: 0, wants: "member" }]);
    core.nowMs += 1;
    bob.ask(core, NativeType.INTRODUCE, encodeIntroduce(shown));
    expect(core.core.members()).toHaveLength(2 + LIMITS.unprovenMax);
    expect(bob.send(core, eve)).toEqual([{ owner: "eve", held: 0, wants: "nothing" }]);
  });

  it("of a node that we do not know wants its HELLO first", () => {
    const { core, bob } = withBob();
    const eve = new SessionPuppet("eve", "10.0.0.9");
    expect(bob.send(core, eve.snapshot(V1, { a: "1" }, "signed"))).toEqual([
      { owner: "eve", held: 0, wants: "member" },
    ]);
  });

  it("of a node that is forgotten while it is verified is not taken", () => {
    const { core, bob, carol } = withBobAndCarol();
    core.held = [];
    const items = encodeStates([bob.snapshot(V1, { a: "1" }, "signed")]);
    core.askLater(NativeType.STATES, items, carol.address, carol.proven);
    core.step({ kind: "forget", nodeId: "bob" });
    core.verifyHeld();
    expect(core.core.member("bob")).toBeUndefined();
    expect(core.faults).toEqual([]);
  });

  it("of a Python owner is taken with the owner's signature, and is no word of the owner", () => {
    const { core, bob } = withBob();
    const paul = new Puppet("paul", "10.0.0.4").join(core);
    const { heardMs } = core.core.member("paul") ?? {};
    core.run(10);
    const packet = paul.state(V1, '{"p": "1"}');
    const item: StateItem = { form: "python", owner: "paul", packet };
    expect(bob.send(core, item)).toEqual([{ owner: "paul", held: V1, wants: "nothing" }]);
    expect(read(core, "paul")).toEqual({ p: "1" });
    expect(core.core.member("paul")?.heardMs).toBe(heardMs);
    const forged = new Puppet("paul", "10.0.0.4", "mallory").state(V2, '{"p": "2"}');
    bob.send(core, { form: "python", owner: "paul", packet: forged });
    bob.send(core, { form: "python", owner: "paul", packet: packet.slice(0, 20) });
    bob.send(core, { form: "python", owner: "paul", packet: bob.state(V2, "{}") });
    expect(read(core, "paul")).toEqual({ p: "1" });
    // The forms of native owners are not for it.
    const native = new SessionPuppet("paul", "10.0.0.4").snapshot(V3, { p: "3" }, "signed");
    expect(bob.send(core, native)).toEqual([{ owner: "paul", held: V1, wants: "nothing" }]);
    expect(read(core, "paul")).toEqual({ p: "1" });
  });

  it("of a Python owner before the epoch is answered like one that is not held", () => {
    const { core, bob } = withBob();
    const paul = new Puppet("paul", "10.0.0.4").join(core, new Puppet("paul", "").state(-2, "{}"));
    const packet = paul.state(-1, '{"p": "1"}');
    expect(bob.send(core, { form: "python", owner: "paul", packet })).toEqual([
      { owner: "paul", held: 0, wants: "nothing" },
    ]);
    expect(read(core, "paul")).toEqual({ p: "1" });
    expect(core.faults).toEqual([]);
  });

  it("of a native owner in the form of Python is not taken", () => {
    const { core, bob, carol } = withBobAndCarol();
    const packet = bob.state(V1, '{"a": "1"}');
    expect(carol.send(core, { form: "python", owner: "bob", packet })).toEqual([
      { owner: "bob", held: 0, wants: "nothing" },
    ]);
    expect(core.core.member("bob")?.replica).toBeUndefined();
  });
});

describe("A state of our own that others bring", () => {
  const ours = new SessionPuppet("me", "10.0.0.1");

  it("with our signature and a later time is stepped over, and all get the new one", () => {
    const { core, bob } = withBob();
    const before = core.core.version;
    expect(bob.send(core, ours.snapshot(before + 100, { lost: "1" }, "signed"))).toEqual([]);
    expect(core.core.version).toBeGreaterThan(before + 100);
    expect(bob.pushed(core)).toMatchObject([
      { form: "snapshot", owner: "me", version: core.core.version },
    ]);
  });

  it("without our signature, older, or as anything but a whole changes nothing", () => {
    const { core, bob } = withBob();
    const { version } = core.core;
    const forged = {
      ...ours.snapshot(version + 100, {}),
      signature: bob.signed(version + 100, new Map()),
    };
    for (const item of [
      forged,
      ours.snapshot(version + 100, {}),
      ours.snapshot(version - 1, { a: "1" }, "signed"),
      ours.delta(version, version + 100, [["a", "1"]], { a: "1" }),
      ours.proof(version + 100, {}),
    ]) {
      expect(bob.send(core, item)).toEqual([]);
    }
    expect(core.core.version).toBe(version);
  });
});

describe("States of several owners in one message", () => {
  it("are told in one answer: the sender's own first", () => {
    const { core, bob, carol } = withBobAndCarol();
    const acks = carol.send(
      core,
      bob.snapshot(V1, { b: "1" }, "signed"),
      carol.snapshot(V2, { c: "1" }),
    );
    expect(acks.map(({ owner, held }) => [owner, held])).toEqual([
      ["carol", V2],
      ["bob", V1],
    ]);
  });
});

describe("What cannot be read", () => {
  it("is malformed, and an empty message is answered by nothing", () => {
    const { core, bob } = withBob();
    expect(bob.ask(core, NativeType.STATES, Uint8Array.of(1))).toMatchObject({ status: 406 });
    expect(bob.send(core)).toEqual([]);
    expect(digestAnswer({ kind: "same" })).toEqual(answered(Uint8Array.of(0)));
  });
});
