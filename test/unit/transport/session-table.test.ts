import { describe, expect, it } from "vitest";
import type { ProvenPeer } from "../../../src/transport/carrier.ts";
import { type Listed, SessionTable } from "../../../src/transport/session-table.ts";

const TIE_MS = 2_000;

class FakeSession implements Listed {
  readonly peer: ProvenPeer;
  readonly dialled: boolean;
  readonly sinceMs: number;
  doubted = false;
  draining = false;
  drainsInMs: number | undefined;

  constructor(nodeId: string, dialled: boolean, sinceMs: number, incarnation = "01") {
    this.peer = { nodeId, publicKey: new Uint8Array(64).fill(1), incarnation };
    this.dialled = dialled;
    this.sinceMs = sinceMs;
  }

  get usable(): boolean {
    return !this.doubted && !this.draining;
  }

  drain(): void {
    this.draining = true;
  }

  drainLater(ms: number): void {
    this.drainsInMs = ms;
  }
}

function create(nodeId: string) {
  const lost: string[] = [];
  const table = new SessionTable<FakeSession>(TIE_MS, (peer) => lost.push(peer.nodeId));
  const us = { nodeId, incarnation: "00" };
  const at = { address: "10.0.0.1", port: 1 };
  const add = (session: FakeSession) => table.add(session, us, session.dialled ? at : undefined);
  const target = (nodeId: string, fill = 1) => ({
    ...at,
    peer: { nodeId, publicKey: new Uint8Array(64).fill(fill) },
  });
  return { table, add, target, lost };
}

describe("SessionTable", () => {
  // Our id, whether we dialled the first, when the second came, which of them is used.
  const rows: readonly [string, boolean, number, 0 | 1][] = [
    ["a", true, 500, 0],
    ["a", false, 500, 1],
    ["z", true, 500, 1],
    ["z", false, 500, 0],
    ["a", true, TIE_MS, 1],
    ["a", false, TIE_MS, 1],
  ];
  for (const [us, dialledFirst, atMs, winner] of rows) {
    const first = dialledFirst ? "ours" : "theirs";
    it(`of two sessions of ${us} with m, ${first} first, the other ${atMs} ms later, uses number ${winner + 1}`, () => {
      const { table, add, target } = create(us);
      const sessions = [
        new FakeSession("m", dialledFirst, 0),
        new FakeSession("m", !dialledFirst, atMs),
      ];
      for (const session of sessions) add(session);
      const loser = sessions[1 - winner];
      expect(table.find(target("m"))).toBe(sessions[winner]);
      // The smaller id chooses at once, the other one only if it hears nothing.
      expect(loser?.draining).toBe(us === "a");
      expect(loser?.drainsInMs).toBe(us === "a" ? undefined : TIE_MS);
      expect(sessions[winner]).toMatchObject({ draining: false, drainsInMs: undefined });
    });
  }

  it("uses the newest of two that were dialled in the same direction", () => {
    const { table, add, target } = create("a");
    const [first, second] = [new FakeSession("m", true, 0), new FakeSession("m", true, 1)];
    add(first);
    add(second);
    expect(table.find(target("m"))).toBe(second);
    expect(first.draining).toBe(true);
  });

  it("uses another incarnation whatever the ids, and drains the one before", () => {
    const { table, add, target } = create("z");
    const [first, second] = [new FakeSession("m", false, 0), new FakeSession("m", true, 1, "02")];
    add(first);
    add(second);
    expect(table.find(target("m"))).toBe(second);
    expect(first.draining).toBe(true);
  });

  it("uses a new session in place of one that is doubted", () => {
    const { table, add, target } = create("z");
    const [first, second] = [new FakeSession("m", false, 0), new FakeSession("m", true, 1)];
    add(first);
    first.doubted = true;
    expect(table.find(target("m"))).toBeUndefined();
    add(second);
    expect(table.find(target("m"))).toBe(second);
  });

  it("finds no session for another key of the same id", () => {
    const { table, add, target } = create("a");
    add(new FakeSession("m", true, 0));
    expect(table.find(target("m", 2))).toBeUndefined();
    expect(table.has("m")).toBe(true);
  });

  it("finds the node at an address that was dialled, as long as there is a session with it", () => {
    const { table, add } = create("a");
    const at = { address: "10.0.0.1", port: 1 };
    const [dialled, accepted] = [new FakeSession("m", true, 0), new FakeSession("m", false, 9_999)];
    add(dialled);
    add(accepted);
    expect(table.find(at)).toBe(accepted);
    table.delete(dialled, true);
    expect(table.find(at)).toBe(accepted);
    table.delete(accepted, true);
    expect(table.find(at)).toBeUndefined();
    expect(table.size).toBe(0);
  });

  it("tells of a loss once, when the last session has ended, and only if one of use was lost", () => {
    for (const [firstOurs, secondOurs, told] of [
      [true, true, []],
      [false, true, []],
      [true, false, ["m"]],
      [false, false, ["m"]],
    ] as const) {
      const { table, add, lost } = create("a");
      const [first, second] = [new FakeSession("m", true, 0), new FakeSession("m", true, 9_999)];
      add(first);
      add(second);
      table.delete(first, firstOurs);
      expect(lost).toEqual([]);
      table.delete(second, secondOurs);
      table.delete(second, secondOurs);
      expect(lost).toEqual(told);
    }
  });

  it("tells of a loss when the one in use died while another was being drained", () => {
    const { table, add, lost } = create("a");
    const [first, second] = [new FakeSession("m", true, 0), new FakeSession("m", true, 1)];
    add(first);
    add(second);
    table.delete(second, false);
    expect(lost).toEqual([]);
    table.delete(first, true);
    expect(lost).toEqual(["m"]);
  });
});
