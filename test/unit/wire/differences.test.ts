import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { DIFFERENCES } from "../../vectors/differences.ts";
import { expectAnswer } from "../../vectors.ts";

describe("differences from Python", () => {
  it("each is about one vector of a file that exists, and says why", () => {
    const keys = DIFFERENCES.map(({ file, name }) => `${file}: ${name}`);
    expect(new Set(keys).size).toBe(keys.length);
    for (const { file, why } of DIFFERENCES) {
      expect(existsSync(new URL(`../../vectors/${file}.json`, import.meta.url)), file).toBe(true);
      expect(why).toMatch(/^[A-Z].*\.$/);
    }
  });

  it("none is silent: without a row, or with a wrong one, the vector fails", () => {
    expect(() => expectAnswer("parse", "no such row", "refused", 1)).toThrow(/has no row/);
    expect(() => expectAnswer("parse", "PEERS: empty", { node_id: "" }, 1)).toThrow(/its row says/);
    expect(() => expectAnswer("parse", "PEERS: empty", "refused", "refused")).toThrow(
      /row is wrong/,
    );
  });
});
