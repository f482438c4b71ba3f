import { expect, it } from "vitest";
import { canonicalJson, decodeEntries } from "../../../src/wire/python-json.ts";
import { expectOnlyMalformed } from "../../vectors.ts";

it("reading JSON takes time that grows with its length, not faster, whatever it is made of", () => {
  const size = 2_000_000;
  const hostile = [
    `{"a": "${'\\"'.repeat(size / 2)}"}`,
    `{"a": "${"\\\\".repeat(size / 2)}"}`,
    `{"a": "${"\\u00e9".repeat(size / 6)}`,
    `["${'", "'.repeat(size / 4)}"]`,
    `[${"9".repeat(size)}]`,
    `[1.${"9".repeat(size)}]`,
    " ".repeat(size),
    `{"a": ${"[".repeat(900)}"${"x".repeat(size)}"${"]".repeat(900)}}`,
    `{${Array.from({ length: size / 10 }, () => '"a": "\\n"').join(",")}}`,
  ];
  for (const text of hostile) {
    // Of the processor, not of the clock: other work on the machine does not count.
    const before = process.cpuUsage();
    expectOnlyMalformed(() => canonicalJson(text));
    expectOnlyMalformed(() => decodeEntries(text));
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1_000, text.slice(0, 20)).toBeLessThan(3_000);
  }
});
