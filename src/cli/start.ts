/**
 * `dsn start`: a node in the foreground, until it is told to stop.
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DSNodeServer } from "../node/ds-node-server.ts";
import { readKeyFile } from "./key-file.ts";
import type { Output } from "./output.ts";
import { toProblem } from "./problems.ts";
import { stopOnSignals } from "./signals.ts";
import { type StartFlags, toConfig } from "./start-options.ts";
import { connect, HumanReport, JsonReport, type Report } from "./start-report.ts";

/** Between two looks at whether the port is bound. */
const BOUND_LOOK_MS = 5;

/** Runs the node. Resolves when it has been stopped. */
export async function start(flags: StartFlags, output: Output): Promise<void> {
  const report: Report = output.json ? new JsonReport(output) : new HumanReport(output);
  const key = await networkKey(flags, output, report);
  const config = toConfig(flags, key);
  const isNew = !existsSync(join(config.credentialDir, config.nodeId, `${config.nodeId}.key`));
  const stopping = new AbortController();
  const state = Object.fromEntries(flags.set ?? []);
  const server = new DSNodeServer(config, { state, signal: stopping.signal });

  let told = false;
  const tellListening = () => {
    if (told || server.node.bound === undefined) return;
    told = true;
    report.listening({ server, isNew, keyFile: flags.keyFile });
  };
  // Listeners are called in order: whatever happens first, where the node listens is told before.
  const events = ["joined", "peer:join", "isolated", "state:update", "data", "warning"] as const;
  for (const event of events) {
    server.on(event, tellListening);
  }
  connect(server, report);
  const closed = new Promise<void>((resolve) => {
    server.on("close", () => {
      if (told) report.closed();
      resolve();
    });
  });

  const ignoreSignals = stopOnSignals(() => stopping.abort());
  const looking = setInterval(tellListening, BOUND_LOOK_MS);
  try {
    await server.start();
    if (server.running) tellListening();
    await closed;
  } catch (error) {
    // A start that Ctrl-C ended is no failure.
    if (!stopping.signal.aborted) throw error;
  } finally {
    clearInterval(looking);
    ignoreSignals();
  }
}

async function networkKey(
  { keyFile }: StartFlags,
  output: Output,
  report: Report,
): Promise<string | undefined> {
  if (keyFile === undefined) return undefined;
  if (keyFile === "-" && process.stdin.isTTY) {
    output.talk("Type the network key, then Ctrl-D.");
  }
  const { key, warning } = await readKeyFile(keyFile, process.stdin);
  if (warning === undefined) return key;
  // For people it belongs to what is said before the node runs, without a time.
  if (output.json) report.warned({ error: warning, resolved: false });
  else output.warn(toProblem(warning));
  return key;
}
