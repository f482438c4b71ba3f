import { describe, expect, it } from "vitest";
import { ByteWriter } from "../../../src/bytes/writer.ts";
import { MalformedError } from "../../../src/errors.ts";
import type { DigestEntry } from "../../../src/wire/digest-entry.ts";
import {
  type DigestRequest,
  decodeDigestAnswer,
  decodeDigestRequest,
  encodeDigestAnswer,
  encodeDigestRequest,
} from "../../../src/wire/native-digest.ts";

const summary = new Uint8Array(8);
const entry: DigestEntry = { owner: "a", version: 1, root: new Uint8Array(8) };
const manyEntries = Array.from({ length: 4_096 }, (_, index) => ({ ...entry, owner: `${index}` }));
const manyOwners = manyEntries.map(({ owner }) => owner);

describe("DIGEST", () => {
  it.each<[string, DigestRequest]>([
    ["a short summary", { summary: new Uint8Array(7), entries: undefined }],
    ["a long summary", { summary: new Uint8Array(32), entries: [] }],
    ["an empty owner", { summary, entries: [{ ...entry, owner: "" }] }],
    ["a long owner", { summary, entries: [{ ...entry, owner: "x".repeat(65) }] }],
    ["a negative version", { summary, entries: [{ ...entry, version: -1 }] }],
    ["a whole root", { summary, entries: [{ ...entry, root: new Uint8Array(32) }] }],
    ["an owner twice", { summary, entries: [entry, { ...entry, version: 2 }] }],
    ["4,097 entries", { summary, entries: [...manyEntries, entry] }],
  ])("with %s is never written", (_, request) => {
    expect(() => encodeDigestRequest(request)).toThrow(RangeError);
  });

  it("with 4,096 entries is written and read", () => {
    const request = { summary, entries: manyEntries };
    expect(decodeDigestRequest(encodeDigestRequest(request))).toEqual(request);
  });

  const start = () => new ByteWriter().raw(summary).raw(Uint8Array.of(1));
  const one = (owner: string, version: number) => start().uint32(1).string(owner).float64(version);

  it.each<[string, ByteWriter]>([
    ["a flag of 2", new ByteWriter().raw(summary).raw(Uint8Array.of(2)).uint32(0)],
    ["an empty owner", one("", 1).raw(summary).raw(summary)],
    ["a long owner", one("x".repeat(65), 1).raw(summary)],
    ["an infinite version", one("a", Number.POSITIVE_INFINITY).raw(summary)],
    [
      "an owner twice",
      start().uint32(2).string("a").float64(1).raw(summary).string("a").float64(2).raw(summary),
    ],
    ["4,097 entries", start().uint32(4_097).raw(new Uint8Array(100_000))],
    ["more entries than fit", start().uint32(2).raw(new Uint8Array(43))],
  ])("with %s is refused", (_, writer) => {
    expect(() => decodeDigestRequest(writer.finish())).toThrow(MalformedError);
  });
});

describe("DIGEST answer", () => {
  const states = new Uint8Array(4);

  it.each<[string, readonly string[]]>([
    ["an empty owner", [""]],
    ["a long owner", ["x".repeat(65)]],
    ["an owner twice", ["a", "b", "a"]],
    ["4,097 owners", [...manyOwners, "a"]],
  ])("that wants %s is never written, and refused", (_, wanted) => {
    const answer = { kind: "states", wanted, more: false, states } as const;
    expect(() => encodeDigestAnswer(answer)).toThrow(RangeError);
    const writer = new ByteWriter().raw(Uint8Array.of(2)).uint32(wanted.length);
    for (const owner of wanted) writer.string(owner);
    const bytes = writer.raw(Uint8Array.of(0)).bytes(states).finish();
    expect(() => decodeDigestAnswer(bytes)).toThrow(MalformedError);
  });

  it("that wants 4,096 owners is written and read", () => {
    const answer = { kind: "states", wanted: manyOwners, more: true, states } as const;
    expect(decodeDigestAnswer(encodeDigestAnswer(answer))).toEqual(answer);
  });

  it.each<[string, ByteWriter]>([
    ["of no known kind", new ByteWriter().raw(Uint8Array.of(3))],
    [
      "with a flag of 2",
      new ByteWriter().raw(Uint8Array.of(2)).uint32(0).raw(Uint8Array.of(2)).bytes(states),
    ],
    [
      "with more owners than fit",
      new ByteWriter().raw(Uint8Array.of(2)).uint32(3).raw(new Uint8Array(14)),
    ],
  ])("%s is refused", (_, writer) => {
    expect(() => decodeDigestAnswer(writer.finish())).toThrow(MalformedError);
  });
});
