/**
 * Where the time of a process went: self time by kind of work, and by function.
 *
 *     npm run bench -- --profile FOLDER            after a run
 *     node .tmp/bench/profile-summary.js FOLDER    again
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Frame, kindOf, nameOf } from "./profile-kinds.ts";

const KINDS_SHOWN = 12;
const FUNCTIONS_SHOWN = 14;

interface ProfileNode {
  readonly id: number;
  readonly callFrame: Frame;
  readonly children?: readonly number[];
}

/** As `Profiler.stop` of the inspector gives it. */
interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** Microseconds between each sample and the one before. */
  readonly timeDeltas: readonly number[];
  readonly startTime: number;
  readonly endTime: number;
}

/** A paragraph for each profile in `folder`. */
export function profileSummaries(folder: string): string {
  const files = readdirSync(folder).filter((file) => file.endsWith(".cpuprofile"));
  return files
    .sort()
    .map((file) => {
      const profile = JSON.parse(readFileSync(join(folder, file), "utf8")) as Profile;
      return `${file}\n${summary(profile)}\n`;
    })
    .join("\n");
}

function summary({ nodes, samples, timeDeltas, startTime, endTime }: Profile): string {
  const parents = new Map<number, ProfileNode>();
  const byId = new Map(nodes.map((node) => [node.id, node]));
  for (const node of nodes) for (const child of node.children ?? []) parents.set(child, node);

  const byKind = new Map<string, number>();
  const byFunction = new Map<string, number>();
  let busyMs = 0;
  for (const [position, id] of samples.entries()) {
    const node = byId.get(id);
    if (node === undefined || node.callFrame.functionName === "(idle)") continue;
    // What a sample saw goes on until the next one.
    const ms = (timeDeltas[position + 1] ?? 0) / 1_000;
    busyMs += ms;
    const frames: Frame[] = [];
    for (let at: ProfileNode | undefined = node; at !== undefined; at = parents.get(at.id)) {
      frames.push(at.callFrame);
    }
    add(byKind, kindOf(frames), ms);
    add(byFunction, nameOf(node.callFrame), ms);
  }
  const allMs = (endTime - startTime) / 1_000;
  return [
    `  busy ${busyMs.toFixed(0)} of ${allMs.toFixed(0)} ms`,
    ...largest(byKind, busyMs, KINDS_SHOWN),
    "",
    ...largest(byFunction, busyMs, FUNCTIONS_SHOWN),
  ].join("\n");
}

function add(sums: Map<string, number>, name: string, ms: number): void {
  sums.set(name, (sums.get(name) ?? 0) + ms);
}

function largest(sums: ReadonlyMap<string, number>, allMs: number, count: number): string[] {
  return [...sums]
    .sort(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([name, ms]) => `  ${((100 * ms) / allMs).toFixed(1).padStart(5)} %  ${name}`);
}

const [, program, folder] = process.argv;
if (program === fileURLToPath(import.meta.url) && folder !== undefined) {
  console.log(profileSummaries(folder));
}
