/**
 * Measures the built package beside bare TLS sockets, in the same run and in turns.
 *
 *     npm run bench -- [--quick] [--only NAME]… [--json FILE] [--profile FOLDER]
 *
 * Absolute numbers belong to a machine and its load; the ratios are what to compare.
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { abandonAll } from "./mesh.ts";
import { messages } from "./messages.ts";
import type { Options, Question, Result } from "./question.ts";
import { machineLine, table, thisMachine } from "./report.ts";
import { stoppedPeer } from "./stopped-peer.ts";
import { visibility } from "./visibility.ts";
import { writeRate } from "./write-rate.ts";

const QUESTIONS: readonly Question[] = [visibility, writeRate, messages, stoppedPeer];

process.once("exit", abandonAll);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => process.exit(1));
}

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    json: { type: "string" },
    profile: { type: "string" },
  },
});

const unknown = values.only.filter((name) => !QUESTIONS.some((question) => question.name === name));
if (unknown.length > 0) {
  const names = QUESTIONS.map(({ name }) => name).join(", ");
  console.error(`There is no question "${unknown.join(", ")}"; there are: ${names}`);
  process.exit(2);
}

const options: Options = { quick: values.quick, profiles: values.profile };
if (options.profiles !== undefined) mkdirSync(options.profiles, { recursive: true });
const machine = thisMachine();
console.log(`${machineLine(machine)}\n`);

const results: (Result & { readonly name: string })[] = [];
for (const question of QUESTIONS) {
  if (values.only.length > 0 && !values.only.includes(question.name)) continue;
  const result = await question.measure(options);
  results.push({ name: question.name, ...result });
  console.log(`${table(result)}\n`);
}

if (values.json !== undefined) {
  const report = { machine, arguments: process.argv.slice(2), results };
  writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
}
