// The demo from beginning to end: a story, then a table to play with.
import { createHash } from "node:crypto";
import { DSNodeServer } from "distributed-state-network";
import { Crew, NotInTime } from "./crew.mjs";
import { Page } from "./page.mjs";
import { tellStory } from "./story.mjs";

const NAMES = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"];
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];
const INTERRUPTED = 130;

/** @returns the exit code. */
export async function runDemo({ once, plain, nodes, port }) {
  const onTerminal = process.stdout.isTTY === true && process.env.TERM !== "dumb";
  const page = new Page({ colors: onTerminal && !plain && !process.env.NO_COLOR });
  const aesKey = DSNodeServer.generateKey();
  const aesKeyId = createHash("sha256").update(aesKey, "hex").digest("hex").slice(0, 8);
  const names = NAMES.slice(0, nodes);
  const crew = new Crew({ aesKey, firstPort: port });

  let interrupted = false;
  const interrupt = new Promise((resolve) => {
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        // The second time, at once; the exit handler of the crew leaves nothing behind.
        if (interrupted) process.exit(INTERRUPTED);
        interrupted = true;
        resolve("interrupted");
      });
    }
  });
  try {
    page.title("Distributed State Network", `${nodes} nodes on this machine`);
    const story = tellStory({ page, crew, names, aesKeyId });
    // What an interrupted story complains about is of no interest.
    story.catch(() => undefined);
    if ((await Promise.race([story, interrupt])) === "interrupted") return INTERRUPTED;
    if (!onTerminal || plain || once || process.stdin.isTTY !== true) {
      sayWhatNext(page);
      return 0;
    }
    const { showTable } = await import("./table.mjs");
    const table = showTable({ page, crew, names });
    await Promise.race([table.quit, interrupt]);
    table.close();
    sayWhatNext(page);
    return 0;
  } catch (error) {
    complain(page, error);
    return 1;
  } finally {
    await crew.end();
  }
}

function sayWhatNext(page) {
  page.line();
  page.line(`Next: ${page.cyan("node dist/cli/main.js --help")}, or the README.`);
}

function complain(page, error) {
  const { number, title } = page.step;
  const isOurs = error instanceof NotInTime || error.code !== undefined;
  const what = error instanceof NotInTime ? `not ${error.message}` : error.message;
  console.error(`\n${page.red("✖")} Step ${number}, "${title}": ${what}`);
  const why = error.why ?? error.cause?.message ?? (isOurs ? undefined : error.stack);
  if (why !== undefined) console.error(`  Why   ${why}`);
  console.error("  Fix   run it once more on a machine that is less busy");
  console.error("        see more: NODE_DEBUG=dsn npm start -- --once --plain");
}
