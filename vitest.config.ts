import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Sockets and processes: two files at a time keep a small machine honest.
    maxWorkers: 2,
    // `npm run coverage`: the layers without sockets, by their unit tests alone.
    coverage: {
      include: ["src/{bytes,wire,crypto,protocol}/**"],
      reporter: ["text"],
      thresholds: {
        "src/bytes/**": { lines: 95 },
        "src/wire/**": { lines: 95 },
        "src/crypto/**": { lines: 95 },
        "src/protocol/**": { lines: 95 },
      },
    },
  },
});
