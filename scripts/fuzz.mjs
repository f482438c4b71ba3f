// `npm run fuzz`: hostile bytes at every decoder, and at live nodes on every carrier. Arguments are
// settings:
//
//     npm run fuzz -- inputs=5000000 seed=123 target=peers
//
// Prints a table, and ends with 1 when anything was found.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ensureInstalled, root, run } from "./prepare.mjs";

const INPUTS = 1_000_000;

ensureInstalled();

const { FUZZ_INPUTS, FUZZ_SEED, FUZZ_TARGET } = process.env;
const settings = { inputs: FUZZ_INPUTS ?? String(INPUTS), seed: FUZZ_SEED, target: FUZZ_TARGET };
for (const argument of process.argv.slice(2)) {
  const [name, value] = argument.split("=");
  if (!(name in settings) || value === undefined) {
    console.error(`✖ Cannot use "${argument}".\n  Fix   inputs=…, seed=… or target=…`);
    process.exit(2);
  }
  settings[name] = value;
}
settings.seed ??= String(Math.floor(Math.random() * 2 ** 32));

const report = join(root, ".tmp", "fuzz");
rmSync(report, { recursive: true, force: true });
mkdirSync(report, { recursive: true });

console.log(`Fuzzing with ${settings.inputs} inputs, seed ${settings.seed}`);
const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
const passed = run(process.execPath, [vitest, "run", "test/fuzz/", "--disable-console-intercept"], {
  env: {
    ...process.env,
    FUZZ_INPUTS: settings.inputs,
    FUZZ_SEED: settings.seed,
    FUZZ_REPORT: report,
    ...(settings.target === undefined ? {} : { FUZZ_TARGET: settings.target }),
  },
});

const rows = readdirSync(report).map((file) =>
  JSON.parse(readFileSync(join(report, file), "utf8")),
);
print(rows);
const total = rows.reduce((sum, { inputs }) => sum + inputs, 0);
const accepted = rows.reduce((sum, row) => sum + row.accepted, 0);
const findings = rows.reduce((sum, row) => sum + row.findings.length, 0);
const ok = passed && existsSync(report) && accepted === 0 && findings === 0 && total > 0;
console.log(`\n${total} inputs, ${accepted} accepted, ${findings} findings, seed ${settings.seed}`);
console.log(ok ? "✓ nothing found" : "✖ see above; the seed repeats it");
process.exitCode = ok ? 0 : 1;

function print(all) {
  const head = ["target", "inputs", "refused", "read alike", "accepted", "inputs/s", "findings"];
  const lines = all
    .toSorted((a, b) => a.target.localeCompare(b.target))
    .map(({ target, inputs, refused, read, accepted, ms, findings }) => {
      const rate = Math.round((inputs * 1_000) / Math.max(1, ms));
      return [target, inputs, refused, read, accepted, rate, findings.length].map(String);
    });
  const widths = head.map((_, column) =>
    Math.max(...[head, ...lines].map((line) => line[column].length)),
  );
  console.log();
  for (const line of [head, ...lines]) {
    const cells = line.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]),
    );
    console.log(cells.join("  "));
  }
}
