// What `npm start`, `npm test` and `npm run bench` do first on a bare machine: install and build,
// each only when needed. Plain Node: nothing is installed yet when this runs.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Runs a command in the repository, its output on the terminal; true when it succeeded. */
export function run(command, args, options = {}) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: "inherit", ...options });
  return status === 0;
}

/** Runs `npm ci` unless what the lock file asks for is there. */
export function ensureInstalled() {
  const installed = join(root, "node_modules", ".package-lock.json");
  const lock = join(root, "package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs - 1_000)
    return;
  // A checkout gives files the time of the checkout, so an equal lock may look newer once.
  console.error("Installing what the lock file names (npm ci) …");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  if (
    !run(npm, ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
      shell: process.platform === "win32",
    })
  ) {
    console.error(
      "✖ The installation failed.\n  Why   see npm's output above\n  Fix   check the connection to the npm registry, then run the command again",
    );
    process.exit(1);
  }
}

/** Builds `src/` unless `dist/` is newer than all of it. */
export function ensureBuilt() {
  const built = join(root, "dist", "index.js");
  const sources = [
    join(root, "src"),
    join(root, "tsconfig.json"),
    join(root, "tsconfig.build.json"),
    join(root, "rolldown.config.js"),
  ];
  if (existsSync(built) && statSync(built).mtimeMs >= Math.max(...sources.map(newest))) return;
  console.error("Building (tsc, rolldown) …");
  if (!build()) {
    console.error(
      "✖ The build failed.\n  Why   see the compiler's output above\n  Fix   npm ci, then run the command again",
    );
    process.exit(1);
  }
}

/** Types by the compiler, programs by the bundler: what is left of an older build goes first. */
export function build() {
  rmSync(join(root, "dist"), { recursive: true, force: true });
  return (
    runModule("inherit", "typescript/bin/tsc", "-p", "tsconfig.build.json") &&
    // What it says on stdout is a list of files.
    runModule("ignore", "rolldown/bin/cli.mjs", "--config", "rolldown.config.js")
  );
}

/** @param stdout Where its output goes; its errors are always shown. */
function runModule(stdout, path, ...args) {
  const stdio = ["inherit", stdout, "inherit"];
  return run(process.execPath, [join(root, "node_modules", path), ...args], { stdio });
}

function newest(path) {
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
}
