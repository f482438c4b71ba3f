/** Wrong states of somebody else: what they cost whoever is shown them. */
import { randomBytes } from "node:crypto";
import { afterEach, describe, expect, it, vi } from "vitest";
import { StateRoot } from "../../../src/crypto/state-root.ts";
import { DEFAULT_SETTINGS } from "../../../src/protocol/settings.ts";
import { decodeStateAcks, encodeStates, type StateItem } from "../../../src/wire/native-states.ts";
import { NativeType } from "../../../src/wire/native-type.ts";
import { NOW_SECONDS } from "./lone-core.ts";
import { SessionPuppet, sessionCore } from "./session.ts";

const V1 = NOW_SECONDS + 1;
const KEPT = { owner: "bob", held: V1, wants: "nothing" };
const ASKED_WHOLE = { ...KEPT, wants: "snapshot" };

afterEach(() => {
  vi.restoreAllMocks();
});

function setUp() {
  const core = sessionCore();
  const [bob, carol, mallory] = ["bob", "carol", "mallory"].map((nodeId, index) =>
    new SessionPuppet(nodeId, `10.0.0.${index + 2}`).join(core),
  ) as [SessionPuppet, SessionPuppet, SessionPuppet];
  core.run(DEFAULT_SETTINGS.probePauseMs);
  for (const puppet of [bob, carol, mallory]) puppet.answerCalls(core);
  bob.send(core, bob.snapshot(V1, { a: "1" }, "signed"));
  /** Without waiting for verdicts. */
  const show = (items: readonly StateItem[]) =>
    core.askLater(NativeType.STATES, encodeStates(items), mallory.address, mallory.proven);
  return { core, bob, carol, mallory, show };
}

function wrongDelta(number: number): StateItem {
  const version = V1 + number / 1_000;
  const signature = randomBytes(64);
  return { form: "delta", owner: "bob", base: V1, version, changes: [["a", "2"]], signature };
}

function wrongSnapshot(number: number, owner = "bob"): StateItem {
  const entries = new Map([["a", "forged"]]);
  const version = V1 + number / 1_000;
  return { form: "snapshot", owner, version, entries, signature: randomBytes(64) };
}

describe("Wrong states of another node", () => {
  it("are verified one by one, and of some thousand changes only one", () => {
    const { core, bob, carol, mallory, show } = setUp();
    core.held = [];
    show(Array.from({ length: 1_000 }, (_, index) => wrongDelta(index + 1)));
    for (let more = 0; more < 100; more += 1) show([wrongDelta(2_000 + more)]);
    expect(core.held).toHaveLength(1);
    const before = core.verifications;
    core.verifyHeld();
    expect(core.verifications).toBe(before);
    // What is right is taken all the same: whole from that peer, and in any form from others.
    const right = bob.snapshot(V1 + 5, { a: "3" }, "signed");
    expect(mallory.send(core, right)).toEqual([{ ...KEPT, held: V1 + 5 }]);
    const next = bob.delta(V1 + 5, V1 + 6, [["a", "4"]], { a: "4" });
    expect(carol.send(core, next)).toEqual([{ ...KEPT, held: V1 + 6 }]);
    // And in any form from that peer, once it has shown what is right.
    const last = bob.delta(V1 + 6, V1 + 7, [["a", "5"]], { a: "5" });
    expect(mallory.send(core, last)).toEqual([{ ...KEPT, held: V1 + 7 }]);
  });

  it("after a wrong change are asked for whole, after a forgery not heard, for a tick", () => {
    const { core, bob, mallory } = setUp();
    expect(mallory.send(core, wrongDelta(1))).toEqual([ASKED_WHOLE]);
    const right = bob.delta(V1, V1 + 5, [["a", "3"]], { a: "3" });
    expect(mallory.send(core, right)).toEqual([ASKED_WHOLE]);
    expect(mallory.send(core, wrongSnapshot(1))).toEqual([KEPT]);
    expect(mallory.send(core, bob.snapshot(V1 + 5, { a: "3" }, "signed"))).toEqual([KEPT]);
    core.run(DEFAULT_SETTINGS.tickMs);
    expect(mallory.send(core, right)).toEqual([{ ...KEPT, held: V1 + 5 }]);
  });

  it("of more than a state may have are not looked at", () => {
    const { core, mallory } = setUp();
    const before = core.verifications;
    const entries = new Map([["a", "x".repeat(8 * 1024 * 1024)]]);
    const item: StateItem = {
      form: "snapshot",
      owner: "bob",
      version: V1 + 1,
      entries,
      signature: randomBytes(64),
    };
    expect(mallory.send(core, item)).toEqual([KEPT]);
    expect(core.verifications).toBe(before);
  });

  it("of our own are looked at once in a tick from each peer", () => {
    const { core, show } = setUp();
    const before = core.verifications;
    for (let number = 0; number < 50; number += 1) show([wrongSnapshot(number + 1, "me")]);
    expect(core.verifications - before).toBe(1);
    core.run(DEFAULT_SETTINGS.tickMs);
    show([wrongSnapshot(99, "me")]);
    expect(core.verifications - before).toBe(2);
  });

  it("under a right signature do not keep out what is right", () => {
    const { core, bob, carol, mallory } = setUp();
    const right = bob.delta(V1, V1 + 5, [["a", "3"]], { a: "3" });
    core.held = [];
    const ask = (puppet: SessionPuppet, item: StateItem) =>
      core.askLater(NativeType.STATES, encodeStates([item]), puppet.address, puppet.proven);
    ask(mallory, { ...right, changes: [["a", "forged"]] });
    const answer = ask(carol, right);
    expect(answer()).toBeUndefined();
    core.verifyHeld();
    expect(core.core.entriesOf("bob")).toEqual(new Map([["a", "3"]]));
    const outcome = answer();
    if (outcome?.kind !== "answer") throw new Error("not answered");
    expect(decodeStateAcks(outcome.payload)).toEqual([{ ...KEPT, held: V1 + 5 }]);
  });

  it("do not cost what the state has, but what they change", () => {
    const { core, bob, carol, mallory } = setUp();
    const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`k${i}`, ""]));
    bob.send(core, bob.snapshot(V1 + 1, many, "signed"));
    const whole = vi.spyOn(StateRoot, "of");
    const wrong = { ...wrongDelta(2_000), base: V1 + 1 };
    expect(mallory.send(core, wrong)).toEqual([{ ...ASKED_WHOLE, held: V1 + 1 }]);
    const item = bob.delta(V1 + 1, V1 + 9, [["k0", "new"]], { ...many, k0: "new" });
    expect(carol.send(core, item)).toEqual([{ ...KEPT, held: V1 + 9 }]);
    expect(core.core.entriesOf("bob")?.get("k0")).toBe("new");
    // Once: by the puppet, for its signature. It was the copy and the root of all of it, each time.
    expect(whole).toHaveBeenCalledTimes(1);
  });

  it("on top of what an ended process left unproven are asked for whole, of an honest peer too", () => {
    const { core, bob, carol } = setUp();
    bob.send(core, bob.delta(V1, V1 + 1, [["b", "unproven"]]));
    bob.incarnation = 2;
    bob.arrive(core);
    expect(core.core.member("bob")?.replica).toMatchObject({ isAstray: true });
    const held = { owner: "bob", held: core.core.member("bob")?.replica?.version };
    const right = bob.delta(V1, V1 + 5, [["c", "3"]], { a: "1", c: "3" });
    const before = core.verifications;
    expect(carol.send(core, right)).toEqual([{ ...held, wants: "snapshot" }]);
    expect(core.verifications).toBe(before);
    expect(carol.send(core, bob.snapshot(V1 + 5, { a: "1", c: "3" }, "signed"))).toEqual([
      { ...KEPT, held: V1 + 5 },
    ]);
  });
});
