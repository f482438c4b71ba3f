import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rootOf, StateRoot } from "../../../src/crypto/state-root.ts";
import { codePoint } from "../../helpers/code-point.ts";
import { loadNativeVectors, toHex } from "../../vectors.ts";

interface RootCase {
  readonly name: string;
  readonly entries: readonly (readonly [string, string])[] | null;
  /** Instead of entries: that many, `key-0` with `value 0` and so on. */
  readonly count: number | null;
  readonly root: string;
}

const entriesOf = ({ entries, count }: RootCase) =>
  entries ??
  Array.from({ length: count ?? 0 }, (_, n) => [`key-${n}`, `value ${n}`] as [string, string]);

/** Straight from the definition, over bytes. */
function plainRoot(entries: ReadonlyMap<string, string>): string {
  const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();
  const prefixed = (text: string) => {
    const bytes = Buffer.alloc(4 + Buffer.byteLength(text));
    bytes.writeUInt32LE(bytes.length - 4);
    bytes.write(text, 4);
    return bytes;
  };
  const buckets = Array.from({ length: 256 }, (_, number) => {
    const keys = [...entries.keys()]
      .filter((key) => sha256(Buffer.from(key))[0] === number)
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const parts = keys.flatMap((key) => [prefixed(key), prefixed(entries.get(key) ?? "")]);
    return parts.length === 0 ? Buffer.alloc(32) : sha256(Buffer.concat(parts));
  });
  return toHex(sha256(Buffer.concat(buckets)));
}

/** Keys of one bucket, so that their order counts: in each plane, and of one another's beginnings. */
const CROWDED = ["", "a", "z", "\u00e9", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}"]
  .flatMap((start) => Array.from({ length: 400 }, (_, n) => `${start}${n}`))
  .filter((key) => createHash("sha256").update(key).digest()[0] === 7);

const key = fc.oneof(
  fc.constantFrom(...CROWDED),
  fc.constantFrom("a", "b", "__proto__", ""),
  fc.string({ unit: codePoint, maxLength: 4 }),
);
const value = fc.oneof(
  fc.constantFrom("", "x", "y"),
  fc.string({ unit: codePoint, maxLength: 20 }),
);
const entries = fc.array(fc.tuple(key, value), { maxLength: 40 }).map((list) => new Map(list));

describe("The root of a state", () => {
  it.each(loadNativeVectors<RootCase>("roots"))("$name is that of the vector", (row) => {
    expect(toHex(rootOf(new Map(entriesOf(row))))).toBe(row.root);
  });

  it("is what its definition says", () => {
    expect(CROWDED.length).toBeGreaterThan(8);
    fc.assert(
      fc.property(entries, (map) => {
        expect(toHex(rootOf(map))).toBe(plainRoot(map));
      }),
      { numRuns: 50 },
    );
  });

  it("does not depend on the order in which entries were written", () => {
    fc.assert(
      fc.property(entries, (map) => {
        expect(rootOf(new Map([...map].reverse()))).toEqual(rootOf(map));
      }),
    );
  });

  it("kept write by write, is that of the entries after any sequence of operations", () => {
    const operation = fc.oneof(
      { weight: 8, arbitrary: fc.record({ what: fc.constant("set" as const), key, value }) },
      { weight: 4, arbitrary: fc.record({ what: fc.constant("delete" as const), key }) },
      { weight: 2, arbitrary: fc.constant({ what: "digest" as const }) },
      { weight: 1, arbitrary: fc.constant({ what: "clear" as const }) },
      { weight: 1, arbitrary: fc.constant({ what: "copy" as const }) },
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        let root = new StateRoot();
        const map = new Map<string, string>();
        const left: { readonly root: StateRoot; readonly digest: Uint8Array }[] = [];
        for (const one of operations) {
          if (one.what === "set") {
            root.set(one.key, one.value);
            map.set(one.key, one.value);
          } else if (one.what === "delete") {
            root.delete(one.key);
            map.delete(one.key);
          } else if (one.what === "clear") {
            root.clear();
            map.clear();
          } else if (one.what === "copy") {
            const copy = root.copy();
            left.push({ root, digest: root.digest() });
            root = copy;
          } else {
            expect(root.digest()).toEqual(rootOf(map));
          }
        }
        expect(root.digest()).toEqual(rootOf(map));
        // What follows a copy is no matter of what it was made of.
        for (const { root: other, digest } of left) expect(other.digest()).toEqual(digest);
      }),
    );
  });

  it("differs when a key or a value does, also where one takes from the other", () => {
    const all = [[], ["ab", "c"], ["a", "bc"], ["ab", ""], ["", "ab"], ["", ""]];
    const roots = all.map(([name, text]) =>
      toHex(rootOf(new Map(name === undefined ? [] : [[name, text ?? ""]]))),
    );
    expect(new Set(roots).size).toBe(all.length);
  });

  it("what digest() returns is the caller's own", () => {
    const root = new StateRoot();
    root.set("a", "1");
    const before = root.digest();
    const kept = toHex(before);
    before.fill(0);
    expect(toHex(root.digest())).toBe(kept);
    expect(root.digest().buffer.byteLength).toBe(32);
  });

  it("a value that is empty is not an entry that is absent", () => {
    const root = new StateRoot();
    const nothing = root.digest();
    root.set("a", "");
    expect(root.digest()).not.toEqual(nothing);
    root.delete("a");
    expect(root.digest()).toEqual(nothing);
  });

  it("keys that fall into one bucket by choice cost hardly more than others", () => {
    const keys = Array.from({ length: 1_000_000 }, (_, index) => index.toString(36));
    const chosen = keys.filter((key) => createHash("sha256").update(key).digest()[0] === 0);
    const entriesOf = (some: readonly string[]) => new Map(some.map((key) => [key, ""]));
    const [one, all] = [entriesOf(chosen), entriesOf(keys.slice(0, chosen.length))];
    const msOf = (entries: ReadonlyMap<string, string>) => {
      const startMs = performance.now();
      rootOf(entries);
      return performance.now() - startMs;
    };
    const times = Array.from({ length: 5 }, () => ({ one: msOf(one), all: msOf(all) }));
    const best = (which: "one" | "all") => Math.min(...times.map((time) => time[which]));
    // Entry by entry it took a hundred times as long.
    expect(best("one") / best("all")).toBeLessThan(10);
  });
});
