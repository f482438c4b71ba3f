import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MalformedError } from "../../../src/errors.ts";
import { floatText } from "../../../src/wire/json-number.ts";
import {
  canonicalJson,
  decodeEntries,
  encodeEntries,
  quote,
  readsAsJson,
} from "../../../src/wire/python-json.ts";
import { codePoint } from "../../helpers/code-point.ts";
import {
  answerOf,
  expectAnswer,
  expectOnlyMalformed,
  loadVectors,
  staleDifferences,
} from "../../vectors.ts";

interface CanonicalCase {
  readonly name: string;
  readonly pairs: readonly (readonly [string, string])[] | null;
  readonly repeat: { key: string; value_unit: string; value_count: number } | null;
  readonly canonical: string | null;
  readonly canonical_length: number;
  readonly sha256: string;
}

describe.each(loadVectors<CanonicalCase>("json_canonical"))("json.dumps: $name", (vector) => {
  const { repeat } = vector;
  const pairs = repeat ? [pairOf(repeat)] : (vector.pairs ?? []);
  const entries = new Map(pairs);

  it("encodeEntries() writes it", () => {
    const text = encodeEntries(entries);
    if (vector.canonical !== null) expect(text).toBe(vector.canonical);
    expect(text).toHaveLength(vector.canonical_length);
    expect(createHash("sha256").update(text).digest("hex")).toBe(vector.sha256);
  });

  it("decodeEntries() reads it, in order", () => {
    expect([...decodeEntries(encodeEntries(entries))]).toEqual([...entries]);
  });

  it("canonicalJson() leaves it alone", () => {
    const text = encodeEntries(entries);
    expect(canonicalJson(text) === text).toBe(true);
  });

  it("decodeEntries() refuses every truncation", () => {
    const text = encodeEntries(entries);
    const step = Math.max(1, Math.floor(text.length / 200));
    for (let length = 0; length < text.length; length += step) {
      expect(() => decodeEntries(text.slice(0, length))).toThrow(MalformedError);
    }
  });
});

function pairOf(repeat: NonNullable<CanonicalCase["repeat"]>): [string, string] {
  return [repeat.key, repeat.value_unit.repeat(repeat.value_count)];
}

describe("json.dumps(json.loads(text))", () => {
  interface ReserialiseCase {
    readonly text: string | null;
    /** Text, then a text and how often it is repeated, then text. */
    readonly text_parts?: readonly [string, string, number, string];
    readonly canonical?: string;
    readonly error?: string;
  }
  const cases = loadVectors<ReserialiseCase>("json_reserialise").map((vector) => {
    const [before, unit, count, after] = vector.text_parts ?? ["", "", 0, ""];
    const text = vector.text ?? before + unit.repeat(count) + after;
    return { ...vector, text, title: text.length > 40 ? `${text.slice(0, 40)}…` : text };
  });

  it.each(cases)("of $title is Python's answer", ({ text, canonical, error }) => {
    const python = error === undefined ? canonical : "refused";
    const ours = answerOf(() => canonicalJson(text));
    expectAnswer("json_reserialise", text, ours, python);
    expect(readsAsJson(text)).toBe(error === undefined || text.length > 4000);
  });

  it.each(cases)("decodeEntries() of $title agrees", ({ text, canonical }) => {
    if (canonical?.startsWith("{")) {
      const flat = decodeEntries(text);
      expect([...flat.keys()]).toEqual([...decodeEntries(canonical).keys()]);
      expect([...flat]).toEqual([...decodeEntries(canonical)]);
    } else {
      expect(() => decodeEntries(text)).toThrow(MalformedError);
    }
  });

  it("every difference names a vector", () => {
    const texts = cases.map(({ text }) => text);
    expect(staleDifferences("json_reserialise", texts)).toEqual([]);
  });
});

describe("decodeEntries", () => {
  it("gives values that are no strings as their canonical JSON", () => {
    const text = '{"a": 1e5, "b":null,"c":[1,{"x":"é"}], "d":{}, "e": "s", "f": true, "g": -0 }';
    expect(Object.fromEntries(decodeEntries(text))).toEqual({
      a: "100000.0",
      b: "null",
      c: '[1, {"x": "\\u00e9"}]',
      d: "{}",
      e: "s",
      f: "true",
      g: "0",
    });
  });

  it("keys like __proto__ and constructor are keys like any other", () => {
    const text = '{"__proto__": "1", "constructor": "2", "a": {"__proto__": 3}}';
    expect([...decodeEntries(text)]).toEqual([
      ["__proto__", "1"],
      ["constructor", "2"],
      ["a", '{"__proto__": 3}'],
    ]);
  });

  it("a key that is overwritten keeps its first place, at any depth", () => {
    expect([...decodeEntries('{"a": "1", "b": "2", "a": 3}')]).toEqual([
      ["a", "3"],
      ["b", "2"],
    ]);
    expect(canonicalJson('[{"z": 1, "2": 2, "z": {"k": 0, "k": 1}}]')).toBe(
      '[{"z": {"k": 1}, "2": 2}]',
    );
  });

  it.each(['["a"]', '"a"', "1", "null", "", " ", '{"a": "1"', '{"a" "1"}', '{"a": }', "{,}"])(
    "refuses %j",
    (text) => {
      expect(() => decodeEntries(text)).toThrow(MalformedError);
    },
  );

  it.each([
    ["a byte order mark", "\ufeff{}"],
    ["a no-break space", "\u00a0{}"],
    ["a form feed", "\f{}"],
    ["a tab inside a string", '{"a": "\t"}'],
    ["NUL inside a string", '{"a": "\0"}'],
    ["a control character inside a key", '{"\n": "a"}'],
    ["single quotes", "{'a': 'b'}"],
    ["an escape that is none", '{"a": "\\x41"}'],
    ["a short \\u escape", '{"a": "\\u12"}'],
    ["a signed \\u escape", '{"a": "\\u+123"}'],
    ["a backslash at the end", '{"a": "\\"}'],
    ["a leading zero", '{"a": 01}'],
    ["a leading plus", '{"a": +1}'],
    ["a leading point", '{"a": .5}'],
    ["a trailing point", '{"a": 1.}'],
    ["a bare minus", '{"a": -}'],
    ["-NaN", '{"a": -NaN}'],
    ["nan", '{"a": nan}'],
    ["digits that are not ASCII", '{"a": 1٣}'],
    ["a comma too many in a list", '{"a": [1,]}'],
    ["a comma too many", '{"a": "b",}'],
    ["a list that closes as an object", '{"a": [1}}'],
    ["an object that closes as a list", '{"a": {"b": 1]}'],
    ["a comment", "{} // x"],
    ["a second value", "{}{}"],
  ])("refuses %s", (_, text) => {
    expect(() => decodeEntries(text)).toThrow(MalformedError);
  });

  it("half surrogates survive, and two that meet are one character", () => {
    const entries = new Map([["\ud800", "x\udc00\ud800"]]);
    expect([...decodeEntries(encodeEntries(entries))]).toEqual([...entries]);
    expect(decodeEntries('{"a": "\\uD83D\\uDE00"}').get("a")).toBe("😀");
  });

  it("finds the end of strings that hold quotes and backslashes in any mix", () => {
    const value = fc.string({ unit: fc.constantFrom('"', "\\", "a", "\n", "é"), maxLength: 40 });
    fc.assert(
      fc.property(fc.array(fc.tuple(value, value)), (pairs) => {
        const entries = new Map(pairs);
        expect([...decodeEntries(encodeEntries(entries))]).toEqual([...entries]);
      }),
    );
  });
});

describe("limits", () => {
  const nested = (open: string, close: string, depth: number) =>
    `{"a": ${open.repeat(depth)}1${close.repeat(depth)}}`;

  it("900 levels are read and written again", () => {
    expect(canonicalJson(nested("[", "]", 900))).toBe(nested("[", "]", 900));
    expect(canonicalJson(nested('{"a": ', "}", 900))).toBe(nested('{"a": ', "}", 900));
    expect(decodeEntries(nested("[", "]", 900)).get("a")).toHaveLength(1801);
  });

  it("more than 1000 levels are refused, a million too, without overflowing the stack", () => {
    expect(canonicalJson(nested("[", "]", 999))).toHaveLength(6 + 1 + 1 + 2 * 999);
    for (const depth of [1000, 1_000_000]) {
      for (const text of [
        nested("[", "]", depth),
        "[".repeat(depth + 1),
        nested("[{", "", depth),
      ]) {
        expect(() => canonicalJson(text)).toThrow(MalformedError);
        expect(() => decodeEntries(text)).toThrow(MalformedError);
      }
    }
  });

  it("levels count one inside another, not one after another", () => {
    const text = `[${Array.from({ length: 5000 }, () => "[{}]").join(", ")}]`;
    expect(canonicalJson(text)).toBe(text);
  });

  it("integers of 4300 digits are kept to the last, with any sign; longer ones are refused", () => {
    const digits = "1234567890".repeat(430);
    expect(canonicalJson(`[${digits}, -${digits}]`)).toBe(`[${digits}, -${digits}]`);
    expect(() => canonicalJson(`${digits}0`)).toThrow(/4301 digits/);
    expect(canonicalJson(`${digits}0.0`)).toBe("Infinity");
  });
});

describe("floatText", () => {
  it.each([
    [0, "0.0"],
    [-0, "-0.0"],
    [1, "1.0"],
    [-1.5, "-1.5"],
    [0.1, "0.1"],
    [1e-4, "0.0001"],
    [0.00012, "0.00012"],
    [9.9e-5, "9.9e-05"],
    [1e-5, "1e-05"],
    [-1.25e-7, "-1.25e-07"],
    [5e-324, "5e-324"],
    [1e15, "1000000000000000.0"],
    [9999999999999998, "9999999999999998.0"],
    [1e16, "1e+16"],
    [1.2345678901234567e19, "1.2345678901234567e+19"],
    [1.7976931348623157e308, "1.7976931348623157e+308"],
    [Number.NaN, "NaN"],
    [Number.POSITIVE_INFINITY, "Infinity"],
    [Number.NEGATIVE_INFINITY, "-Infinity"],
  ])("writes %d as Python's repr does: %s", (value, text) => {
    expect(floatText(value)).toBe(text);
  });

  it("any double reads back, and is never mistaken for an integer", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Number(floatText(value))).toBe(value);
        expect(floatText(value)).toMatch(/^-?\d+\.\d+$|^-?\d(\.\d+)?e[+-]\d{2,3}$/);
      }),
    );
  });
});

describe("quote", () => {
  it("any text, half surrogates too, becomes printable ASCII that reads back", () => {
    const units = fc.array(fc.integer({ min: 0, max: 0xffff }));
    const anyUnits = units.map((codes) => String.fromCharCode(...codes));
    const text = fc.oneof(anyUnits, fc.string({ unit: codePoint }), fc.string());
    fc.assert(
      fc.property(text, (value) => {
        expect(quote(value)).toMatch(/^"[ -~]*"$/);
        expect(JSON.parse(quote(value))).toBe(value);
      }),
    );
  });
});

describe("against JSON.parse", () => {
  it("canonicalJson() keeps the meaning of any JSON, and is its own canonical form", () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(3), (text, indent) => {
        const spaced = JSON.stringify(JSON.parse(text), null, indent);
        const canonical = canonicalJson(spaced);
        expect(JSON.parse(canonical)).toEqual(JSON.parse(spaced));
        expect(canonicalJson(canonical)).toBe(canonical);
      }),
    );
  });

  it("takes and refuses the same texts, but for NaN and Infinity", () => {
    const token = fc.constantFrom(
      ..."{}[],:\"\\ \n\t0123456789.-+eEua'",
      "true",
      "false",
      "null",
      '"a"',
      '"a": ',
      "\\u00e9",
      "1.5",
      "[1, 2]",
      '{"a": 1}',
    );
    const soup = fc.array(token, { maxLength: 12 }).map((tokens) => tokens.join(""));
    const bent = fc
      .tuple(fc.json(), fc.nat(60), fc.nat(2), token)
      .map(([text, at, removed, added]) => text.slice(0, at) + added + text.slice(at + removed));
    fc.assert(
      fc.property(fc.oneof(soup, bent), (text) => {
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = false;
        }
        expect(answerOf(() => canonicalJson(text)) !== "refused").toBe(isJson);
        expect(readsAsJson(text)).toBe(isJson);
      }),
      { numRuns: 5000 },
    );
  });

  it("throws only MalformedError on any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: codePoint }), (text) => {
        expectOnlyMalformed(() => decodeEntries(text));
        expectOnlyMalformed(() => canonicalJson(text));
      }),
    );
  });
});
