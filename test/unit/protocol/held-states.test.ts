/** Summaries of what is held are those of the wire, whatever changed since the last. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type HeldEntry, HeldStates } from "../../../src/protocol/held-states.ts";
import { placesOf } from "../../../src/protocol/places.ts";
import { bucketsOf, summaryOf } from "../../../src/wire/digest-summary.ts";

const OWNERS = [
  ...Array.from({ length: 70 }, (_, index) => `n${index}`),
  "\u{10000}",
  "\uffff",
  "z\u{10ffff}",
];

function held(owner: string, version: number): HeldEntry {
  const { bucket } = placesOf(owner);
  return { owner, version, root: new Uint8Array(8).fill(version), bucket };
}

/** Which owners are there, in which order, and which of them are newer than before. */
const change = fc.record({
  there: fc.shuffledSubarray(OWNERS),
  newer: fc.subarray(OWNERS),
});

describe("HeldStates", () => {
  it("sums up as the wire does, after any changes", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 6 }), (changes) => {
        const states = new HeldStates();
        const all = new Map(OWNERS.map((owner) => [owner, held(owner, 1)]));
        for (const { there, newer } of changes) {
          for (const owner of newer)
            all.set(owner, held(owner, (all.get(owner)?.version ?? 0) + 1));
          const entries = there.flatMap((owner) => all.get(owner) ?? []);
          states.update(entries);
          expect(states.entries).toBe(entries);
          expect(states.summary()).toEqual(summaryOf(entries));
          expect(states.buckets()).toEqual(bucketsOf(entries, ({ bucket }) => bucket));
        }
      }),
    );
  });

  it("says the same without hashing anew while nothing changes", () => {
    const states = new HeldStates();
    const entries = OWNERS.map((owner) => held(owner, 1));
    const summary = states.update(entries).summary();
    expect(states.update([...entries]).summary()).toBe(summary);
    states.update(entries.with(3, held("n3", 2)));
    expect(states.summary()).not.toEqual(summary);
  });

  it("takes no entry that the wire could not carry", () => {
    const root = new Uint8Array(7);
    expect(() => new HeldStates().update([{ ...held("a", 1), root }])).toThrow(RangeError);
  });
});
