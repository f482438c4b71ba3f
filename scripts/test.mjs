// `npm test`: every check there is, on a bare machine with Node and npm.
//
// Installs and builds if needed, then: format and lint, types, every test. Arguments go to vitest:
//
//     npm test -- test/simulation
//
// The last line is `N passed, N failed`, with `, N skipped` behind it if any were.
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build, ensureInstalled, root, run } from "./prepare.mjs";

ensureInstalled();

const bin = (name, path) => [process.execPath, [join(root, "node_modules", name, path)]];
const tool = (name, path, ...args) => {
  const [command, script] = bin(name, path);
  return () => run(command, [...script, ...args]);
};

const checks = [
  ["build", build],
  ["format and lint", tool("@biomejs/biome", "bin/biome", "ci", "--error-on-warnings", ".")],
  ["types", tool("typescript", "bin/tsc", "-p", "tsconfig.json")],
  ["lint with types", tool("eslint", "bin/eslint.js", "src", "test", "bench", "examples")],
  // Fails for a public name without a text, and for a link that leads nowhere.
  ["API reference", tool("typedoc", "bin/typedoc", "--emit", "none", "--logLevel", "Warn")],
];

let passed = 0;
let failed = 0;
let skipped = 0;

for (const [name, check] of checks) {
  const ok = check();
  console.log(`${ok ? "✓" : "✖"} ${name}`);
  if (ok) passed += 1;
  else failed += 1;
}

const report = join(root, ".tmp", "vitest.json");
mkdirSync(join(root, ".tmp"), { recursive: true });
rmSync(report, { force: true });
const ran = tool(
  "vitest",
  "vitest.mjs",
  "run",
  "--reporter=default",
  "--reporter=json",
  `--outputFile.json=${report}`,
  ...process.argv.slice(2),
)();

if (existsSync(report)) {
  const result = JSON.parse(readFileSync(report, "utf8"));
  passed += result.numPassedTests;
  failed += result.numFailedTests;
  skipped += result.numPendingTests + result.numTodoTests;
  // A file that cannot be loaded, or an error outside any test, is a failure too.
  if (result.numFailedTests === 0 && !ran) failed += 1;
} else {
  failed += 1;
}

console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failed > 0 ? 1 : 0;
