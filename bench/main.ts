/**
 * Measures the built package beside bare TLS sockets, in the same run and in turns.
 *
 *     npm run bench -- [--quick] [--nodes 2,8,16,32] [--only NAME]… [--udp on|off]
 *                      [--json FILE] [--results FILE] [--profile FOLDER]
 *
 * Absolute numbers belong to a machine and its load; the ratios are what to compare.
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { allWriters } from "./all-writers.ts";
import { type Arguments, readArguments } from "./arguments.ts";
import { coalesced } from "./coalesced.ts";
import { fullState } from "./full-state.ts";
import { idle } from "./idle.ts";
import { join } from "./join.ts";
import { killedPeer } from "./killed-peer.ts";
import { memory } from "./memory.ts";
import { abandonAll } from "./mesh.ts";
import { messages } from "./messages.ts";
import { messagesBeside } from "./messages-beside.ts";
import { profileSummaries } from "./profile-summary.ts";
import type { Question, Result } from "./question.ts";
import { reads } from "./reads.ts";
import { heading, machineLine, table, thisMachine } from "./report.ts";
import { putMachine, putTables } from "./results-file.ts";
import { sessionMemory } from "./session-memory.ts";
import { silentPeer } from "./silent-peer.ts";
import { stoppedPeer } from "./stopped-peer.ts";
import { visibility } from "./visibility.ts";
import { writeRate } from "./write-rate.ts";

const QUESTIONS: readonly Question[] = [
  visibility,
  fullState,
  writeRate,
  coalesced,
  allWriters,
  messages,
  messagesBeside,
  reads,
  join,
  idle,
  killedPeer,
  silentPeer,
  stoppedPeer,
  memory,
  sessionMemory,
];

process.once("exit", abandonAll);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => process.exit(1));
}

const { options, only, json, results: file, typed } = argumentsOrExit();
const { profiles, udp } = options;
if (profiles !== undefined) mkdirSync(profiles, { recursive: true });
const machine = thisMachine();
const line = machineLine(machine, typed);
console.log(`${line}\n`);

const results: (Result & { readonly name: string })[] = [];
for (const question of QUESTIONS) {
  if (only.length > 0 && !only.includes(question.name)) continue;
  const result = await question.measure(options);
  results.push({ name: question.name, ...result });
  console.log([heading(result), "", ...table(result), ""].join("\n"));
}
if (profiles !== undefined) console.log(profileSummaries(profiles));

if (file !== undefined) {
  putTables(file, results);
  if (only.length === 0) putMachine(file, line);
}
if (json !== undefined) {
  const report = { machine, udp: udp ?? "default", arguments: typed, results };
  writeFileSync(json, `${JSON.stringify(report, undefined, 2)}\n`);
}

function argumentsOrExit(): Arguments {
  try {
    const names = QUESTIONS.map(({ name }) => name);
    return readArguments(process.argv[2] ?? "", names);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(2);
  }
}
