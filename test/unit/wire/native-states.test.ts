import { describe, expect, it } from "vitest";
import { ByteWriter } from "../../../src/bytes/writer.ts";
import { MalformedError } from "../../../src/errors.ts";
import {
  decodeStateAcks,
  decodeStates,
  encodeStateAcks,
  encodeStates,
  rootSignedPart,
  type StateItem,
} from "../../../src/wire/native-states.ts";
import { loadNativeVectors, toHex } from "../../vectors.ts";

const signature = new Uint8Array(64).fill(0x5a);

const delta = {
  form: "delta",
  owner: "a",
  version: 2,
  base: 1,
  changes: [["k", "v"]],
  signature,
} as const;
const snapshot = {
  form: "snapshot",
  owner: "a",
  version: 2,
  entries: new Map([["k", "v"]]),
  signature,
} as const;
const proof = { form: "proof", owner: "a", version: 2, signature } as const;
const python = { form: "python", owner: "a", packet: Uint8Array.of(1) } as const;

/** An item by its fields, whatever they hold, as the only one of a message. */
const message = (form: number) => new ByteWriter().uint32(1).raw(Uint8Array.of(form));
const head = (form: number, owner = "a", version = 2, signed: Uint8Array = signature) =>
  message(form).string(owner).float64(version).bytes(signed);

const bytesOf = (writer: ByteWriter) => writer.finish();

describe("STATES", () => {
  it.each<[string, StateItem]>([
    ["an empty owner", { ...delta, owner: "" }],
    ["an empty owner of a packet", { ...python, owner: "" }],
    ["an owner of 65 characters", { ...snapshot, owner: "x".repeat(65) }],
    ["an owner of 65 characters of two units", { ...proof, owner: "🎉".repeat(65) }],
    ["an owner of 129 units", { ...python, owner: "x".repeat(129) }],
    ["a negative version", { ...snapshot, version: -1 }],
    ["NaN as its version", { ...proof, version: Number.NaN }],
    ["an infinite version", { ...delta, version: Number.POSITIVE_INFINITY }],
    ["a negative base", { ...delta, base: -1 }],
    ["NaN as its base", { ...delta, base: Number.NaN }],
    ["a base that is its version", { ...delta, base: 2 }],
    ["a base above its version", { ...delta, base: 3 }],
    ["a signature of 63 bytes", { ...delta, signature: signature.subarray(1) }],
    ["an empty signature", { ...snapshot, signature: new Uint8Array() }],
    ["a proof without a signature", { ...proof, signature: new Uint8Array() }],
    ["a key of 1,025 bytes changed", { ...delta, changes: [["k".repeat(1_025), "v"]] }],
    ["a key of 1,026 bytes in it", { ...snapshot, entries: new Map([["é".repeat(513), "v"]]) }],
    [
      "a key that comes twice",
      {
        ...delta,
        changes: [
          ["k", "v"],
          ["k", undefined],
        ],
      },
    ],
  ])("with %s is never written", (_, item) => {
    expect(() => encodeStates([item])).toThrow(RangeError);
  });

  it.each<[string, ByteWriter]>([
    ["a form of 4", message(4).string("a").bytes(signature)],
    ["an empty owner", head(1, "").uint32(0)],
    ["an empty owner of a packet", message(3).string("").bytes(signature)],
    ["an owner of 65 characters", head(1, "é".repeat(65)).uint32(0)],
    ["a negative version", head(1, "a", -1).uint32(0)],
    ["NaN as its version", head(1, "a", Number.NaN).uint32(0)],
    ["an infinite version", head(1, "a", Number.POSITIVE_INFINITY).uint32(0)],
    ["a base that is its version", head(0).float64(2).uint32(0)],
    ["NaN as its base", head(0).float64(Number.NaN).uint32(0)],
    ["a signature of 65 bytes", head(2, "a", 2, new Uint8Array(65))],
    ["a proof without a signature", head(2, "a", 2, new Uint8Array())],
    ["a flag of 2", head(0).float64(1).uint32(1).string("k").raw(Uint8Array.of(2)).string("v")],
    ["a long key", head(1).uint32(1).string("k".repeat(1_025)).string("v")],
    ["an entry twice", head(1).uint32(2).string("k").string("v").string("k").string("v")],
    [
      "a change twice",
      head(0)
        .float64(1)
        .uint32(2)
        .string("k")
        .raw(Uint8Array.of(0))
        .string("k")
        .raw(Uint8Array.of(0)),
    ],
    ["a key that is not UTF-8", head(1).uint32(1).bytes(Uint8Array.of(0xff)).string("v")],
  ])("with %s is refused", (_, writer) => {
    expect(() => decodeStates(bytesOf(writer))).toThrow(MalformedError);
  });

  it("what is as long as may be is written and read", () => {
    const items: StateItem[] = [
      { ...delta, owner: "x".repeat(64), changes: [["k".repeat(1_024), undefined]] },
      { ...snapshot, owner: "🎉".repeat(64), entries: new Map([["é".repeat(512), ""]]) },
      { ...proof, version: 0 },
      { ...delta, base: 0, version: Number.MIN_VALUE, changes: [] },
    ];
    expect(decodeStates(encodeStates(items))).toEqual(items);
  });

  it("4,096 items may be written and read, not one more", () => {
    const many = Array.from({ length: 4_096 }, () => python);
    expect(decodeStates(encodeStates(many))).toHaveLength(4_096);
    expect(() => encodeStates([...many, python])).toThrow("Cannot write 4097 states: at most 4096");
    const bytes = new ByteWriter().uint32(4_097).raw(new Uint8Array(100_000)).finish();
    expect(() => decodeStates(bytes)).toThrow("Cannot read 4097 states: at most 4096");
  });

  it.each<[string, number, (count: number) => ByteWriter]>([
    ["states", 10, (count) => new ByteWriter().uint32(count)],
    ["changes", 5, (count) => head(0).float64(1).uint32(count)],
    ["entries", 8, (count) => head(1).uint32(count)],
  ])("a count of %s is held against the bytes left, %i each, before the loop", (of, each, make) => {
    const tooMany = make(3).raw(new Uint8Array(3 * each - 1));
    expect(() => decodeStates(bytesOf(tooMany))).toThrow(
      `Cannot read 3 ${of}: ${3 * each - 1} bytes remain`,
    );
    const started = performance.now();
    const huge = make(0xffff_ffff).raw(new Uint8Array(1_000));
    expect(() => decodeStates(bytesOf(huge))).toThrow(`Cannot read 4294967295 ${of}`);
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it("the smallest of each list fits the bytes that are asked for it", () => {
    const smallest: StateItem[] = [
      { ...python, packet: new Uint8Array() },
      { ...delta, changes: [["", undefined]] },
      { ...snapshot, entries: new Map([["", ""]]) },
    ];
    for (const item of smallest) {
      expect(decodeStates(encodeStates([item]))).toEqual([item]);
    }
  });

  it("is written into one buffer of its size when all is ASCII", () => {
    const entries = new Map(Array.from({ length: 100 }, (_, key) => [`${key}`, "v".repeat(100)]));
    const bytes = encodeStates([delta, { ...snapshot, entries }, proof, python]);
    expect(bytes.buffer.byteLength).toBe(bytes.length);
  });

  it("signatures and packets are views, strings are not", () => {
    const bytes = encodeStates([delta, python]);
    const [first, second] = decodeStates(bytes);
    bytes.fill(7);
    expect(first).toMatchObject({ changes: [["k", "v"]], signature: new Uint8Array(64).fill(7) });
    expect(second).toMatchObject({ owner: "a", packet: Uint8Array.of(7) });
  });

  it("half of a surrogate pair has no form", () => {
    expect(() => encodeStates([{ ...delta, changes: [["k", "\ud800"]] }])).toThrow(RangeError);
  });
});

describe("STATES acks", () => {
  const ack = { owner: "a", held: 1, wants: "nothing" } as const;

  it.each([
    { ...ack, owner: "" },
    { ...ack, owner: "x".repeat(65) },
    { ...ack, held: -1 },
    { ...ack, held: Number.NaN },
    { ...ack, held: Number.NEGATIVE_INFINITY },
  ])("of %j is never written, and refused", (wrong) => {
    expect(() => encodeStateAcks([wrong])).toThrow(RangeError);
    const bytes = new ByteWriter().uint32(1).string(wrong.owner).float64(wrong.held);
    expect(() => decodeStateAcks(bytes.raw(Uint8Array.of(0)).finish())).toThrow(MalformedError);
  });

  it("that want something unknown are refused", () => {
    const bytes = new ByteWriter().uint32(1).string("a").float64(1).raw(Uint8Array.of(4));
    expect(() => decodeStateAcks(bytes.finish())).toThrow("wants of 4");
  });

  it("4,096 may be written and read, not one more", () => {
    const many = Array.from({ length: 4_096 }, () => ack);
    expect(decodeStateAcks(encodeStateAcks(many))).toEqual(many);
    expect(() => encodeStateAcks([...many, ack])).toThrow(RangeError);
    const bytes = new ByteWriter().uint32(4_097).raw(new Uint8Array(100_000)).finish();
    expect(() => decodeStateAcks(bytes)).toThrow("at most 4096");
    const short = new ByteWriter().uint32(2).raw(new Uint8Array(27)).finish();
    expect(() => decodeStateAcks(short)).toThrow("27 bytes remain");
  });
});

describe("rootSignedPart", () => {
  interface RootCase {
    readonly name: string;
    readonly owner: string;
    readonly version: number;
    readonly root: string;
    readonly signed_part: string;
  }

  it.each(loadNativeVectors<RootCase>("roots"))("$name is that of the vector", (row) => {
    const part = rootSignedPart(row.owner, row.version, Buffer.from(row.root, "hex"));
    expect(toHex(part)).toBe(row.signed_part);
    expect(part.buffer.byteLength).toBe(part.length);
  });

  it("takes a whole root only", () => {
    for (const length of [0, 8, 31, 33]) {
      expect(() => rootSignedPart("a", 1, new Uint8Array(length))).toThrow(RangeError);
    }
  });
});
