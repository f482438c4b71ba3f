import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DigestEntry } from "../../../src/wire/digest-entry.ts";
import { summaryOf } from "../../../src/wire/digest-summary.ts";
import { anyDigestEntries } from "../../helpers/native-messages.ts";
import { fromHex, loadNativeVectors, toHex } from "../../vectors.ts";

const entry: DigestEntry = { owner: "a", version: 1, root: new Uint8Array(8) };

describe("summaryOf", () => {
  interface SummaryCase {
    readonly name: string;
    readonly entries: readonly { owner: string; version: number; root: string }[];
    readonly summary: string;
  }

  it.each(loadNativeVectors<SummaryCase>("digest_summaries"))(
    "$name is that of the vector",
    (row) => {
      const entries = row.entries.map((one) => ({ ...one, root: fromHex(one.root) }));
      expect(toHex(summaryOf(entries))).toBe(row.summary);
      expect(toHex(summaryOf(entries.reverse()))).toBe(row.summary);
    },
  );

  it("is the same in any order, and leaves the entries in theirs", () => {
    fc.assert(
      fc.property(anyDigestEntries, (entries) => {
        const before = [...entries];
        const reversed = [...entries].reverse();
        expect(summaryOf(entries)).toEqual(summaryOf(reversed));
        expect(entries).toEqual(before);
      }),
    );
  });

  it("differs when anything differs", () => {
    const all = [
      [],
      [entry],
      [{ ...entry, owner: "b" }],
      [{ ...entry, version: 1.5 }],
      [{ ...entry, root: new Uint8Array(8).fill(1) }],
      [entry, { ...entry, owner: "b" }],
    ];
    expect(new Set(all.map((entries) => toHex(summaryOf(entries)))).size).toBe(all.length);
  });

  it("is of entries that could be sent only", () => {
    expect(() => summaryOf([{ ...entry, root: new Uint8Array(32) }])).toThrow(RangeError);
  });
});
