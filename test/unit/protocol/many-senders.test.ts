/** What is remembered of senders, when somebody sends under one name after the other. */
import { describe, expect, it } from "vitest";
import { Numbers } from "../../../src/protocol/numbers.ts";
import { Repeats } from "../../../src/protocol/repeats.ts";
import { LIMITS } from "../../../src/protocol/settings.ts";

const signature = new Uint8Array(64).fill(3);

/** A node that is listed, then others that are not any more. */
const names = ["known", ...Array.from({ length: 3 * LIMITS.membersMax }, (_, n) => `n${n}`)];
const isListed = (nodeId: string) => nodeId === "known";

describe("Messages of one sender after the other", () => {
  it("are remembered of as many as may be listed, on sessions", () => {
    const numbers = new Numbers(isListed);
    for (const name of names) expect(numbers.isNew(name, "00", 1)).toBe(true);
    expect(numbers.size).toBe(LIMITS.membersMax);
    expect(numbers.isNew("known", "00", 1)).toBe(false);
    expect(numbers.isNew(names.at(-1) ?? "", "00", 1)).toBe(false);
  });

  it("and on the Python wire: nobody is forgotten who is listed", () => {
    const repeats = new Repeats(isListed);
    for (const name of names) expect(repeats.isNew(name, signature)).toBe(true);
    expect(repeats.size).toBe(LIMITS.membersMax);
    expect(repeats.isNew("known", signature)).toBe(false);
    expect(repeats.isNew(names.at(-1) ?? "", signature)).toBe(false);
  });
});
