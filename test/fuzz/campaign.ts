/**
 * Runs many inputs against one decoder, and watches time and memory of each.
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { getHeapStatistics } from "node:v8";
import type { DecoderTarget, Verdict } from "./decoders.ts";
import { below, mutate, pick } from "./mutate.ts";
import { inputsOf, REPORT, randomOf, SEED } from "./settings.ts";

/** What became of the inputs of one target. */
export interface Row {
  readonly target: string;
  inputs: number;
  /** Refused in the documented way. */
  refused: number;
  /** Read, and the same when written and read again. For a live node: the same as was said before. */
  read: number;
  /** Taken for genuine although it was changed. */
  accepted: number;
  ms: number;
  readonly findings: string[];
}

/** A campaign with so many findings ends: more of them say no more. */
const FINDINGS_MAX = 5;

/**
 * Memory that one input may take, in bytes, and for each byte of it: what it becomes, what it
 * becomes again, and strings of them. A decoder that believes a length takes far more.
 */
const MEMORY = { base: 256 * 1024, perByte: 150 };

/**
 * Milliseconds of the processor that one input may take, and for each byte of it, at the best of
 * some tries: many times what is needed. What is quadratic takes far more for long inputs.
 */
const TIME = { base: 50, perByte: 0.001 };
const TRIES = 4;

/** One input in so many is a long one, where there are such. */
const LONG_EVERY = 150;

const PROGRESS_MS = 5_000;
/** Bytes of an input that a finding shows. */
const SHOWN_BYTES = 2_000;

export function newRow(target: string): Row {
  return { target, inputs: 0, refused: 0, read: 0, accepted: 0, ms: 0, findings: [] };
}

/** Fuzzes one decoder with its share of the inputs. */
export function runDecoder(target: DecoderTarget): Row {
  const { name, corpus, long = [], check } = target;
  const row = newRow(name);
  const random = randomOf(name);
  const report = progressOf(row);
  // What is compiled first would be counted as memory of the first inputs.
  for (const bytes of [...corpus, ...long]) {
    const { finding } = judge(check, bytes);
    if (finding !== undefined) row.findings.push(describe(finding, bytes));
  }
  for (let left = inputsOf(name); left > 0 && row.findings.length < FINDINGS_MAX; left--) {
    const isLong = long.length > 0 && below(LONG_EVERY, random) === 0;
    const bytes = mutate(pick(isLong ? long : corpus, random), corpus, random);
    const { verdict, finding } = judge(check, bytes);
    row.inputs++;
    if (verdict !== undefined) row[verdict]++;
    if (finding !== undefined) row.findings.push(describe(finding, bytes));
    else if (verdict === "accepted") row.findings.push(describe("accepted", bytes));
    report();
  }
  return finish(row);
}

interface Judged {
  readonly verdict?: Verdict;
  readonly finding?: string;
}

/** One input; when it looks slow or large, again: others use this machine too. */
function judge(check: DecoderTarget["check"], bytes: Uint8Array): Judged {
  let worst: string | undefined;
  for (let tries = 0; tries < TRIES; tries++) {
    // A decoder must not see more than its input, nor keep it.
    const input = Uint8Array.from(bytes);
    const before = memoryBytes();
    const startMs = performance.now();
    const startCpu = process.cpuUsage();
    let verdict: Verdict;
    try {
      verdict = check(input);
    } catch (error) {
      return { finding: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    const { user, system } = process.cpuUsage(startCpu);
    // The clock counts what other processes do, the processor what other threads of this one do.
    const ms = Math.min(performance.now() - startMs, (user + system) / 1_000);
    const memory = memoryBytes() - before;
    if (memory > MEMORY.base + MEMORY.perByte * bytes.length) worst = `took ${memory} bytes`;
    else if (ms > TIME.base + TIME.perByte * bytes.length) worst = `took ${Math.round(ms)} ms`;
    else return { verdict };
  }
  return { finding: `${worst} for ${bytes.length} bytes of input` };
}

/** Less after a collection, never more: a difference is at least what was taken, if it is positive. */
function memoryBytes(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}

export function describe(finding: string, bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.subarray(0, SHOWN_BYTES)).toString("hex");
  const more = bytes.length > SHOWN_BYTES ? `… (${bytes.length} bytes)` : "";
  return `${finding}\n  input: ${hex}${more}`;
}

/** Says now and then how far a campaign is; silent within `npm test`. */
export function progressOf(row: Row): () => void {
  const total = inputsOf(row.target);
  const startMs = performance.now();
  let saidMs = startMs;
  return () => {
    const nowMs = performance.now();
    row.ms = nowMs - startMs;
    if (REPORT === undefined || nowMs - saidMs < PROGRESS_MS) return;
    saidMs = nowMs;
    const rate = Math.round((row.inputs * 1_000) / row.ms);
    console.log(`  ${row.target}: ${row.inputs} of ${total}, ${rate}/s`);
  };
}

/** Writes the row down for `npm run fuzz`. */
export function finish(row: Row): Row {
  if (REPORT !== undefined) {
    mkdirSync(REPORT, { recursive: true });
    const file = join(REPORT, `${row.target.replaceAll(" ", "-")}.json`);
    writeFileSync(file, JSON.stringify(row));
  }
  return row;
}

/** What a failing test says: what happened, and how to see it again. */
export function explain(row: Row, file: string): string {
  const again = `FUZZ_SEED=${SEED} FUZZ_TARGET="${row.target}" FUZZ_INPUTS=${inputsOf(row.target)}`;
  return [...row.findings, `Replay: ${again} npx vitest run test/fuzz/${file}`].join("\n\n");
}
