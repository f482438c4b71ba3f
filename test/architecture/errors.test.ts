import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { type DsnErrorCode, ERRORS } from "../../src/errors.ts";

const root = resolve(import.meta.dirname, "../..");
const codes = Object.keys(ERRORS) as DsnErrorCode[];

/** Variables of the environment that look like codes. */
const NO_CODES = new Set(["DSN_SEED", "DSN_DEMO_PREPARED"]);

function filesIn(folder: string, ending: RegExp): { path: string; text: string }[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => ending.test(path))
    .map((path) => join(folder, path))
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

const sources = filesIn("src", /\.ts$/).filter(({ path }) => !path.endsWith("error-table.ts"));

describe("The table of errors", () => {
  it("has every code that stands in code, comments and documents", () => {
    const documents = readdirSync(root)
      .filter((path) => path.endsWith(".md"))
      .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
    const unknown = [
      ...sources,
      ...documents,
      ...filesIn("docs", /^[^/]*\.md$/),
      ...filesIn("examples", /\.mjs$/),
      ...filesIn("scripts", /\.mjs$/),
    ].flatMap(({ path, text }) =>
      [...text.matchAll(/\bDSN_[A-Z]+(?:_[A-Z]+)*\b/g)]
        .map(([code]) => code)
        .filter((code) => !(code in ERRORS) && !NO_CODES.has(code))
        .map((code) => `${path}: ${code}`),
    );
    expect(unknown).toEqual([]);
  });

  it("has no code that nothing makes", () => {
    const code = sources.map(({ text }) => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "")).join("\n");
    expect(codes.filter((name) => !code.includes(`"${name}"`))).toEqual([]);
  });

  it.each(codes)("%s says where it is met, what is behind it and what to do", (code) => {
    const { met, says, causes, fix } = ERRORS[code];
    expect(met).not.toEqual([]);
    expect(causes).not.toEqual([]);
    expect(fix).not.toEqual([]);
    for (const text of [says, ...causes, ...fix]) {
      expect(text).toMatch(/[^.\s]$/);
      expect(text).not.toMatch(/\b(?:invalid|failed to|please|oops)\b|^\s/i);
    }
    expect(says).toMatch(/^[A-Z]/);
  });
});

describe("docs/errors.md", () => {
  it("is what the table says; else: npm run docs", async () => {
    const module = pathToFileURL(join(root, "scripts/docs/errors-page.mjs")).href;
    const { errorsPage } = (await import(module)) as { errorsPage(table: unknown): string };
    const path = join(root, "docs/errors.md");
    expect(existsSync(path)).toBe(true);
    expect(readFileSync(path, "utf8")).toBe(errorsPage(ERRORS));
  });
});
