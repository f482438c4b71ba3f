/** Whom a core remembers for its next life, and when it hands that out. */
import { describe, expect, it } from "vitest";
import { Kernel } from "../../../src/protocol/kernel.ts";
import type { Member } from "../../../src/protocol/member.ts";
import { Members } from "../../../src/protocol/members.ts";
import { PeerMemory, type RememberedPeer } from "../../../src/protocol/peer-memory.ts";
import { DEFAULT_SETTINGS, LIMITS } from "../../../src/protocol/settings.ts";

const AT = { address: "10.0.0.2", port: 8_000 };
const HOUR_MS = 3_600_000;

function peer(nodeId: string, seenSeconds = 1, endpoint = AT): RememberedPeer {
  return { nodeId, endpoint, seenSeconds, native: true };
}

function setUp(remembered: readonly RememberedPeer[] = []) {
  const kernel = new Kernel({
    settings: DEFAULT_SETTINGS,
    random: () => 0.5,
    entropy: (length) => new Uint8Array(length),
  });
  const members = new Members(kernel);
  const memory = new PeerMemory(kernel, members, "me", remembered);
  const add = (nodeId: string, changes: Partial<Member> = {}) => {
    const member = members.add(nodeId, new Uint8Array(64));
    if (member === undefined) throw new Error("no room");
    return Object.assign(member, { endpoint: AT, status: "alive", ...changes });
  };
  const pass = (ms: number) => {
    const monotonicMs = kernel.now.monotonicMs + ms;
    kernel.now = { monotonicMs, unixSeconds: monotonicMs / 1_000 };
    kernel.fireTimers();
  };
  /** The lists that were handed out since the last look. */
  const handed = () =>
    kernel.takeEffects().flatMap((effect) => (effect.kind === "remember" ? [effect.peers] : []));
  const names = () => handed().map((peers) => peers.map(({ nodeId }) => nodeId));
  return { memory, add, pass, handed, names };
}

describe("A core remembers", () => {
  it("who answers it, and where, two seconds after its start", () => {
    const { memory, add, pass, handed } = setUp();
    add("b");
    memory.start();
    pass(1_999);
    expect(handed()).toEqual([]);
    pass(1);
    expect(handed()).toEqual([[{ nodeId: "b", endpoint: AT, seenSeconds: 2, native: false }]]);
  });

  it("nobody else: not whom others speak of, who is gone, or has no address", () => {
    const { memory, add, pass, names } = setUp();
    memory.start();
    add("told", { provisional: true });
    add("nowhere", { endpoint: undefined });
    add("odd", { endpoint: { address: "10.0.0.3", port: 0 } });
    for (const status of [
      "joining",
      "busy",
      "suspect",
      "one-way",
      "relayed",
      "down",
      "left",
      "refused",
    ] as const) {
      add(status, { status });
    }
    pass(2_000);
    expect(names()).toEqual([]);
    add("b");
    pass(60_000);
    expect(names()).toEqual([["b"]]);
  });

  it("of an earlier life what can be, newest first", () => {
    const { memory } = setUp([
      peer("old", 1),
      peer("new", 3),
      peer("me", 9),
      peer("a/b", 9),
      peer("nowhere", 9, { address: "no host", port: 8_000 }),
      peer("portless", 9, { address: "10.0.0.2", port: 70_000 }),
      peer("timeless", Number.NaN),
      peer("middle", 2),
    ]);
    expect(memory.remembered.map(({ nodeId }) => nodeId)).toEqual(["new", "middle", "old"]);
  });

  it("again only what has changed: a disk is not written because time passes", () => {
    const { memory, add, pass, names, handed } = setUp();
    memory.start();
    const b = add("b");
    pass(2_000);
    expect(names()).toHaveLength(1);
    for (let minute = 0; minute < 60; minute += 1) pass(60_000);
    expect(names()).toEqual([]);
    b.endpoint = { address: "10.0.0.9", port: 8_000 };
    pass(60_000);
    expect(handed()[0]?.[0]?.endpoint.address).toBe("10.0.0.9");
  });

  it("at the end of a life the times, if they are an hour old", () => {
    for (const [ms, times] of [
      [HOUR_MS - 10_000, 0],
      [HOUR_MS + 10_000, 1],
    ] as const) {
      const { memory, add, pass, handed } = setUp();
      memory.start();
      add("b");
      pass(2_000);
      handed();
      pass(ms);
      expect(handed()).toEqual([]);
      memory.leave();
      expect(handed()).toHaveLength(times);
    }
  });

  it("whoever is gone since, and not whom the operator has it forget", () => {
    const { memory, add, pass, names } = setUp([peer("a")]);
    memory.start();
    const b = add("b");
    pass(2_000);
    expect(names()).toEqual([["b", "a"]]);
    b.status = "down";
    memory.forget("a");
    expect(names()).toEqual([["b"]]);
    memory.forget("nobody");
    pass(60_000);
    expect(names()).toEqual([]);
  });

  it("a thousand, the newest", () => {
    const many = Array.from({ length: LIMITS.rememberedMax + 5 }, (_, index) =>
      peer(`n${index}`, index),
    );
    const { memory } = setUp(many);
    expect(memory.remembered).toHaveLength(LIMITS.rememberedMax);
    expect(memory.remembered[0]?.nodeId).toBe(`n${LIMITS.rememberedMax + 4}`);
    expect(memory.remembered.at(-1)?.nodeId).toBe("n5");
  });
});
