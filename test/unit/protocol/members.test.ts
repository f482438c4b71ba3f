/** The table of nodes: who is in it, and what the application is told of them. */
import { describe, expect, it } from "vitest";
import { DsnError } from "../../../src/errors.ts";
import { ENTRY_MEMORY_BYTES } from "../../../src/protocol/copy-memory.ts";
import { Kernel } from "../../../src/protocol/kernel.ts";
import type { Member } from "../../../src/protocol/member.ts";
import { Members } from "../../../src/protocol/members.ts";
import { DEFAULT_SETTINGS, LIMITS } from "../../../src/protocol/settings.ts";

const KEY = new Uint8Array(64);

function setUp() {
  const kernel = new Kernel({
    settings: DEFAULT_SETTINGS,
    random: () => 0,
    entropy: (length) => new Uint8Array(length),
  });
  const members = new Members(kernel);
  const add = (nodeId: string, status: Member["status"] = "joining") => {
    const member = members.add(nodeId, KEY);
    if (member === undefined) throw new Error("no room");
    kernel.now = { monotonicMs: kernel.now.monotonicMs + 1, unixSeconds: 0 };
    if (status !== "joining") members.setStatus(member, status, undefined);
    return member;
  };
  /** What was told since the last look, in short. */
  const told = () =>
    kernel.takeEffects().map((effect) => {
      if (effect.kind !== "event") return effect.kind;
      const { event } = effect;
      if (event.name === "peer:join") return event.rejoined ? "rejoin" : "join";
      if (event.name === "peer:status") return `${event.before} -> ${event.member.status}`;
      if (event.name === "peer:leave") return `leave ${event.reason?.code ?? ""}`.trim();
      if (event.name === "state:update") return `state ${event.change.added.join()}`;
      return event.name;
    });
  return { kernel, members, add, told };
}

function replicaOf(text: string, entries: Record<string, string>): Member["replica"] {
  return {
    kind: "python",
    version: 1,
    text,
    entries: new Map(Object.entries(entries)),
    bytes: text.length,
    packet: new Uint8Array(),
  };
}

const gone = new DsnError("DSN_UNREACHABLE", "gone");

describe("Members", () => {
  it("tells of a coming and a going once each, and knows who was there before", () => {
    const { members, add, told } = setUp();
    const a = add("a");
    expect(told()).toEqual([]);
    members.setStatus(a, "alive", undefined);
    expect(told()).toEqual(["join", "joining -> alive"]);
    members.setStatus(a, "alive", undefined);
    expect(told()).toEqual([]);
    members.setStatus(a, "suspect", gone);
    expect(told()).toEqual(["alive -> suspect"]);
    members.setStatus(a, "down", gone);
    expect(told()).toEqual(["leave DSN_UNREACHABLE", "suspect -> down"]);
    members.setStatus(a, "refused", gone);
    expect(told()).toEqual(["down -> refused"]);
    members.setStatus(a, "one-way", undefined);
    expect(told()).toEqual(["rejoin", "refused -> one-way"]);
  });

  it("keeps the newest reason, even where the status stays", () => {
    const { members, add } = setUp();
    const a = add("a", "down");
    members.setStatus(a, "down", gone);
    expect(a.reason).toBe(gone);
  });

  it("knows since when a member has its status", () => {
    const { kernel, members, add } = setUp();
    const a = add("a", "alive");
    kernel.now = { monotonicMs: 500, unixSeconds: 0 };
    members.setStatus(a, "alive", undefined);
    expect(a.sinceMs).toBeLessThan(500);
    members.setStatus(a, "down", undefined);
    expect(a.sinceMs).toBe(500);
  });

  it("shows a state that came before its owner when the owner comes, unless it is empty", () => {
    const { members, add, told } = setUp();
    const a = add("a");
    a.replica = replicaOf('{"k": "v"}', { k: "v" });
    members.setStatus(a, "alive", undefined);
    expect(told()).toEqual(["join", "state k", "joining -> alive"]);
    const b = add("b");
    b.replica = replicaOf("{}", {});
    members.setStatus(b, "alive", undefined);
    expect(told()).toEqual(["join", "joining -> alive"]);
  });

  it("lists as present who is alive, suspected or one-way", () => {
    const { members, add } = setUp();
    for (const status of ["joining", "alive", "suspect", "one-way", "refused", "down"] as const)
      add(status, status);
    expect(members.present().map(({ nodeId }) => nodeId)).toEqual(["alive", "suspect", "one-way"]);
    expect(members.all().length).toBe(6);
  });

  it("removes a member that is present as one that leaves", () => {
    const { members, add, told } = setUp();
    const a = add("a", "alive");
    const b = add("b");
    told();
    members.remove(a);
    members.remove(b);
    expect(told()).toEqual(["leave", "alive -> down"]);
    expect(members.all()).toEqual([]);
    expect(members.has(a)).toBe(false);
  });

  it("does not remove another record of the same name", () => {
    const { members, add } = setUp();
    const old = add("a");
    members.remove(old);
    const other = add("a");
    members.remove(old);
    expect(members.get("a")).toBe(other);
    expect([members.has(other), members.has(old)]).toEqual([true, false]);
  });

  it("counts the memory of all replicas: text, packets and entries", () => {
    const { members, add } = setUp();
    add("a").replica = replicaOf('{"k": "v"}', { k: "v" });
    add("b").replica = replicaOf("{}", {});
    add("c");
    expect(members.replicaBytes()).toBe(12 + ENTRY_MEMORY_BYTES);
  });

  it("has room until all replicas together would pass the limit, and again when some shrink", () => {
    const { members, add } = setUp();
    const a = add("a");
    const grow = (text: string) => {
      a.replica = replicaOf(text, {});
    };
    expect(members.hasRoomFor(8, 10)).toBe(true);
    grow("12345678");
    expect(members.hasRoomFor(3, 10)).toBe(false);
    expect(members.hasRoomFor(2, 10)).toBe(true);
    grow("1234567890");
    expect(members.hasRoomFor(1, 10)).toBe(false);
    expect(members.hasRoomFor(-9, 10)).toBe(true);
    grow("12345678901234567890");
    expect(members.hasRoomFor(1, 10)).toBe(false);
    expect(members.hasRoomFor(-9, 10)).toBe(true);
    grow("1");
    expect(members.hasRoomFor(10, 10)).toBe(false);
    expect(members.hasRoomFor(9, 10)).toBe(true);
  });

  it("gets another revision with each change of who is there, and with nothing else", () => {
    const { members, add } = setUp();
    const a = add("a", "alive");
    const { revision } = members;
    members.setStatus(a, "alive", gone);
    expect(members.revision).toBe(revision);
    members.setStatus(a, "down", gone);
    expect(members.revision).not.toBe(revision);
  });
});

describe("A full table", () => {
  it("drops the node that is away longest, and never one that is there", () => {
    const { members, add } = setUp();
    const first = add("first", "down");
    const second = add("second");
    for (let count = 2; count < LIMITS.membersMax; count += 1) add(`n${count}`, "alive");
    members.setStatus(first, "refused", undefined);
    expect(members.add("one more", KEY)?.nodeId).toBe("one more");
    expect([members.has(second), members.has(first)]).toEqual([false, true]);
    members.add("another", KEY);
    expect(members.has(first)).toBe(false);
    for (const name of ["one more", "another"]) {
      const member = members.get(name);
      if (member !== undefined) members.setStatus(member, "alive", undefined);
    }
    expect(members.add("too many", KEY)).toBeUndefined();
    expect(members.all().length).toBe(LIMITS.membersMax);
  });
});

describe("A full table", () => {
  it("forgets whoever was never there, if those are many, before one that was", () => {
    const { members, add } = setUp();
    const known = add("known", "alive");
    members.setStatus(known, "down", gone);
    for (let count = 1; count < LIMITS.membersMax; count += 1) add(`invented${count}`);
    for (let count = 0; count < 100; count += 1) add(`more${count}`);
    expect(members.has(known)).toBe(true);
    expect(members.all().length).toBe(LIMITS.membersMax);
  });

  it("of nodes that are gone for good has room for many newcomers at once", () => {
    const { members, add } = setUp();
    for (let count = 0; count < LIMITS.membersMax; count += 1) {
      const member = add(`old${count}`, "alive");
      members.setStatus(member, "left", undefined);
    }
    const newcomers = Array.from({ length: 100 }, (_, index) => add(`new${index}`));
    expect(newcomers.filter((member) => !members.has(member))).toEqual([]);
  });
});

describe("One address that brings node after node", () => {
  it("loses the oldest that was never reached, when it has brought as many as allowed", () => {
    const { members, add } = setUp();
    const brought = ["a", "b", "c"].map((name) => add(name));
    for (const member of brought) member.source = "10.0.0.66";
    members.makeRoomFor("10.0.0.66", 4);
    expect(members.all().length).toBe(3);
    members.makeRoomFor("10.0.0.66", 3);
    expect(members.all().map(({ nodeId }) => nodeId)).toEqual(["b", "c"]);
  });

  it("costs no node of another address, none that is there, and none that was there before", () => {
    const { members, add } = setUp();
    const [elsewhere, here, before] = [add("elsewhere"), add("here", "alive"), add("before")];
    elsewhere.source = "10.0.0.2";
    here.source = "10.0.0.66";
    before.source = "10.0.0.66";
    before.joinedBefore = true;
    members.makeRoomFor("10.0.0.66", 0);
    expect(members.all().length).toBe(3);
  });
});
