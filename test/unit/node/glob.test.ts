import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { globMatcher } from "../../../src/node/glob.ts";

/** The same by what a pattern means, however long that takes. */
function matches(pattern: string, text: string): boolean {
  const [first] = pattern;
  if (first === undefined) return text === "";
  if (first !== "*") return text[0] === first && matches(pattern.slice(1), text.slice(1));
  return matches(pattern.slice(1), text) || (text !== "" && matches(pattern, text.slice(1)));
}

describe("globMatcher()", () => {
  it("takes a star for any text, and all else for itself", () => {
    const letters = (max: number) => fc.string({ unit: fc.constantFrom("a", "b"), maxLength: max });
    const pattern = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 7 });
    fc.assert(
      fc.property(pattern, letters(8), (glob, text) => {
        expect(globMatcher(glob)(text)).toBe(matches(glob, text));
      }),
      { numRuns: 2_000 },
    );
    expect(globMatcher("a.c")("abc")).toBe(false);
    expect(globMatcher("[a]*\n")("[a]x\n")).toBe(true);
    expect(globMatcher(undefined)("anything")).toBe(true);
  });

  it("is not made slow by text that peers choose", () => {
    // A regular expression tries all ways to share the text among the stars: for minutes.
    const text = "ab".repeat(500);
    expect(globMatcher("*a*b*a*b*a*b*a*b*c")(`${text}x`)).toBe(false);
  });
});
