#!/usr/bin/env node
/**
 * The `dsn` command.
 * @module
 */
import { CommanderError } from "commander";
import { Output } from "./output.ts";
import { exitCodeOf, fileError, toProblem } from "./problems.ts";
import { createProgram } from "./program.ts";
import { stopCleanly } from "./signals.ts";
import { usageError } from "./usage.ts";

const args = process.argv.slice(2);

// Who reads our answers may stop reading: `dsn start | head -1`. Or the disk that they go to is full.
process.stdout.once("error", (error: NodeJS.ErrnoException) => {
  process.stdout.on("error", () => undefined);
  const isUnread = error.code === "EPIPE";
  stopCleanly(isUnread ? 0 : tell(fileError("write to standard output", error)));
});
process.stderr.on("error", () => undefined);

try {
  await createProgram().parseAsync(args, { from: "user" });
} catch (error) {
  process.exitCode = tell(error);
}

/** Tells what went wrong; returns the exit code. */
function tell(error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    // `dsn` alone has printed its help already.
    if (error.code === "commander.help") return 2;
  }
  const problem = toProblem(error instanceof CommanderError ? usageError(error, args) : error);
  const color = !args.includes("--no-color");
  new Output({ json: args.includes("--json"), color }).error(problem);
  return exitCodeOf(problem);
}
