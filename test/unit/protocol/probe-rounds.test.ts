import { describe, expect, it } from "vitest";
import { Kernel } from "../../../src/protocol/kernel.ts";
import type { Member } from "../../../src/protocol/member.ts";
import { Members } from "../../../src/protocol/members.ts";
import { ProbeRounds } from "../../../src/protocol/probe-rounds.ts";
import { DEFAULT_SETTINGS } from "../../../src/protocol/settings.ts";
import { beLate } from "./late.ts";

const COUNT = 300;

/** A node that lists many others, all of which have answered it, and asks them in rounds. */
class Rounds {
  readonly kernel = new Kernel({
    settings: DEFAULT_SETTINGS,
    random: () => 0.5,
    entropy: (length) => new Uint8Array(length),
  });
  readonly members = new Members(this.kernel);
  readonly asked: string[] = [];
  readonly #rounds = new ProbeRounds(this.kernel, this.members, "me", (member) =>
    this.asked.push(member.nodeId),
  );

  constructor() {
    for (let index = 0; index < COUNT; index += 1) {
      this.list(`n${index}`).answeredMs = this.kernel.now.monotonicMs;
    }
    this.#rounds.start();
  }

  list(nodeId: string): Member {
    const member = this.members.add(nodeId, new Uint8Array(64)) as Member;
    member.native = { incarnation: "00", issued: 1, features: [], sessions: true, addresses: [] };
    this.members.setStatus(member, "alive", undefined);
    return member;
  }

  /** Lets a second pass. @returns who was asked. */
  second(): string[] {
    this.asked.length = 0;
    const monotonicMs = this.kernel.now.monotonicMs + DEFAULT_SETTINGS.probeMs;
    this.kernel.now = { monotonicMs, unixSeconds: 0 };
    this.kernel.fireTimers();
    return [...this.asked];
  }
}

describe("In a round of probes", () => {
  it("one is asked that stands behind us, and one of all in turn", () => {
    const rounds = new Rounds();
    const [first, second] = [rounds.second(), rounds.second()];
    expect([first.length, second.length]).toEqual([2, 2]);
    expect(second[0]).toBe(first[0]);
    expect(second[1]).not.toBe(first[1]);
  });

  it("whoever has not answered since it is listed is asked, though it proved itself before", () => {
    const rounds = new Rounds();
    const proven = rounds.kernel.now.monotonicMs;
    rounds.second();
    rounds.list("late").provenMs = proven;
    expect(rounds.second()).toContain("late");
    const member = rounds.members.get("late") as Member;
    member.answeredMs = rounds.kernel.now.monotonicMs;
    const later = Array.from({ length: 5 }, () => rounds.second()).flat();
    expect(later.filter((nodeId) => nodeId === "late").length).toBeLessThanOrEqual(1);
  });

  it("few are asked that have just been listed, while we are late ourselves, and rounds are rarer", () => {
    const rounds = new Rounds();
    rounds.second();
    beLate(rounds.kernel, 300);
    for (let index = 0; index < 20; index += 1) rounds.list(`new${index}`);
    const asked = [rounds.second(), rounds.second(), rounds.second()].map(({ length }) => length);
    // One behind us, one in turn, two that are new; the next round is 1 + 8 × 0.3 s later at most.
    expect(asked.filter((count) => count > 0)).toEqual([4]);
    expect(rounds.second().length + rounds.second().length).toBeGreaterThan(0);
  });
});
