/**
 * Command lines that cannot be understood, in our form of an error.
 * @module
 */
import type { CommanderError } from "commander";
import { DsnError } from "../errors.ts";

/** Names that people try for the network key; it is never given as a value. */
const KEY_OPTIONS = /^--(?:aes-?key|network-?key|key|secret|password)$/i;

/** Names of options of `start` in the configuration, and in other tools. */
const OTHER_NAMES: readonly (readonly [RegExp, string])[] = [
  [/^--(?:bootstrap(?:[-_]?nodes?)?|seeds?|peers?|connect)$/i, "--join"],
  [/^--(?:node[-_]?id|name)$/i, "--id"],
  [/^--(?:white[-_]?list(?:[-_]?node[-_]?ids)?|allow[-_]?list)$/i, "--allow"],
  [/^--(?:host|listen)$/i, "--bind"],
];

/** What commander says, in our words. */
export function usageError(error: CommanderError, args: readonly string[]): DsnError {
  const [first = "", second = ""] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = /\(Did you mean (?:one of )?(.*)\?\)/
    .exec(second)?.[1]
    ?.replaceAll(", ", " or ");
  const help = `see what there is: ${helpFor(args)}`;
  const unknownOption = /^unknown option '(.*)'$/s.exec(first)?.[1];
  if (unknownOption !== undefined) {
    // What follows "=" may be a secret.
    const option = unknownOption.split("=")[0] ?? "";
    if (KEY_OPTIONS.test(option)) return keyAsOption(option);
    const others = commandOf(args) === "start" ? OTHER_NAMES : [];
    const meant = others.find(([names]) => names.test(option))?.[1] ?? suggestion;
    return new DsnError("DSN_USAGE", `There is no option ${option}`, {
      fix: meant === undefined ? [help] : [`did you mean ${meant}?`, help],
    });
  }
  const unknownCommand = /^unknown command '(.*)'$/s.exec(first)?.[1];
  if (unknownCommand !== undefined) {
    return new DsnError("DSN_USAGE", `There is no command "${unknownCommand}"`, {
      fix: suggestion === undefined ? [help] : [`did you mean dsn ${suggestion}?`, help],
    });
  }
  const bare = /^option '(.*)' argument missing$/.exec(first)?.[1];
  if (bare !== undefined) {
    return new DsnError("DSN_USAGE", `The option ${bare.split(" ")[0]} needs a value`, {
      fix: [`write ${bare}`, help],
    });
  }
  if (error.code === "commander.excessArguments") {
    return new DsnError("DSN_USAGE", "There are words too many on the command line", {
      why: "this command takes options only",
      fix: ["put values with spaces in quotes", help],
    });
  }
  const message = first.slice(0, 1).toUpperCase() + first.slice(1);
  return new DsnError("DSN_USAGE", message, { fix: [help] });
}

function keyAsOption(option: string): DsnError {
  return new DsnError("DSN_USAGE", `There is no option ${option}`, {
    why: "other users of a machine can read command lines, so a key never stands there",
    fix: ["put the key into a file: --key-file network.key", "or pipe it in: --key-file -"],
  });
}

function commandOf(args: readonly string[]): string | undefined {
  return args.find((arg) => COMMANDS.has(arg));
}

function helpFor(args: readonly string[]): string {
  const command = commandOf(args);
  return command === undefined ? "dsn --help" : `dsn ${command} --help`;
}

const COMMANDS = new Set(["keygen", "start", "version"]);
