/** Whether we are alone, and that it is told once. */
import { describe, expect, it } from "vitest";
import { DsnError } from "../../../src/errors.ts";
import { Isolation } from "../../../src/protocol/isolation.ts";
import { Kernel } from "../../../src/protocol/kernel.ts";
import { Members } from "../../../src/protocol/members.ts";
import { DEFAULT_SETTINGS } from "../../../src/protocol/settings.ts";

function setUp(knows = true) {
  const kernel = new Kernel({
    settings: DEFAULT_SETTINGS,
    random: () => 0,
    entropy: (length) => new Uint8Array(length),
  });
  const members = new Members(kernel);
  const isolation = new Isolation(kernel, members);
  isolation.start(knows);
  const member = (nodeId: string) => {
    const known = members.get(nodeId) ?? members.add(nodeId, new Uint8Array(64));
    if (known === undefined) throw new Error("no room");
    return known;
  };
  const pass = (ms: number) => {
    kernel.now = { monotonicMs: kernel.now.monotonicMs + ms, unixSeconds: 0 };
    kernel.fireTimers();
  };
  const comes = (nodeId: string) => members.setStatus(member(nodeId), "alive", undefined);
  const goes = (nodeId: string) => {
    members.setStatus(member(nodeId), "down", new DsnError("DSN_UNREACHABLE", `${nodeId} is gone`));
  };
  /** A step ends. @returns what was told of being alone since the last one. */
  const told = () => {
    isolation.look();
    return kernel.takeEffects().flatMap((effect) => {
      if (effect.kind !== "event") return [];
      const { event } = effect;
      if (event.name === "connected") return [`connected after ${event.isolatedMs}`];
      if (event.name !== "isolated") return [];
      const { code, why, causes } = event.reason;
      return [[code, why, ...causes.map(({ message }) => message)].join("; ")];
    });
  };
  return { isolation, pass, comes, goes, told };
}

describe("A node is isolated", () => {
  it("when the last of its peers goes, not before, with the reasons, the newest first", () => {
    const { comes, goes, told, pass } = setUp();
    comes("a");
    comes("b");
    expect(told()).toEqual([]);
    goes("a");
    expect(told()).toEqual([]);
    pass(1_000);
    goes("b");
    expect(told()).toEqual([
      "DSN_ISOLATED; the last of the nodes that were there is gone; b is gone; a is gone",
    ]);
    expect(told()).toEqual([]);
  });

  it("until somebody is there again, and knows for how long", () => {
    const { comes, goes, told, pass } = setUp();
    comes("a");
    told();
    goes("a");
    told();
    pass(7_000);
    comes("b");
    expect(told()).toEqual(["connected after 7000"]);
    expect(told()).toEqual([]);
  });

  it("each time anew", () => {
    const { comes, goes, told, pass } = setUp();
    for (const ms of [1_000, 2_000]) {
      comes("a");
      told();
      goes("a");
      expect(told()).toHaveLength(1);
      pass(ms);
      comes("a");
      expect(told()).toEqual([`connected after ${ms}`]);
    }
  });

  it("not when all go and one comes within a step", () => {
    const { comes, goes, told } = setUp();
    comes("a");
    told();
    goes("a");
    comes("b");
    expect(told()).toEqual([]);
  });

  it("when it has met nobody within ten seconds of its start", () => {
    const { told, pass } = setUp();
    pass(9_999);
    expect(told()).toEqual([]);
    pass(1);
    expect(told()).toEqual(["DSN_ISOLATED; nobody was reached within 10 s of the start"]);
  });

  it("not when somebody was there by then, even if gone again: that was told", () => {
    const { comes, goes, told, pass } = setUp();
    comes("a");
    told();
    goes("a");
    expect(told()).toHaveLength(1);
    pass(10_000);
    expect(told()).toEqual([]);
  });

  it("not when it knows of nobody, or leaves itself", () => {
    const first = setUp(false);
    first.pass(60_000);
    expect(first.told()).toEqual([]);
    const leaving = setUp();
    leaving.comes("a");
    leaving.told();
    leaving.isolation.stop();
    leaving.goes("a");
    leaving.pass(60_000);
    expect(leaving.told()).toEqual([]);
    const early = setUp();
    early.isolation.stop();
    early.pass(60_000);
    expect(early.told()).toEqual([]);
  });

  it("with eight reasons at most", () => {
    const { comes, goes, told } = setUp();
    const names = Array.from({ length: 12 }, (_, index) => `n${index}`);
    names.forEach(comes);
    told();
    names.forEach(goes);
    expect(told()[0]?.split("; ")).toHaveLength(2 + 8);
  });
});
