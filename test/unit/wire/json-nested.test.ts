/** Values of a state that are no strings: objects and arrays in each other, keys that come again. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson, decodeEntries } from "../../../src/wire/python-json.ts";

describe("canonicalJson()", () => {
  it("keeps the first place and the last value of a key, however deep", () => {
    expect(canonicalJson('{"a":{"b":1,"c":[],"b":{"d":2,"d":3}},"e":{}}')).toBe(
      '{"a": {"b": {"d": 3}, "c": []}, "e": {}}',
    );
    expect(canonicalJson('[{"a":1,"a":[{"b":1,"b":2},2]},3]')).toBe('[{"a": [{"b": 2}, 2]}, 3]');
    expect(canonicalJson('{"a":{"x":0,"x":0},"a":1}')).toBe('{"a": 1}');
    expect(canonicalJson('{"":{"":""},"":{}}')).toBe('{"": {}}');
  });

  it("is what JavaScript says too, but for spaces", () => {
    const json = fc.json({ noUnicodeString: true, maxDepth: 5 });
    fc.assert(
      fc.property(json, (text) => {
        fc.pre(!/\d[.eE]|\d{16}|-0|[^ -~]|\\u/.test(text));
        expect(JSON.parse(canonicalJson(text))).toEqual(JSON.parse(text));
        const entries = decodeEntries(`{"a": ${text}, "b": "${"x".repeat(3)}"}`);
        expect([...entries.keys()]).toEqual(["a", "b"]);
      }),
      { numRuns: 300 },
    );
  });

  it("of keys that come again at every level takes no time that grows with the depth", () => {
    const depth = 990;
    const inner = `[${"0,".repeat(200_000)}0]`;
    const text = `${'{"a":0,"a":'.repeat(depth)}${inner}${"}".repeat(depth)}`;
    const canonical = canonicalJson(text);
    expect(canonical.startsWith('{"a": {"a": {"a": ')).toBe(true);
    expect(canonical.length).toBe('{"a": '.length * depth + inner.length + 200_000 + depth);
  });
});
