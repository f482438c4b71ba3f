/** A copy of a native owner's state: shown at once, proven later, taken back when it is not. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rootOf } from "../../../src/crypto/state-root.ts";
import { NativeReplica, type Proof } from "../../../src/protocol/native-replica.ts";
import type { Change } from "../../../src/wire/native-states.ts";

type State = Readonly<Record<string, string>>;

const mapOf = (state: State) => new Map(Object.entries(state));

function proofOf(version: number, state: State): Proof {
  return { version, root: rootOf(mapOf(state)), signature: new Uint8Array(64).fill(version) };
}

/** A copy of which version 1 is proven. */
function proven(state: State): NativeReplica {
  const replica = new NativeReplica();
  replica.change(1, Object.entries(state));
  replica.beginSettling();
  replica.settle(proofOf(1, state));
  return replica;
}

describe("A change", () => {
  it("shows at once, and tells what is new, other and gone", () => {
    const replica = proven({ a: "1", b: "2", c: "3" });
    const change = replica.change(2, [
      ["a", "1"],
      ["b", "two"],
      ["c", undefined],
      ["d", "4"],
      ["e", undefined],
    ]);
    expect(change).toEqual({
      added: ["d"],
      updated: ["b"],
      removed: ["c"],
      previous: mapOf({ b: "2", c: "3" }),
      current: mapOf({ b: "two", d: "4" }),
    });
    expect(replica.version).toBe(2);
    expect(replica.entries).toEqual(mapOf({ a: "1", b: "two", d: "4" }));
    expect(replica.root()).toEqual(rootOf(mapOf({ a: "1", b: "two", d: "4" })));
  });

  it("is provisional until it is proven", () => {
    const replica = proven({ a: "1" });
    replica.change(2, [["a", "2"]]);
    expect(replica.proof?.version).toBe(1);
    expect(replica.provenEntries()).toEqual(mapOf({ a: "1" }));
    expect(replica.provenChangesSince(1)).toBeUndefined();
    replica.beginSettling();
    replica.settle(proofOf(2, { a: "2" }));
    expect(replica.proof?.version).toBe(2);
    expect(replica.provenEntries()).toEqual(mapOf({ a: "2" }));
    expect(replica.provenChangesSince(1)).toEqual([["a", "2"]]);
  });

  it("of an entry and back again leaves nothing to take back", () => {
    const replica = proven({ a: "1" });
    replica.change(2, [["a", "2"]]);
    replica.change(3, [["a", "1"]]);
    expect(replica.provenEntries()).toEqual(mapOf({ a: "1" }));
    const { added, updated, removed } = replica.takeBack();
    expect([...added, ...updated, ...removed]).toEqual([]);
    expect(replica.entries).toEqual(mapOf({ a: "1" }));
  });
});

describe("Changes since a version", () => {
  it("are not known from before the copy began: something may be gone since", () => {
    const replica = new NativeReplica();
    replica.change(5, [["a", "1"]]);
    replica.settleAll(proofOf(5, { a: "1" }));
    expect(replica.provenChangesSince(4)).toBeUndefined();
    expect(replica.provenChangesSince(5)).toEqual([]);
  });
});

describe("What makes a copy into another", () => {
  it("names what is other, new and gone, and is nothing when nothing is", () => {
    const replica = proven({ a: "1", b: "2", c: "3" });
    expect(replica.changesTo(mapOf({ a: "1", b: "two", d: "4" }))).toEqual([
      ["b", "two"],
      ["d", "4"],
      ["c", undefined],
    ]);
    expect(replica.changesTo(replica.entries)).toEqual([]);
  });
});

describe("A proof under way", () => {
  it("is for what was shown when it began: what comes meanwhile stays provisional", () => {
    const replica = proven({ a: "1" });
    replica.change(2, [["a", "2"]]);
    replica.beginSettling();
    replica.change(3, [
      ["a", "3"],
      ["b", "new"],
    ]);
    expect(replica.provenEntries()).toEqual(mapOf({ a: "1" }));
    replica.settle(proofOf(2, { a: "2" }));
    expect(replica.provenEntries()).toEqual(mapOf({ a: "2" }));
    expect(replica.entries).toEqual(mapOf({ a: "3", b: "new" }));
    expect(replica.provenChangesSince(1)).toBeUndefined();
    expect(replica.takeBack()).toMatchObject({ updated: ["a"], removed: ["b"] });
    expect(replica.entries).toEqual(mapOf({ a: "2" }));
    expect(replica.version).toBe(2);
  });

  it("that fails leaves all since the last one provisional, and the copy astray", () => {
    const replica = proven({ a: "1" });
    replica.change(2, [["a", "2"]]);
    replica.beginSettling();
    replica.change(3, [
      ["a", "3"],
      ["b", "new"],
    ]);
    replica.unsettle();
    expect(replica.isAstray).toBe(true);
    expect(replica.provenEntries()).toEqual(mapOf({ a: "1" }));
    expect(replica.takeBack()).toMatchObject({ updated: ["a"], removed: ["b"] });
    expect(replica.entries).toEqual(mapOf({ a: "1" }));
    expect(replica.version).toBe(1);
  });

  it("that another one follows before it ended goes on for both", () => {
    const replica = proven({ a: "1" });
    replica.change(2, [["a", "2"]]);
    replica.beginSettling();
    replica.change(3, [["b", "3"]]);
    replica.beginSettling();
    replica.change(4, [["a", "4"]]);
    expect(replica.provenEntries()).toEqual(mapOf({ a: "1" }));
    replica.settle(proofOf(3, { a: "2", b: "3" }));
    expect(replica.provenEntries()).toEqual(mapOf({ a: "2", b: "3" }));
  });

  it("of the whole counts for all that is shown", () => {
    const replica = proven({ a: "1" });
    replica.change(2, [["a", "2"]]);
    replica.beginSettling();
    replica.change(3, [["b", "3"]]);
    replica.settleAll(proofOf(3, { a: "2", b: "3" }));
    expect(replica.provenEntries()).toEqual(replica.entries);
    expect(replica.provenChangesSince(1)).toEqual([
      ["a", "2"],
      ["b", "3"],
    ]);
  });
});

describe("Taking back", () => {
  it("returns to the proven version, and begins changes from there", () => {
    const replica = proven({ a: "1", gone: "x" });
    replica.change(2, [
      ["a", "2"],
      ["gone", undefined],
      ["new", "y"],
    ]);
    const change = replica.takeBack();
    expect(change).toEqual({
      added: ["gone"],
      updated: ["a"],
      removed: ["new"],
      previous: mapOf({ a: "2", new: "y" }),
      current: mapOf({ a: "1", gone: "x" }),
    });
    expect(replica.version).toBe(1);
    expect(replica.entries).toEqual(mapOf({ a: "1", gone: "x" }));
    expect(replica.root()).toEqual(replica.proof?.root);
    expect(replica.provenChangesSince(1)).toEqual([]);
    expect(replica.provenChangesSince(0)).toBeUndefined();
  });

  it("returns to nothing where nothing was ever proven", () => {
    const replica = new NativeReplica();
    replica.change(2, [["a", "2"]]);
    expect(replica.takeBack()).toMatchObject({ removed: ["a"] });
    expect(replica.version).toBe(0);
    expect(replica.bytes).toBe(0);
    const former = new NativeReplica(5, mapOf({ python: "x" }));
    former.change(6, [["a", "2"]]);
    expect(former.takeBack()).toMatchObject({ removed: ["python", "a"] });
    expect(former.entries.size).toBe(0);
  });
});

describe("The copy of a process that has ended", () => {
  it("is as good as before when all of it is proven", () => {
    const replica = proven({ a: "1" });
    replica.orphan();
    expect(replica.isAstray).toBe(false);
    expect(replica.version).toBe(1);
    expect(replica.provenChangesSince(1)).toEqual([]);
  });

  it("counts as what is proven of it, and is shown until something of its heir comes", () => {
    const replica = proven({ a: "1" });
    replica.change(2, [["a", "2"]]);
    replica.orphan();
    expect(replica.isAstray).toBe(true);
    expect(replica.version).toBe(1);
    expect(replica.entries).toEqual(mapOf({ a: "2" }));
    expect(replica.provenEntries()).toEqual(mapOf({ a: "1" }));
    const none = new NativeReplica();
    none.change(2, [["a", "2"]]);
    none.orphan();
    expect(none.version).toBe(0);
    expect(none.isAstray).toBe(true);
  });

  it("is astray no more once it is proven as a whole", () => {
    const replica = new NativeReplica();
    replica.change(2, [["a", "2"]]);
    replica.orphan();
    replica.change(3, [["a", "3"]]);
    replica.settleAll(proofOf(3, { a: "3" }));
    expect(replica.isAstray).toBe(false);
    expect(replica.provenChangesSince(3)).toEqual([]);
  });
});

describe("Memory that a copy takes", () => {
  it("is that of its entries, and eight bytes for each", () => {
    const replica = new NativeReplica(1, mapOf({ key: "value" }));
    expect(replica.bytes).toBe(3 + 5 + 8);
    replica.change(2, [["key", "longer value"]]);
    expect(replica.bytes).toBe(3 + 12 + 8);
    replica.change(3, [
      ["", ""],
      ["key", undefined],
    ]);
    expect(replica.bytes).toBe(8);
  });
});

describe("Whatever comes in whatever order", () => {
  /** The naive way: every version as a map of its own. */
  class Model {
    shown: State = {};
    version = 0;
    proven: { version: number; state: State } = { version: 0, state: {} };
    settling: { version: number; state: State } | undefined;
    /** All versions since what is shown was last taken back. */
    readonly history = new Map<number, State>([[0, {}]]);
  }

  const key = fc.constantFrom("a", "b", "c", "__proto__");
  const change: fc.Arbitrary<Change> = fc.tuple(
    key,
    fc.option(fc.constantFrom("", "1", "22", "333"), { nil: undefined }),
  );
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc
        .uniqueArray(change, { maxLength: 4, selector: ([name]) => name })
        .map((changes) => ({ do: "change" as const, changes })),
    },
    { weight: 3, arbitrary: fc.constant({ do: "begin" as const }) },
    { weight: 3, arbitrary: fc.constant({ do: "settle" as const }) },
    fc.constantFrom(
      { do: "unsettle" as const },
      { do: "settleAll" as const },
      { do: "takeBack" as const },
    ),
  );

  const apply = (state: State, changes: readonly Change[]): State => {
    const entries = mapOf(state);
    for (const [name, value] of changes) {
      if (value === undefined) entries.delete(name);
      else entries.set(name, value);
    }
    return Object.fromEntries(entries);
  };

  it("it shows, proves and takes back what a naive copy does", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const replica = new NativeReplica();
        const model = new Model();
        for (const one of steps) {
          switch (one.do) {
            case "change":
              model.version += 1;
              model.shown = apply(model.shown, one.changes);
              model.history.set(model.version, model.shown);
              replica.change(model.version, one.changes);
              break;
            case "begin":
              if (model.settling !== undefined) break;
              model.settling = { version: model.version, state: model.shown };
              replica.beginSettling();
              break;
            case "settle":
              if (model.settling === undefined) break;
              model.proven = model.settling;
              model.settling = undefined;
              replica.settle(proofOf(model.proven.version, model.proven.state));
              break;
            case "unsettle":
              if (model.settling === undefined) break;
              model.settling = undefined;
              replica.unsettle();
              break;
            case "settleAll":
              model.settling = undefined;
              model.proven = { version: model.version, state: model.shown };
              replica.settleAll(proofOf(model.version, model.shown));
              break;
            case "takeBack":
              model.settling = undefined;
              ({ version: model.version, state: model.shown } = model.proven);
              model.history.clear();
              model.history.set(model.version, model.shown);
              replica.takeBack();
          }
          expect(replica.entries).toEqual(mapOf(model.shown));
          expect(replica.version).toBe(model.version);
          expect(replica.root()).toEqual(rootOf(mapOf(model.shown)));
          expect(replica.provenEntries()).toEqual(mapOf(model.proven.state));
          const weight = Object.entries(model.shown).map(([k, v]) => k.length + v.length + 8);
          expect(replica.bytes).toBe(weight.reduce((sum, one) => sum + one, 0));
          for (let base = 0; base <= model.version; base += 1) {
            const changes = replica.provenChangesSince(base);
            if (changes === undefined) continue;
            expect(model.proven.version).toBe(model.version);
            const state = model.history.get(base);
            if (state !== undefined) expect(apply(state, changes)).toEqual(model.shown);
          }
        }
      }),
    );
  });
});
