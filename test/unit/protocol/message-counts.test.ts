/** Messages to each receiver are counted by themselves, and no number is used for it twice. */
import { describe, expect, it } from "vitest";
import { MessageCounts } from "../../../src/protocol/message-counts.ts";
import { LIMITS } from "../../../src/protocol/settings.ts";

/** Sends one message each to so many others. */
function sendToOthers(counts: MessageCounts, count: number): void {
  for (let index = 0; index < count; index += 1) counts.next(`other ${index}`);
}

describe("MessageCounts", () => {
  it("begin at 1 for each receiver, and skip none of its numbers", () => {
    const counts = new MessageCounts();
    const numbers = ["a", "b", "a", "b", "b", "a"].map((receiver) => counts.next(receiver));
    expect(numbers).toEqual([1, 1, 2, 2, 3, 3]);
  });

  it("are kept of as many receivers as there can be members", () => {
    const counts = new MessageCounts();
    sendToOthers(counts, LIMITS.membersMax + 100);
    expect(counts.size).toBe(LIMITS.membersMax);
  });

  it("go on above all that a receiver was sent, also when it has been dropped meanwhile", () => {
    const counts = new MessageCounts();
    for (let sent = 1; sent <= 5; sent += 1) counts.next("a");
    counts.next("b");
    sendToOthers(counts, LIMITS.membersMax);
    expect(counts.next("a")).toBe(6);
    expect(counts.next("b")).toBe(6);
    expect(counts.next("a")).toBe(7);
  });

  it("drop the receiver that was sent nothing for longest", () => {
    const counts = new MessageCounts();
    counts.next("a");
    counts.next("b");
    counts.next("b");
    counts.next("a");
    sendToOthers(counts, LIMITS.membersMax - 1);
    // Gone is b, whose count nobody new may be below; a has its own.
    expect(counts.next("a")).toBe(3);
    expect(counts.next("new")).toBe(3);
  });
});
