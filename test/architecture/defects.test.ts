/** Each known defect of the Python implementation has a test named after it, or a reason why not. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const IDS = [
  ...Array.from({ length: 34 }, (_, index) => `D${String(index + 1).padStart(2, "0")}`),
  ...["P4", "P5", "P7", "P12", "P13", "P14", "P18", "P20", "P21", "P22"],
];

const titles = readdirSync("test", { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".test.ts"))
  .flatMap((path) => readFileSync(`test/${path}`, "utf8").match(/\bit\("[^"]*"/g) ?? [])
  .join("\n");
const reasons = readFileSync("SECURITY.md", "utf8");

describe("Defects of the Python implementation", () => {
  it.each(IDS)("%s has a test named after it, or stands in SECURITY.md", (id) => {
    expect(`${titles}\n${reasons}`).toMatch(new RegExp(`\\b${id}\\b`));
  });
});
