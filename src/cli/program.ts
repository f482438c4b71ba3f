/**
 * The commands and their options. Help leads with examples.
 * @module
 */
import { Command, Option } from "commander";
import { type KeygenFlags, keygen } from "./keygen.ts";
import { Output, type OutputOptions } from "./output.ts";
import { start } from "./start.ts";
import {
  collectAllow,
  collectJoin,
  collectSet,
  DEFAULT_PORT,
  defaultCredentialDir,
  defaultId,
  parseHost,
  parseId,
  parsePort,
  type StartFlags,
} from "./start-options.ts";
import { shortPath } from "./text.ts";
import { showVersion, versionLine } from "./version.ts";

export function createProgram(): Command {
  const program = new Command("dsn")
    .description("Nodes that share state without a broker.")
    .exitOverride()
    // Errors are told by whoever catches them, in one form.
    .configureOutput({ outputError: () => undefined })
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .version(versionLine(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .option("--json", "answers as JSON, events as one JSON object per line")
    .option("-q, --quiet", "nothing but answers, warnings and errors")
    .option("--no-color", "no colors; NO_COLOR in the environment does the same");
  examples(program, [
    ["dsn keygen --out network.key", "make a network key"],
    ["dsn start --id node-1 --key-file network.key", "run a first node"],
    ["dsn start --id node-2 --key-file network.key --join 192.168.0.10:8000", ""],
  ]);
  addKeygen(program);
  addStart(program);
  addVersion(program);
  return program;
}

function addKeygen(program: Command): void {
  const command = program
    .command("keygen")
    .summary("make a network key")
    .description("Makes a network key: 32 hex digits. Who has it can join and read everything.")
    .option("--out <path>", "write to a file (mode 0600) instead of stdout, which is -")
    .option("--force", "replace the file if it is there")
    .action((flags: KeygenFlags) => keygen(flags, outputOf(command)));
  examples(command, [
    ["dsn keygen --out network.key", "for your eyes only"],
    ["dsn keygen | ssh pi 'cat > network.key'", "to another machine"],
  ]);
}

function addStart(program: Command): void {
  const command = program
    .command("start")
    .summary("run a node until Ctrl-C")
    .description("Runs a node in the foreground and prints what happens. Ctrl-C stops it.")
    .option("--id <id>", "name of this node, unique in its network", parseId, defaultId())
    .option(
      "--port <n>",
      "port to listen on, TCP and UDP; 0 for any free one",
      parsePort,
      DEFAULT_PORT,
    )
    .option("--join <host:port>", "join through this node (repeatable)", collectJoin)
    .option("--key-file <path>", "file with the network key; - reads it from stdin")
    .option("--advertise <addr>", "address that peers shall call", parseHost("--advertise"))
    .option("--bind <addr>", "listen on this address only", parseHost("--bind"))
    .option("--no-udp", "no datagrams: TCP for everything")
    .option("--no-peer-cache", "keep no list of peers for the next start")
    .option("--thread", "a worker thread answers probes while this process is busy")
    .option("--allow <id>", "let only these nodes in (repeatable)", collectAllow)
    .option("--set <key=value>", "begin with this in its state (repeatable)", collectSet)
    .addOption(
      new Option("--credential-dir <dir>", "where identities are kept").default(
        defaultCredentialDir(),
        shortPath(defaultCredentialDir()),
      ),
    )
    .action((flags: StartFlags) => start(flags, outputOf(command)));
  examples(command, [
    ["dsn start --id node-1 --key-file network.key", "a first node"],
    ["dsn start --id node-2 --key-file network.key --join 192.168.0.10:8000", ""],
    ["dsn start --id node-3 --port 8001 --join localhost:8000 --set status=online", ""],
    ["dsn start --json | jq -c 'select(.type == \"state:update\")'", ""],
  ]);
}

function addVersion(program: Command): void {
  const command = program
    .command("version")
    .summary("print the version")
    .description("Prints the version of this program and of the protocol it speaks.")
    .action(() => showVersion(outputOf(command)));
  examples(command, [["dsn version --json", "for programs"]]);
}

function outputOf(command: Command): Output {
  return new Output(command.optsWithGlobals<OutputOptions>());
}

function examples(command: Command, all: readonly (readonly [line: string, what: string])[]): void {
  const lines = all.map(([line, what]) =>
    what === "" ? `  ${line}` : `  ${line.padEnd(EXAMPLE_WIDTH)}  # ${what}`,
  );
  command.addHelpText("before", `Examples:\n${lines.join("\n")}\n`);
}

const EXAMPLE_WIDTH = 46;
