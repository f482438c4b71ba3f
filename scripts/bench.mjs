// `npm run bench`: measures the built package. Installs and builds if needed, then compiles
// `bench/` into `.tmp/bench` and runs it. Arguments go to the bench:
//
//     npm run bench -- --quick --only visibility
import { join } from "node:path";
import { ensureBuilt, ensureInstalled, root, run } from "./prepare.mjs";

ensureInstalled();
ensureBuilt();

const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
const ok =
  run(process.execPath, [tsc, "-p", "bench/tsconfig.json"]) &&
  run(process.execPath, [join(root, ".tmp", "bench", "main.js"), ...process.argv.slice(2)]);
process.exitCode = ok ? 0 : 1;
