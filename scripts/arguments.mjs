// What a script is told on the command line, and what it says when it cannot do that. Plain Node:
// nothing is installed yet when this runs.
import { parseArgs } from "node:util";

const UNUSABLE = 2;

/**
 * Reads options as `parseArgs()` describes them. Ends the process where there is nothing to do:
 * after `--help`, and with 2 for what cannot be done.
 *
 * @param what Ends the sentence "Cannot …".
 * @param usage What can be typed, a line each; a paragraph behind it is for `--help` alone.
 */
export function readArguments({ what, usage, options }) {
  const fail = (why) => {
    const [fix] = usage.split("\n\n");
    console.error(`✖ Cannot ${what}: ${why}\n  Fix   ${fix.replaceAll("\n", "\n        ")}`);
    process.exit(UNUSABLE);
  };
  const values = parse(options, fail);
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  const number = (name, fallback, min, max, isWhole = true) => {
    const text = values[name];
    if (text === undefined) return fallback;
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (value >= min && value <= max && (!isWhole || Number.isInteger(value))) return value;
    const kind = isWhole ? "a whole number" : "a number";
    return fail(`--${name} is "${text}", not ${kind} from ${min} to ${max}`);
  };
  return { values, number, fail };
}

function parse(options, fail) {
  try {
    return parseArgs({ options: { ...options, help: { type: "boolean", short: "h" } } }).values;
  } catch (error) {
    // What follows the first sentence is about arguments that no script takes.
    return fail(error.message.split(/\. |\.?\n/)[0]);
  }
}
