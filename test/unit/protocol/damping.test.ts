/** Nodes that come and go again and again: how long a verdict takes, and what is told. */
import { describe, expect, it } from "vitest";
import { Damping } from "../../../src/protocol/damping.ts";
import type { PeerStatus } from "../../../src/protocol/event.ts";
import { Kernel } from "../../../src/protocol/kernel.ts";
import { createMember } from "../../../src/protocol/member.ts";
import { DEFAULT_SETTINGS } from "../../../src/protocol/settings.ts";

const MINUTE_MS = 60_000;

function setUp() {
  const kernel = new Kernel({
    settings: DEFAULT_SETTINGS,
    random: () => 0,
    entropy: (length) => new Uint8Array(length),
  });
  const damping = new Damping(kernel);
  const member = createMember("b", new Uint8Array(64), 0);
  member.status = "alive";
  const pass = (ms: number) => {
    kernel.now = { monotonicMs: kernel.now.monotonicMs + ms, unixSeconds: 0 };
  };
  const become = (status: PeerStatus) => {
    const before = member.status;
    member.status = status;
    return damping.changed(member, before);
  };
  const flap = (times: number) => {
    for (let time = 0; time < times; time += 1)
      for (const to of ["suspect", "down", "alive"] as const) become(to);
  };
  return { damping, member, pass, become, flap };
}

describe("Damping", () => {
  it.each([
    [0, 0],
    [3, 0],
    [4, 15_000],
    [5, 30_000],
    [6, 60_000],
    [20, 60_000],
  ])("after %i verdicts lately the next takes at least %i ms", (times, holdMs) => {
    const { damping, member, flap } = setUp();
    flap(times);
    expect(damping.holdMs(member)).toBe(holdMs);
  });

  it("forgives each verdict after ten minutes", () => {
    const { damping, member, flap, pass } = setUp();
    flap(4);
    pass(5 * MINUTE_MS);
    flap(1);
    expect(damping.holdMs(member)).toBe(30_000);
    pass(5 * MINUTE_MS - 1);
    expect(damping.holdMs(member)).toBe(30_000);
    pass(1);
    expect(damping.holdMs(member)).toBe(0);
  });

  it("holds back nobody else", () => {
    const { damping, flap } = setUp();
    flap(9);
    expect(damping.holdMs(createMember("c", new Uint8Array(64), 0))).toBe(0);
  });

  it("tells five silences, and of a sixth neither beginning nor end", () => {
    const { become } = setUp();
    for (let time = 0; time < 5; time += 1) {
      expect(become("suspect")).toBe("alive");
      expect(become("alive")).toBe("suspect");
    }
    expect(become("suspect")).toBeUndefined();
    expect(become("alive")).toBeUndefined();
  });

  it("tells what a silence that it kept to itself ends in, as of a node that was alive", () => {
    const { become } = setUp();
    for (let time = 0; time < 5; time += 1)
      for (const to of ["suspect", "alive"] as const) become(to);
    become("suspect");
    expect(become("down")).toBe("alive");
    expect(become("alive")).toBe("down");
  });

  it("tells a silence again when the others are ten minutes old", () => {
    const { become, pass } = setUp();
    for (let time = 0; time < 5; time += 1)
      for (const to of ["suspect", "alive"] as const) become(to);
    pass(10 * MINUTE_MS);
    expect(become("suspect")).toBe("alive");
  });
});
