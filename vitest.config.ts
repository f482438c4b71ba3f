import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Sockets and processes: two files at a time keep a small machine honest.
    maxWorkers: 2,
    coverage: {
      include: ["src/**"],
      reporter: ["text-summary", "json-summary"],
    },
  },
});
