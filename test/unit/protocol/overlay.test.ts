import { describe, expect, it } from "vitest";
import { Kernel } from "../../../src/protocol/kernel.ts";
import type { Member } from "../../../src/protocol/member.ts";
import { Members } from "../../../src/protocol/members.ts";
import { Overlay } from "../../../src/protocol/overlay.ts";
import { DEFAULT_SETTINGS } from "../../../src/protocol/settings.ts";

const SETTLED_MS = 1_000;

/** One node's view of a network in which it reaches all others. */
class View {
  readonly kernel = new Kernel({
    settings: DEFAULT_SETTINGS,
    random: () => 0.5,
    entropy: (length) => new Uint8Array(length),
  });
  readonly members = new Members(this.kernel);
  readonly linked: string[] = [];
  full = 0;
  readonly overlay: Overlay;

  constructor(nodeId: string, others: readonly string[]) {
    this.overlay = new Overlay({
      kernel: this.kernel,
      members: this.members,
      nodeId,
      onLink: (member) => this.linked.push(member.nodeId),
      onFull: () => {
        this.full += 1;
      },
    });
    for (const other of others) this.join(other);
    this.settle();
  }

  join(nodeId: string): void {
    const member = this.members.add(nodeId, new Uint8Array(64)) as Member;
    member.native = {
      incarnation: "00",
      issued: 1,
      features: [],
      sessions: true,
      addresses: [],
    };
    this.members.setStatus(member, "alive", undefined);
  }

  leave(nodeId: string): void {
    const member = this.members.get(nodeId) as Member;
    this.members.setStatus(member, "down", undefined);
  }

  settle(): void {
    void this.overlay.links;
    this.kernel.now = {
      monotonicMs: this.kernel.now.monotonicMs + SETTLED_MS,
      unixSeconds: 0,
    };
    this.kernel.fireTimers();
  }

  get links(): string[] {
    return [...this.overlay.links].map(({ nodeId }) => nodeId).sort();
  }
}

const names = (count: number) => Array.from({ length: count }, (_, index) => `node-${index}`);

describe("The overlay", () => {
  it("of few nodes has no links: all talk to all", () => {
    const [me = "", ...others] = names(32);
    const view = new View(me, others);
    expect(view.overlay.isSparse).toBe(false);
    expect(view.links).toEqual([]);
    expect(view.overlay.reached().length).toBe(31);
  });

  it("of many gives each at most ten links, and both ends of each the same one", () => {
    const all = names(100);
    const views = new Map(
      all.map(
        (me) =>
          [
            me,
            new View(
              me,
              all.filter((other) => other !== me),
            ),
          ] as const,
      ),
    );
    for (const [me, view] of views) {
      expect(view.links.length).toBeLessThanOrEqual(10);
      expect(view.links.length).toBeGreaterThanOrEqual(5);
      for (const other of view.links) expect(views.get(other)?.links).toContain(me);
    }
  });

  it("leads from anywhere to anywhere in four steps", () => {
    const all = names(100);
    const links = new Map(
      all.map(
        (me) =>
          [
            me,
            new View(
              me,
              all.filter((other) => other !== me),
            ).links,
          ] as const,
      ),
    );
    let reached = new Set(all.slice(0, 1));
    for (let step = 0; step < 4; step += 1) {
      reached = new Set([...reached].flatMap((one) => [one, ...(links.get(one) ?? [])]));
    }
    expect(reached.size).toBe(100);
  });

  it("tells of new links alone, and replaces one that is gone", () => {
    const [me = "", ...others] = names(60);
    const view = new View(me, others);
    const before = view.links;
    expect([...view.linked].sort()).toEqual(before);
    view.linked.length = 0;
    const [gone = ""] = before;
    const member = view.members.get(gone) as Member;
    view.leave(gone);
    // Links follow later; it is called from now on.
    for (const link of before) {
      expect(view.overlay.isMissed(view.members.get(link) as Member), link).toBe(true);
    }
    view.settle();
    view.settle();
    expect(view.links).not.toContain(gone);
    expect(view.linked.every((linked) => !before.includes(linked))).toBe(true);
    expect(view.links).toEqual(
      [...new Set([...before, ...view.linked])].filter((one) => one !== gone).sort(),
    );
    // It would be a neighbour if it were there, so this node is among those that call it.
    expect(view.overlay.isMissed(member)).toBe(true);
    const far = others.find((other) => !before.includes(other) && !view.links.includes(other));
    expect(view.overlay.isMissed(view.members.get(far ?? "") as Member)).toBe(false);
  });

  it("stays as it is while the network shrinks a little, and ends when it is small", () => {
    const [me = "", ...others] = names(40);
    const view = new View(me, others);
    for (const other of others.slice(0, 14)) view.leave(other);
    view.settle();
    expect([view.overlay.isSparse, view.full]).toEqual([true, 0]);
    for (const other of others.slice(14, 17)) view.leave(other);
    view.settle();
    expect([view.overlay.isSparse, view.full]).toEqual([false, 1]);
  });
});
