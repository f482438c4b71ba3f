import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isNodeId, isOwnNodeId } from "../../../src/wire/node-id.ts";

describe("isNodeId", () => {
  it.each([
    "a",
    "node-1",
    "a b",
    "nöde-😀",
    "...a",
    "CON",
    "x".repeat(64),
    "😀".repeat(50),
    "漢字",
  ])("takes %j", (text) => {
    expect(isNodeId(text)).toBe(true);
  });

  it.each([
    ["empty", ""],
    ["too long", "x".repeat(65)],
    ["64 characters, 256 bytes", "😀".repeat(64)],
    ["a slash", "a/b"],
    ["a backslash", "a\\b"],
    ["a path", "../../escaped"],
    ["dots only", ".."],
    ["one dot", "."],
    ["64 dots", ".".repeat(64)],
    ["NUL", "a\0"],
    ["a line feed", "a\nb"],
    ["a trailing line feed", "a\n"],
    ["DEL", "a\u007f"],
    ["a C1 control", "a\u0085b"],
    ["a byte order mark", "\ufeffx"],
    ["a right-to-left override", "a\u202eb"],
    ["a zero-width joiner", "a\u200db"],
    ["a line separator", "a\u2028b"],
    ["a paragraph separator", "a\u2029b"],
    ["half of a surrogate pair", "a\ud800"],
    ["a private character", "a\ue000"],
    ["a leading space", " a"],
    ["a trailing space", "a "],
    ["a trailing no-break space", "a\u00a0"],
    ["a space", " "],
  ])("refuses %s", (_, text) => {
    expect(isNodeId(text)).toBe(false);
  });
});

describe("isOwnNodeId", () => {
  it.each(["a", "Node_1.b-c", "...a", "x".repeat(64)])("takes %j", (text) => {
    expect(isOwnNodeId(text)).toBe(true);
  });

  it.each(["", ".", "..", "a b", "é", "a/b", "a\n", "x".repeat(65)])("refuses %j", (text) => {
    expect(isOwnNodeId(text)).toBe(false);
  });

  it("what it takes, isNodeId() takes too", () => {
    const text = fc.string({ unit: fc.constantFrom(..."aZ09._-/ é"), maxLength: 70 });
    fc.assert(fc.property(text, (id) => !isOwnNodeId(id) || isNodeId(id)));
  });

  it("may end in dots, but not be made of them", () => {
    for (const isId of [isNodeId, isOwnNodeId]) {
      expect(isId("node.")).toBe(true);
      expect(isId("..node..")).toBe(true);
      expect(isId("...")).toBe(false);
    }
  });
});
