// One file for each thing that is loaded, what they share beside them: some 250 modules take four
// times as long to load, and each `dsn`, worker and test process would pay that.
import { readFileSync } from "node:fs";
import { defineConfig } from "rolldown";

/** Compiled in, so that a node installs without them. Their licences go along. */
const COMPILED_IN = ["commander", "tinyqueue", "zod"];

export default defineConfig({
  input: {
    index: "src/index.ts",
    "protocol/index": "src/protocol/index.ts",
    "testing/index": "src/testing/index.ts",
    "cli/main": "src/cli/main.ts",
    "transport/udp-worker": "src/transport/udp-worker.ts",
  },
  platform: "node",
  // What Node 20 does not understand is rewritten, as the compiler would.
  transform: { target: "node20" },
  external: [/^node:/, /^secp256k1/],
  plugins: [{ name: "licences", generateBundle: addLicences }],
  output: {
    dir: "dist",
    format: "esm",
    sourcemap: true,
    // `transport/udp-thread.ts` finds its worker from here.
    chunkFileNames: "shared/[name].js",
  },
});

function addLicences() {
  const texts = COMPILED_IN.map((name) => `${name}\n\n${licenceOf(name)}`);
  this.emitFile({ type: "asset", fileName: "LICENSES.txt", source: texts.join("\n---\n\n") });
}

function licenceOf(name) {
  return readFileSync(new URL(`node_modules/${name}/LICENSE`, import.meta.url), "utf8");
}
