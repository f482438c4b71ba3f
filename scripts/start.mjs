// `npm start`: sees to it that everything is installed and built, then runs the demo.
//
//     npm start -- --help
//
// Plain Node: nothing is installed yet when this runs.
import { parseArgs } from "node:util";
import { ensureBuilt, ensureInstalled } from "./prepare.mjs";

const HELP = `npm start                 watch a small network live and die, then play with it
npm start -- --once       only the story, then exit
npm start -- --nodes 5    how many nodes, 3 to 8 (3)
npm start -- --port 9000  where to begin to look for free ports (8000)
npm start -- --plain      the story as plain lines: no colors, no live table

Runs on 127.0.0.1 only, with a key and a folder of its own that are gone when it ends.
Once built, the command line is there too:  node dist/cli/main.js --help`;

const NODES = { min: 3, max: 8 };

/** @returns the settings of the demo, or undefined when there is nothing more to do. */
function readArguments() {
  const { values } = parseArgs({
    options: {
      help: { type: "boolean", short: "h", default: false },
      once: { type: "boolean", default: false },
      plain: { type: "boolean", default: false },
      nodes: { type: "string", default: "3" },
      port: { type: "string", default: "8000" },
    },
  });
  if (values.help) {
    console.log(HELP);
    return undefined;
  }
  return {
    once: values.once,
    plain: values.plain,
    nodes: wholeNumber("--nodes", values.nodes, NODES.min, NODES.max),
    port: wholeNumber("--port", values.port, 1, 65_535),
  };
}

function wholeNumber(option, text, min, max) {
  const number = /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new RangeError(`Cannot use ${option} "${text}": must be a whole number, ${min} to ${max}`);
}

let settings;
try {
  settings = readArguments();
} catch (error) {
  console.error(`✖ ${error.message.split(". To specify")[0]}\n  Fix   npm start -- --help`);
  process.exit(2);
}
if (settings !== undefined) {
  // Tests that have built already say so.
  if (process.env.DSN_DEMO_PREPARED !== "1") {
    ensureInstalled();
    ensureBuilt();
  }
  const { runDemo } = await import("./demo/main.mjs");
  process.exitCode = await runDemo(settings);
}
