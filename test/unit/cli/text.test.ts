import { describe, expect, it } from "vitest";
import {
  count,
  printable,
  printableValue,
  shellWord,
  toJsonLine,
  wrap,
} from "../../../src/cli/text.ts";

describe("printable()", () => {
  it("escapes what could steer a terminal or forge a line", () => {
    expect(printable("a\u001b[2Jb\nc\u202ed\u009b")).toBe("a\\u{1b}[2Jb\\u{a}c\\u{202e}d\\u{9b}");
    expect(printable("\u2028\ud800")).toBe("\\u{2028}\\u{d800}");
  });

  it("leaves every script as it is", () => {
    expect(printable("Grüße 温度 🌡")).toBe("Grüße 温度 🌡");
  });

  it("cuts long text, never inside a character", () => {
    expect(printable("abcdef", 3)).toBe("abc…");
    expect(printable("ab😀cd", 3)).toBe("ab…");
  });
});

describe("printableValue()", () => {
  it("quotes what could be taken for something else", () => {
    expect(printableValue("72.5")).toBe("72.5");
    expect(printableValue("a b")).toBe("a b");
    for (const value of ["", " a", "a ", "(new)", '"a"', "1 -> 2"]) {
      expect(printableValue(value)).toBe(`"${value}"`);
    }
  });
});

describe("toJsonLine()", () => {
  it("is the same value, with nothing unsafe in it", () => {
    const value = { text: "\u009b\u202e\u007f\n😀\ud800\u{e0001}", nested: ["\u2028"] };
    const line = toJsonLine(value);
    expect(JSON.parse(line)).toEqual(value);
    expect(line).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
  });
});

describe("wrap()", () => {
  it("breaks at spaces and keeps long words whole", () => {
    expect(wrap("one two three", 7)).toEqual(["one two", "three"]);
    expect(wrap("abcdefghij k", 4)).toEqual(["abcdefghij", "k"]);
    expect(wrap("a b", Number.POSITIVE_INFINITY)).toEqual(["a b"]);
  });
});

describe("shellWord() and count()", () => {
  it("write what can be pasted and read", () => {
    expect(shellWord("net.key")).toBe("net.key");
    expect(shellWord("my key's file")).toBe("'my key'\\''s file'");
    expect([count(1, "key"), count(2, "key")]).toEqual(["1 key", "2 keys"]);
  });
});
