import { describe, expect, it } from "vitest";
import { Kernel } from "../../../src/protocol/kernel.ts";
import { type Member, noteProven } from "../../../src/protocol/member.ts";
import { Members } from "../../../src/protocol/members.ts";
import { DEFAULT_SETTINGS } from "../../../src/protocol/settings.ts";
import { VainQuestions } from "../../../src/protocol/vain-questions.ts";
import { seededBytes, seededRandom } from "../../../src/testing/index.ts";

function setUp(onSessions = 0.99) {
  const random = seededRandom(1);
  const kernel = new Kernel({ settings: DEFAULT_SETTINGS, random, entropy: seededBytes(random) });
  const members = new Members(kernel);
  const machine = { epoch: 0 };
  const vain = new VainQuestions({
    kernel,
    answered: () => onSessions,
    epoch: () => machine.epoch,
  });
  const add = (id: string): Member => {
    const member = members.add(id, new Uint8Array(64));
    if (member === undefined) throw new Error("no room");
    members.setStatus(member, "relayed", undefined);
    return member;
  };
  const at = (ms: number) => {
    kernel.now = { monotonicMs: ms, unixSeconds: 0 };
  };
  const reached = (member: Member, times = 1) => {
    for (let time = 0; time < times; time += 1) {
      noteProven(member, kernel.now.monotonicMs);
      vain.reached(member);
    }
  };
  /** What is doubted after so many more in vain. */
  const doubt = (member: Member, times = 1, isLost = true) => {
    let last = 0;
    for (let time = 0; time < times; time += 1) {
      last = vain.count(member, kernel.now.monotonicMs, isLost)?.doubt ?? 0;
    }
    return last;
  };
  return { vain, members, machine, add, at, reached, doubt };
}

describe("What questions in vain say of a member", () => {
  it("is one power of ten for each that others refuse", () => {
    const { add, doubt } = setUp();
    expect(doubt(add("bob"), 6, false)).toBe(6);
  });

  it("is less where links are bad: those who refuse do not reach it yet", () => {
    const { add, doubt } = setUp(0.2);
    expect(doubt(add("bob"), 10, false)).toBeLessThan(1);
  });

  it("is by chance, like coins, where nothing was seen of its links", () => {
    const { add, doubt } = setUp();
    expect(doubt(add("bob"), 19)).toBeLessThan(6);
    expect(doubt(add("carol"), 20)).toBeGreaterThan(6);
  });

  it("is more where all is answered, and less where questions on sessions are lost", () => {
    const good = setUp();
    const bob = good.add("bob");
    good.reached(bob, 300);
    expect(good.doubt(bob)).toBeGreaterThan(1.5);
    const bad = setUp(0.3);
    const carol = bad.add("carol");
    bad.reached(carol, 300);
    expect(bad.doubt(carol)).toBeCloseTo(-Math.log10(1 - 0.3 ** 2));
  });

  it("is by its own links, however good those of others are, and by those of others if they are worse", () => {
    const { add, at, reached, doubt } = setUp();
    const [bob, carol, dave] = ["bob", "carol", "dave"].map(add) as [Member, Member, Member];
    for (let time = 1; time <= 100; time += 1) {
      at(time * 3_000);
      reached(carol, 8);
      if (time % 2 === 0) reached(bob);
      else doubt(bob);
    }
    at(303_000);
    expect(doubt(bob)).toBeLessThan(0.4);
    for (let time = 0; time < 100; time += 1) {
      reached(dave);
      doubt(dave, 3);
    }
    expect(doubt(carol)).toBeLessThan(0.2);
  });

  it("is nothing if it was asked before the member proved itself: that question was lost", () => {
    const { vain, add, at, reached, doubt } = setUp();
    const bob = add("bob");
    reached(bob, 300);
    const before = doubt(bob);
    at(1_000);
    reached(bob);
    for (let time = 0; time < 8; time += 1) expect(vain.count(bob, 500, true)).toBeUndefined();
    expect(doubt(bob)).toBeLessThan(before / 2);
  });

  it("says nothing of links where the member was gone meanwhile", () => {
    const { members, add, at, reached, doubt } = setUp();
    const [bob, carol, dave] = ["bob", "carol", "dave"].map(add) as [Member, Member, Member];
    for (const member of [bob, carol, dave]) reached(member, 300);
    const before = doubt(dave);
    doubt(bob, 20);
    members.setStatus(bob, "down", undefined);
    at(60_000);
    members.setStatus(bob, "relayed", undefined);
    reached(bob);
    expect(doubt(carol)).toBeCloseTo(before);
  });

  it("begins anew when this machine was suspended", () => {
    const { machine, add, doubt } = setUp();
    const bob = add("bob");
    const once = doubt(bob);
    expect(doubt(bob, 10)).toBeGreaterThan(10 * once);
    machine.epoch += 1;
    expect(doubt(bob)).toBe(once);
  });
});
