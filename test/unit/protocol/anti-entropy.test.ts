/** Two peers compare what they hold, and each gets what it lacks. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/protocol/settings.ts";
import type { DigestEntry } from "../../../src/wire/digest-entry.ts";
import { summaryOf } from "../../../src/wire/digest-summary.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import {
  decodeDigestAnswer,
  decodeDigestRequest,
  encodeDigestRequest,
} from "../../../src/wire/native-digest.ts";
import { decodeStates } from "../../../src/wire/native-states.ts";
import { NativeType } from "../../../src/wire/native-type.ts";
import { answered, type LoneCore, NOW_SECONDS, Puppet, type Sent } from "./lone-core.ts";
import { silence, stranger } from "./native.ts";
import {
  digestAnswer,
  digestEntry,
  entriesOf,
  SessionPuppet,
  sessionCore,
  statesAnswer,
} from "./session.ts";

const V1 = NOW_SECONDS + 1;
const V2 = NOW_SECONDS + 2;

/** A core with two peers, all of it settled. */
function setUp(options = {}) {
  const core = sessionCore(options);
  const bob = new SessionPuppet("bob", "10.0.0.2").join(core);
  const carol = new SessionPuppet("carol", "10.0.0.3").join(core);
  core.run(10);
  for (const peer of [bob, carol]) peer.answerCalls(core);
  core.events.length = 0;
  return { core, bob, carol };
}

const read = (core: LoneCore, owner = "bob") =>
  Object.fromEntries(core.core.entriesOf(owner) ?? []);

/** Lets time pass until a peer is compared with, the others answering as always. */
function nextComparison(core: LoneCore, ...peers: SessionPuppet[]): [SessionPuppet, Sent] {
  for (let round = 0; round < 1_000; round += 1) {
    for (const peer of peers) {
      const [call] = peer.calls(core, NativeType.DIGEST);
      if (call !== undefined) return [peer, call];
      peer.answerCalls(core);
    }
    core.run(100);
  }
  throw new Error("nobody is compared with");
}

/** The answer of the core to a digest. */
function compare(core: LoneCore, peer: SessionPuppet, entries: readonly DigestEntry[]) {
  const payload = encodeDigestRequest({ summary: summaryOf(entries), entries });
  const outcome = peer.ask(core, NativeType.DIGEST, payload);
  if (outcome.kind !== "answer") throw new Error(`${outcome.status} ${outcome.text}`);
  const answer = decodeDigestAnswer(outcome.payload);
  if (answer.kind !== "states") throw new Error(answer.kind);
  return { ...answer, items: decodeStates(answer.states) };
}

/** What the core says that it holds. */
function heldBy(core: LoneCore, peer: SessionPuppet): readonly DigestEntry[] {
  const before = core.open;
  const [, call] = nextComparison(core, peer);
  let { entries } = decodeDigestRequest(call.payload);
  if (entries === undefined) {
    core.reply(call, digestAnswer({ kind: "differs" }));
    ({ entries } = decodeDigestRequest(peer.call(core, NativeType.DIGEST).payload));
  }
  core.open = before;
  return entries ?? [];
}

describe("A comparison that we begin", () => {
  it("asks one peer each tick, by 8 bytes that are the same while nothing differs", () => {
    const { core, bob, carol } = setUp();
    for (const peer of [bob, carol]) peer.send(core, peer.snapshot(V1, {}, "signed"));
    const [peer, call] = nextComparison(core, bob, carol);
    expect(call.payload).toHaveLength(9);
    expect(decodeDigestRequest(call.payload).entries).toBeUndefined();
    const { version } = core.core;
    core.reply(call, digestAnswer({ kind: "same" }));
    expect(core.core.member(peer.nodeId)?.sync).toMatchObject({ held: version, sent: version });
    expect(peer.calls(core, NativeType.DIGEST)).toEqual([]);
    expect(peer.calls(core, NativeType.STATES)).toEqual([]);
  });

  it("tells what we hold once the peer says that something differs", () => {
    const { core, bob } = setUp();
    bob.send(core, bob.snapshot(V1, { a: "1" }, "signed"));
    const [peer, call] = nextComparison(core, bob);
    const { summary } = decodeDigestRequest(call.payload);
    core.reply(call, digestAnswer({ kind: "differs" }));
    const { summary: again, entries } = decodeDigestRequest(
      peer.call(core, NativeType.DIGEST).payload,
    );
    expect(again).toEqual(summary);
    expect(entries).toEqual([
      digestEntry("me", core.core.version, {}),
      digestEntry("bob", V1, { a: "1" }),
    ]);
    expect(summaryOf(entries ?? [])).toEqual(summary);
  });

  it("takes what the peer holds and we lack, of all owners", () => {
    const { core, bob, carol } = setUp();
    const paul = new Puppet("paul", "10.0.0.4").join(core);
    const [, call] = nextComparison(core, bob);
    const packet = paul.state(V1, '{"p": "1"}');
    core.reply(
      call,
      statesAnswer([
        bob.snapshot(V1, { a: "1" }, "signed"),
        carol.snapshot(V2, { c: "1" }, "signed"),
        { form: "python", owner: "paul", packet },
      ]),
    );
    expect([read(core), read(core, "carol"), read(core, "paul")]).toEqual([
      { a: "1" },
      { c: "1" },
      { p: "1" },
    ]);
    expect(bob.calls(core, NativeType.DIGEST)).toEqual([]);
  });

  it("sends what the peer wants, whole, and its answer ends the comparison", () => {
    const { core, bob, carol } = setUp();
    carol.send(core, carol.snapshot(V1, { c: "1" }, "signed"));
    const [, call] = nextComparison(core, bob);
    core.reply(call, statesAnswer([], { wanted: ["carol", "me", "nobody"] }));
    expect(bob.pushed(core)).toMatchObject([
      { form: "snapshot", owner: "carol", version: V1, entries: entriesOf({ c: "1" }) },
    ]);
    bob.answerAll(core, NativeType.STATES);
    expect(bob.pushed(core)).toMatchObject([
      { form: "snapshot", owner: "me", version: core.core.version },
    ]);
    expect(core.core.member("bob")?.sync.sent).toBe(core.core.version);
    bob.answerAll(core, NativeType.STATES);
    expect(bob.calls(core, NativeType.DIGEST)).toEqual([]);
  });

  it("sends much in messages of about 4 MiB, one after the other", () => {
    const { core, bob, carol } = setUp();
    const half = "x".repeat(LIMITS.digestAnswerBytesMax / 2 + 1);
    const dave = new SessionPuppet("dave", "10.0.0.5").join(core);
    const erin = new SessionPuppet("erin", "10.0.0.6").join(core);
    for (const peer of [bob, carol, dave, erin]) peer.answerCalls(core);
    carol.send(core, carol.snapshot(V1, { c: half }, "signed"));
    dave.send(core, dave.snapshot(V1, { d: half }, "signed"));
    erin.send(core, erin.snapshot(V1, { e: half }, "signed"));
    const [peer, call] = nextComparison(core, bob, carol, dave, erin);
    core.reply(call, statesAnswer([], { wanted: ["carol", "dave", "erin"] }));
    const owners = [];
    for (let batch = 0; batch < 2; batch += 1) {
      owners.push(peer.pushed(core).map(({ owner }) => owner));
      peer.answerAll(core, NativeType.STATES);
    }
    expect(owners).toEqual([["carol", "dave"], ["erin"]]);
    expect(peer.calls(core, NativeType.STATES)).toEqual([]);
  });

  it("sends the versions that were made meanwhile after what was wanted", () => {
    const { core, bob } = setUp();
    const [, call] = nextComparison(core, bob);
    core.reply(call, statesAnswer([], { wanted: ["me"] }));
    const base = core.core.version;
    core.write(["a", "1"]);
    bob.answerAll(core, NativeType.STATES);
    expect(core.core.version).toBeGreaterThan(base);
    expect(core.core.member("bob")?.sync.sent).toBe(core.core.version);
  });

  it("asks again when the peer has more than fits one answer", () => {
    const { core, bob, carol } = setUp();
    const [, call] = nextComparison(core, bob);
    core.reply(call, statesAnswer([bob.snapshot(V1, { a: "1" }, "signed")], { more: true }));
    const again = bob.call(core, NativeType.DIGEST);
    expect(decodeDigestRequest(again.payload).entries).toContainEqual(
      expect.objectContaining({ owner: "bob", version: V1 }),
    );
    core.reply(again, statesAnswer([carol.snapshot(V1, { c: "1" }, "signed")]));
    expect(read(core, "carol")).toEqual({ c: "1" });
    expect(bob.calls(core, NativeType.DIGEST)).toEqual([]);
  });

  it.each([
    ["asks at most 64 times a peer that always has more", 64, true],
    ["ends with a peer that always has more, and never anything new", 2, false],
  ])("%s", (_, timesMax, isNew) => {
    const { core, bob } = setUp();
    nextComparison(core, bob);
    let asked = 0;
    for (let [call] = bob.calls(core, NativeType.DIGEST); call !== undefined; ) {
      asked += 1;
      const news = bob.snapshot(V1 + asked, { a: String(asked) }, "signed");
      core.reply(call, statesAnswer(isNew ? [news] : [], { more: true }));
      [call] = bob.calls(core, NativeType.DIGEST);
    }
    expect(asked).toBe(timesMax);
  });

  it("asks for a state whole when its changes do not fit what we hold", () => {
    const { core, bob, carol } = setUp();
    carol.send(core, carol.snapshot(V1, { c: "1" }, "signed"));
    const [, call] = nextComparison(core, bob);
    const delta = carol.delta(V1, V2, [["d", "2"]], { made: "of something else", d: "2" });
    core.reply(call, statesAnswer([delta]));
    const again = bob.call(core, NativeType.DIGEST);
    const owners = decodeDigestRequest(again.payload).entries?.map(({ owner }) => owner);
    expect(owners).toEqual(["me"]);
    const whole = carol.snapshot(V2, { made: "of something else", d: "2" }, "signed");
    core.reply(again, statesAnswer([whole]));
    expect(read(core, "carol")).toEqual({ made: "of something else", d: "2" });
    expect(bob.calls(core, NativeType.DIGEST)).toEqual([]);
  });

  it("ends when the same state does not fit twice", () => {
    const { core, bob, carol } = setUp();
    carol.send(core, carol.snapshot(V1, { c: "1" }, "signed"));
    const [, call] = nextComparison(core, bob);
    const delta = carol.delta(V1, V2, [["d", "2"]], { other: "1" });
    core.reply(call, statesAnswer([delta]));
    core.reply(bob.call(core, NativeType.DIGEST), statesAnswer([delta]));
    expect(bob.calls(core, NativeType.DIGEST)).toEqual([]);
    expect(read(core, "carol")).toEqual({ c: "1" });
  });

  it("ends at an answer that cannot be read, or states that cannot", () => {
    const { core, bob } = setUp();
    const [, call] = nextComparison(core, bob);
    core.reply(call, answered(Uint8Array.of(7)));
    expect(bob.calls(core, NativeType.DIGEST)).toEqual([]);
    const [, next] = nextComparison(core, bob);
    core.reply(
      next,
      digestAnswer({ kind: "states", wanted: [], more: false, states: Uint8Array.of(1) }),
    );
    expect(bob.calls(core, NativeType.DIGEST)).toEqual([]);
    expect(core.faults).toEqual([]);
  });

  it("ends with no answer, and does not say that the peer holds anything", () => {
    const { core, bob } = setUp();
    const [, call] = nextComparison(core, bob);
    const held = core.core.member("bob")?.sync.held;
    core.reply(call, silence);
    expect(core.core.member("bob")?.sync.held).toBe(held);
    const [, next] = nextComparison(core, bob);
    core.reply(next, statesAnswer([], { wanted: ["me"] }));
    core.reply(bob.call(core, NativeType.STATES), silence);
    expect(bob.calls(core, NativeType.DIGEST)).toEqual([]);
    expect(core.faults).toEqual([]);
  });

  it("that the peer refuses as a stranger makes us say HELLO again", () => {
    const { core, bob } = setUp();
    const [, call] = nextComparison(core, bob);
    core.reply(call, stranger);
    expect(bob.calls(core).map(({ type }) => type)).toContain(MessageType.HELLO);
  });
});

describe("A comparison that a peer begins", () => {
  it("by a summary is answered the same, or that something differs", () => {
    const { core, bob } = setUp();
    const summary = summaryOf(heldBy(core, bob));
    const ask = (bytes: Uint8Array) => {
      const payload = encodeDigestRequest({ summary: bytes, entries: undefined });
      const outcome = bob.ask(core, NativeType.DIGEST, payload);
      return outcome.kind === "answer" ? decodeDigestAnswer(outcome.payload).kind : outcome;
    };
    expect(ask(summary)).toBe("same");
    expect(ask(summary.with(0, (summary[0] ?? 0) ^ 1))).toBe("differs");
  });

  it("is answered by what it lacks, and what we lack", () => {
    const { core, bob, carol } = setUp();
    carol.send(core, carol.snapshot(V2, { c: "1" }, "signed"));
    core.write(["a", "1"]);
    core.reply(bob.call(core, NativeType.STATES), silence);
    const { version } = core.core;
    expect(core.core.member("bob")?.sync.sent).toBeLessThan(version);
    const answer = compare(core, bob, [
      digestEntry("bob", V1, { b: "1" }),
      digestEntry("carol", V1, {}),
      digestEntry("eve", V1, {}),
    ]);
    expect(answer.items).toMatchObject([
      { form: "snapshot", owner: "me", version },
      { form: "snapshot", owner: "carol", version: V2, entries: entriesOf({ c: "1" }) },
    ]);
    expect(answer.wanted).toEqual(["bob", "eve"]);
    expect(answer.more).toBe(false);
    // What was told needs not be pushed.
    expect(core.core.member("bob")?.sync.sent).toBe(version);
  });

  it("is answered by what a version is proven with where that is lacking, on both sides", () => {
    const { core, bob, carol } = setUp();
    carol.send(core, carol.snapshot(V1, { c: "1" }, "signed"));
    bob.send(core, bob.snapshot(V1, { b: "1" }));
    const { version } = core.core;
    const answer = compare(core, bob, [
      digestEntry("me", version, {}),
      digestEntry("carol", V1),
      digestEntry("bob", V1, { b: "1" }),
    ]);
    expect(answer.items).toMatchObject([{ form: "proof", owner: "carol", version: V1 }]);
    expect(answer.wanted).toEqual(["bob"]);
    // A version without a root says nothing that we lack.
    expect(compare(core, bob, [digestEntry("bob", V1)]).wanted).toEqual([]);
    expect(compare(core, bob, [digestEntry("bob", V1 - 0.5, { b: "1" })]).wanted).toEqual([]);
  });

  it("is answered by about 4 MiB, and that there is more", () => {
    const { core, bob, carol } = setUp();
    core.write(["k", "x".repeat(LIMITS.digestAnswerBytesMax)]);
    carol.send(core, carol.snapshot(V1, { c: "1" }, "signed"));
    bob.answerCalls(core);
    const first = compare(core, bob, []);
    expect(first.items.map(({ owner }) => owner)).toEqual(["me"]);
    expect(first.more).toBe(true);
    const second = compare(core, bob, [digestEntry("me", core.core.version)]);
    expect(second.items.map(({ owner }) => owner)).toContain("carol");
    expect(second.more).toBe(false);
  });

  it("that cannot be read is malformed", () => {
    const { core, bob } = setUp();
    expect(bob.ask(core, NativeType.DIGEST, Uint8Array.of(1))).toMatchObject({ status: 406 });
  });
});
