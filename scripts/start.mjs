// `npm start`: sees to it that everything is installed and built, then runs the demo.
//
//     npm start -- --help
//
// Plain Node: nothing is installed yet when this runs.
import { readArguments } from "./arguments.mjs";
import { ensureBuilt, ensureInstalled } from "./prepare.mjs";

const USAGE = `npm start                 watch a small network live and die, then play with it
npm start -- --once       only the story, then exit
npm start -- --nodes 5    how many nodes, 3 to 8 (3)
npm start -- --port 9000  where to begin to look for free ports (8000)
npm start -- --plain      the story as plain lines: no colors, no live table

Runs on 127.0.0.1 only, with a key and a folder of its own that are gone when it ends.
Once built, the command line is there too:  node dist/cli/main.js --help`;

const text = { type: "string" };
const flag = { type: "boolean", default: false };
const { values, number } = readArguments({
  what: "start the demo",
  usage: USAGE,
  options: { once: flag, plain: flag, nodes: text, port: text },
});
const nodes = number("nodes", 3, 3, 8);
const port = number("port", 8_000, 1, 65_535);

// Tests that have built already say so.
if (process.env.DSN_DEMO_PREPARED !== "1") {
  ensureInstalled();
  ensureBuilt();
}
const { runDemo } = await import("./demo/main.mjs");
process.exitCode = await runDemo({ once: values.once, plain: values.plain, nodes, port });
