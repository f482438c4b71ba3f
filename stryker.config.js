// `npm run mutation`: which changes of `wire` and `protocol` the quick tests notice. A run remembers
// what it found; `npm run mutation -- --force` begins anew. CONTRIBUTING.md has the numbers.
export default {
  mutate: ["src/wire/**/*.ts", "src/protocol/**/*.ts"],
  testRunner: "vitest",
  vitest: { configFile: "test/mutation/vitest.config.ts", related: false },
  plugins: ["@stryker-mutator/vitest-runner", "./test/mutation/ignore-texts.js"],
  ignorers: ["texts"],
  coverageAnalysis: "perTest",
  concurrency: 2,
  // An endless loop costs this much; a busy machine must not pass for one.
  timeoutMS: 8_000,
  incremental: true,
  incrementalFile: ".tmp/mutation/incremental.json",
  tempDirName: ".tmp/mutation/sandbox",
  ignorePatterns: [".tmp", ".ci", "dist", "coverage", "bench", "docs", "examples"],
  reporters: ["clear-text", "progress", "json", "html"],
  jsonReporter: { fileName: ".tmp/mutation/report.json" },
  htmlReporter: { fileName: ".tmp/mutation/report.html" },
  clearTextReporter: { allowColor: false, reportTests: false, reportMutants: false },
  thresholds: { high: 90, low: 80, break: 75 },
};
