import { configDefaults, defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Quick tests first: nearly all mutants die by one of them, and the rest is not run then. */
class QuickFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) =>
      ["/unit/", "/defects/"].findIndex((folder) => moduleId.includes(folder)) >>> 0;
    return [...files].sort((a, b) => rank(a) - rank(b) || (a.moduleId < b.moduleId ? -1 : 1));
  }
}

/** The tests that judge mutants. All of them together must take seconds. */
export default defineConfig({
  test: {
    include: [
      "test/unit/{bytes,wire,protocol}/**/*.test.ts",
      "test/defects/core-defects.test.ts",
      "test/mutation/seeds.ts",
    ],
    // Measures time, which instrumented code takes more of.
    exclude: [...configDefaults.exclude, "test/unit/wire/python-json-time.test.ts"],
    setupFiles: ["test/mutation/setup.ts"],
    sequence: { sequencer: QuickFirst },
    testTimeout: 20_000,
    isolate: false,
  },
});
