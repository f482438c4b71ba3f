/** What a peer lacks, and in which form it is told; and how our own versions are signed. */
import { describe, expect, it } from "vitest";
import { rootOf } from "../../../src/crypto/state-root.ts";
import { Kernel } from "../../../src/protocol/kernel.ts";
import { Members } from "../../../src/protocol/members.ts";
import { NativeItems } from "../../../src/protocol/native-items.ts";
import { NativeReplica, type Proof } from "../../../src/protocol/native-replica.ts";
import { OwnProofs } from "../../../src/protocol/own-proofs.ts";
import { OwnState } from "../../../src/protocol/own-state.ts";
import { DEFAULT_SETTINGS } from "../../../src/protocol/settings.ts";
import { rootSignedPart } from "../../../src/wire/native-states.ts";
import { digestEntry, entriesOf } from "./session.ts";

const NOW = 1_000;
const NO_ROOT = new Uint8Array(8);
const SIGNED = new Uint8Array(64).fill(9);

type State = Readonly<Record<string, string>>;

function setUp(relays = true) {
  const kernel = new Kernel({
    settings: DEFAULT_SETTINGS,
    random: () => 0,
    entropy: (length) => new Uint8Array(length),
  });
  kernel.now = { monotonicMs: 0, unixSeconds: NOW };
  const own = new OwnState(0);
  own.commit(NOW);
  const members = new Members(kernel);
  const proved: Proof[] = [];
  const proofs: OwnProofs = new OwnProofs(kernel, own, "me", () => {
    if (proofs.current !== undefined) proved.push(proofs.current);
  });
  const items = new NativeItems(kernel, own, proofs, members, { nodeId: "me", relays });
  /** Lets the time pass that a version waits for its signature. */
  const pass = (ms: number) => {
    const monotonicMs = kernel.now.monotonicMs + ms;
    kernel.now = { monotonicMs, unixSeconds: NOW + monotonicMs / 1_000 };
    kernel.fireTimers();
  };
  const signing = () => kernel.takeEffects().flatMap((one) => (one.kind === "sign" ? [one] : []));
  const sign = () => {
    for (const { operation } of signing()) kernel.finished(operation, SIGNED);
  };
  const write = (key: string, value: string | undefined) => {
    own.write(new Map([[key, value]]));
    own.commit(kernel.now.unixSeconds);
    return own.version;
  };
  /** A present owner of whose state version 10 is proven, and 20 if `newer` is given. */
  const owner = (nodeId: string, state: State, newer?: State) => {
    const member = members.add(nodeId, new Uint8Array(64));
    if (member === undefined) throw new Error("no room");
    members.setStatus(member, "alive", undefined);
    const replica = new NativeReplica();
    replica.change(10, Object.entries(state));
    replica.beginSettling();
    const root = rootOf(entriesOf(state));
    replica.settle({ version: 10, root, signature: SIGNED });
    if (newer !== undefined) replica.change(20, replica.changesTo(entriesOf(newer)));
    member.replica = replica;
    return { member, replica };
  };
  const python = (nodeId: string, version = 10) => {
    const member = members.add(nodeId, new Uint8Array(64));
    if (member === undefined) throw new Error("no room");
    members.setStatus(member, "alive", undefined);
    const packet = Uint8Array.of(1, 2, 3);
    member.replica = { kind: "python", version, entries: new Map(), bytes: 2, packet, text: "{}" };
    return { member, packet };
  };
  return { kernel, own, members, proofs, proved, items, pass, signing, sign, write, owner, python };
}

describe("What a peer lacks of our own state", () => {
  it("is all of it, where it holds nothing", () => {
    const { items, write } = setUp();
    const version = write("a", "1");
    const whole = {
      form: "snapshot",
      owner: "me",
      version,
      entries: entriesOf({ a: "1" }),
      signature: undefined,
    };
    expect(items.lacking("me", undefined, "bob")).toEqual(whole);
    expect(items.lacking("me", digestEntry("me", 0), "bob")).toEqual(whole);
    expect(items.own(undefined)).toEqual(whole);
  });

  it("is what changed, where it holds a version of this life; else all", () => {
    const { items, own, write } = setUp();
    const first = own.version;
    write("a", "1");
    const version = write("b", "2");
    expect(items.lacking("me", digestEntry("me", first), "bob")).toMatchObject({
      form: "delta",
      base: first,
      version,
      changes: [
        ["a", "1"],
        ["b", "2"],
      ],
    });
    expect(items.own(first)).toEqual(items.lacking("me", digestEntry("me", first), "bob"));
    expect(items.lacking("me", digestEntry("me", first - 1), "bob")).toMatchObject({
      form: "snapshot",
    });
    expect(items.own(version)).toMatchObject({ form: "snapshot" });
  });

  it("is nothing, where it holds this version, or one that we have not made", () => {
    const { items, own } = setUp();
    expect(items.lacking("me", digestEntry("me", own.version), "bob")).toBeUndefined();
    expect(items.lacking("me", digestEntry("me", own.version + 1), "bob")).toBeUndefined();
  });

  it("is the signature, where it holds this version without", () => {
    const { items, own, proofs, pass, sign } = setUp();
    proofs.signSoon();
    pass(5);
    sign();
    const { version } = own;
    expect(items.lacking("me", digestEntry("me", version), "bob")).toEqual({
      form: "proof",
      owner: "me",
      version,
      signature: SIGNED,
    });
    expect(items.lacking("me", digestEntry("me", version, {}), "bob")).toBeUndefined();
  });

  it("is all of it, where it holds this version with other entries: both are to be seen", () => {
    const { items, own, proofs, pass, sign } = setUp();
    const theirs = digestEntry("me", own.version, { other: "1" });
    expect(items.lacking("me", theirs, "bob")).toBeUndefined();
    proofs.signSoon();
    pass(5);
    sign();
    expect(items.lacking("me", theirs, "bob")).toMatchObject({
      form: "snapshot",
      version: own.version,
      signature: SIGNED,
    });
  });

  it("contains what is written in this turn, as a version of its own", () => {
    const { items, own } = setUp();
    const before = own.version;
    own.write(new Map([["late", "1"]]));
    const [mine] = items.digest();
    expect(mine?.version).toBeGreaterThan(before);
    expect(items.lacking("me", digestEntry("me", before), "bob")).toMatchObject({
      version: mine?.version,
      changes: [["late", "1"]],
    });
  });
});

describe("What a peer lacks of another's state", () => {
  it("is what is proven of it, whole or as changes", () => {
    const { items, owner } = setUp();
    const { replica } = owner("bob", { a: "1" });
    const whole = {
      form: "snapshot",
      owner: "bob",
      version: 10,
      entries: entriesOf({ a: "1" }),
      signature: SIGNED,
    };
    expect(items.lacking("bob", undefined, "carol")).toEqual(whole);
    expect(items.lacking("bob", digestEntry("bob", 0), "carol")).toEqual(whole);
    replica.change(20, [["b", "2"]]);
    replica.beginSettling();
    replica.settle({ version: 20, root: replica.root(), signature: SIGNED });
    expect(items.lacking("bob", digestEntry("bob", 10), "carol")).toEqual({
      form: "delta",
      owner: "bob",
      version: 20,
      base: 10,
      changes: [["b", "2"]],
      signature: SIGNED,
    });
    expect(items.lacking("bob", digestEntry("bob", 20), "carol")).toMatchObject({ form: "proof" });
    const same = digestEntry("bob", 20, { a: "1", b: "2" });
    expect(items.lacking("bob", same, "carol")).toBeUndefined();
    expect(items.lacking("bob", digestEntry("bob", 30), "carol")).toBeUndefined();
    const fork = digestEntry("bob", 20, { other: "1" });
    expect(items.lacking("bob", fork, "carol")).toMatchObject({ form: "snapshot", version: 20 });
  });

  it("is told whole to its owner: what its changes began with may be lost there", () => {
    const { items, owner } = setUp();
    const { replica } = owner("bob", { a: "1" });
    replica.change(20, [["b", "2"]]);
    replica.beginSettling();
    replica.settle({ version: 20, root: replica.root(), signature: SIGNED });
    expect(items.lacking("bob", digestEntry("bob", 10), "bob")).toMatchObject({
      form: "snapshot",
      version: 20,
    });
  });

  it("is the proven version where a newer one is only shown", () => {
    const { items, owner } = setUp();
    owner("bob", { a: "1" }, { a: "2", b: "new" });
    const proven = { form: "snapshot", version: 10, entries: entriesOf({ a: "1" }) };
    expect(items.lacking("bob", undefined, "carol")).toMatchObject(proven);
    expect(items.lacking("bob", digestEntry("bob", 5), "carol")).toMatchObject(proven);
    const same = digestEntry("bob", 10, { a: "1" });
    expect(items.lacking("bob", same, "carol")).toBeUndefined();
  });

  it("is nothing, where none of it is proven, none is held, or nobody knows the owner", () => {
    const { items, members, owner } = setUp();
    const { member } = owner("bob", { a: "1" });
    const unproven = new NativeReplica();
    unproven.change(10, [["a", "1"]]);
    member.replica = unproven;
    expect(items.lacking("bob", undefined, "carol")).toBeUndefined();
    member.replica = undefined;
    expect(items.lacking("bob", undefined, "carol")).toBeUndefined();
    members.remove(member);
    expect(items.lacking("bob", undefined, "carol")).toBeUndefined();
  });

  it("is nothing once the owner is gone", () => {
    const { items, members, owner, python } = setUp();
    for (const { member } of [owner("bob", { a: "1" }), python("paul")]) {
      expect(items.lacking(member.nodeId, undefined, "carol")).toBeDefined();
      members.setStatus(member, "down", undefined);
      expect(items.lacking(member.nodeId, undefined, "carol")).toBeUndefined();
    }
    expect(items.digest().map((entry) => entry.owner)).toEqual(["me"]);
  });

  it("is the packet of a Python owner, verbatim, where it is newer than what is held", () => {
    const { items, python } = setUp();
    const { packet } = python("paul");
    const told = { form: "python", owner: "paul", packet };
    expect(items.lacking("paul", undefined, "carol")).toEqual(told);
    expect(items.lacking("paul", digestEntry("paul", 9), "carol")).toEqual(told);
    expect(items.lacking("paul", digestEntry("paul", 10), "carol")).toBeUndefined();
    expect(items.lacking("paul", digestEntry("paul", 11), "carol")).toBeUndefined();
  });

  it("is nothing at a node that passes nothing on", () => {
    const { items, owner, python } = setUp(false);
    owner("bob", { a: "1" });
    python("paul");
    expect(items.lacking("bob", undefined, "carol")).toBeUndefined();
    expect(items.lacking("paul", undefined, "carol")).toBeUndefined();
    expect(items.lacking("me", undefined, "carol")).toMatchObject({ form: "snapshot" });
    expect(items.digest().map((entry) => entry.owner)).toEqual(["me"]);
  });
});

describe("A digest", () => {
  it("names our own version with its root once it is signed", () => {
    const { items, own, proofs, pass, sign } = setUp();
    expect(items.digest()).toMatchObject([{ owner: "me", version: own.version, root: NO_ROOT }]);
    proofs.signSoon();
    pass(5);
    sign();
    expect(items.digest()).toMatchObject([digestEntry("me", own.version, {})]);
  });

  it("names what is shown of others, with the root of what is proven", () => {
    const { items, members, owner, python } = setUp();
    owner("bob", { a: "1" });
    owner("carol", { c: "1" }, { c: "2" });
    python("paul");
    python("before 1970", -3);
    members.add("empty", new Uint8Array(64));
    expect(items.digest().slice(1)).toMatchObject([
      digestEntry("bob", 10, { a: "1" }),
      { owner: "carol", version: 20, root: NO_ROOT },
      { owner: "paul", version: 10, root: NO_ROOT },
      { owner: "before 1970", version: 0, root: NO_ROOT },
    ]);
  });

  it("names of what went astray only what is proven", () => {
    const { items, owner } = setUp();
    const { member, replica } = owner("bob", { a: "1" }, { a: "2" });
    replica.isAstray = true;
    expect(items.digest().slice(1)).toMatchObject([digestEntry("bob", 10, { a: "1" })]);
    const nothing = new NativeReplica();
    nothing.change(10, [["a", "1"]]);
    nothing.isAstray = true;
    member.replica = nothing;
    expect(items.digest().slice(1)).toEqual([]);
  });
});

describe("Our own versions", () => {
  it("are signed 5 ms after they are made, over id, version and root", () => {
    const { own, proofs, proved, pass, signing, kernel, write } = setUp();
    const version = write("a", "1");
    proofs.signSoon();
    pass(4);
    expect(signing()).toEqual([]);
    expect(proofs.isSigning).toBe(false);
    pass(1);
    expect(proofs.isSigning).toBe(true);
    expect(proofs.current).toBeUndefined();
    const [effect] = signing();
    const root = rootOf(own.entries);
    expect(effect).toMatchObject({
      scheme: "native",
      message: rootSignedPart("me", version, root),
    });
    kernel.finished(effect?.operation ?? 0, SIGNED);
    expect(proofs.isSigning).toBe(false);
    expect(proofs.current).toEqual({ version, root, signature: SIGNED });
    expect(proved).toEqual([proofs.current]);
  });

  it("are signed once, however often that is asked for", () => {
    const { proofs, proved, pass, signing, sign } = setUp();
    proofs.signSoon();
    proofs.signSoon();
    pass(5);
    proofs.signSoon();
    pass(5);
    sign();
    proofs.signSoon();
    pass(100);
    expect(signing()).toEqual([]);
    expect(proved).toHaveLength(1);
  });

  it("have no signature of one before them", () => {
    const { proofs, proved, pass, sign, write } = setUp();
    proofs.signSoon();
    pass(5);
    sign();
    const version = write("a", "1");
    expect(proofs.current).toBeUndefined();
    proofs.signSoon();
    pass(5);
    sign();
    expect(proved.map((proof) => proof.version)).toEqual([NOW, version]);
  });

  it("contain what is written in the turn that signs them", () => {
    const { own, proofs, pass, sign } = setUp();
    proofs.signSoon();
    own.write(new Map([["late", "1"]]));
    pass(5);
    sign();
    expect(own.version).toBeGreaterThan(NOW);
    expect(proofs.current?.root).toEqual(rootOf(entriesOf({ late: "1" })));
  });
});
