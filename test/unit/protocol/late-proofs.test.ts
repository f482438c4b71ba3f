import { describe, expect, it } from "vitest";
import { NativeReplica, type Proof } from "../../../src/protocol/native-replica.ts";

const proofOf = (version: number, replica: NativeReplica): Proof => ({
  version,
  root: replica.root(),
  signature: new Uint8Array(64),
});

describe("A proof that is being verified when the process of its owner ends", () => {
  it("counts for the version that it is for", () => {
    const replica = new NativeReplica();
    replica.change(1, [["k", "one"]]);
    const proof = proofOf(1, replica);
    replica.beginSettling();
    replica.orphan();
    expect(replica.version).toBe(0);
    replica.settle(proof);
    expect(replica.version).toBe(1);
    expect(replica.isAstray).toBe(false);
    expect([...replica.provenEntries()]).toEqual([["k", "one"]]);
  });

  it("leaves what came after it unproven", () => {
    const replica = new NativeReplica();
    replica.change(1, [["k", "one"]]);
    const proof = proofOf(1, replica);
    replica.beginSettling();
    replica.change(2, [["k", "two"]]);
    replica.orphan();
    replica.settle(proof);
    expect(replica.version).toBe(1);
    expect(replica.isAstray).toBe(true);
    expect([...replica.entries]).toEqual([["k", "two"]]);
    expect([...replica.provenEntries()]).toEqual([["k", "one"]]);
  });
});

describe("A replica whose owner's process has ended", () => {
  it("counts as what is proven, and is shown under the version that it had", () => {
    const replica = new NativeReplica();
    replica.change(1, [["k", "one"]]);
    replica.settleAll(proofOf(1, replica));
    replica.change(2, [["k", "two"]]);
    replica.orphan();
    expect(replica.version).toBe(1);
    expect(replica.shownVersion).toBe(2);
    replica.change(3, [["k", "three"]]);
    expect(replica.shownVersion).toBe(3);
  });
});

describe("growthBy()", () => {
  it("counts what changes add and free", () => {
    const replica = new NativeReplica();
    replica.change(1, [["k", "value"]]);
    const { bytes } = replica;
    const changes: [string, string | undefined][] = [
      ["k", undefined],
      ["other", "longer value"],
    ];
    const growth = replica.growthBy(changes);
    replica.change(2, changes);
    expect(replica.bytes).toBe(bytes + growth);
  });
});
