// A large network without chaos: a report as text, the numbers as JSON, and plots.
import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { runScale } from "../../dist/testing/index.js";
import { root } from "../prepare.mjs";
import { barPlot, cumulativePlot, quantile } from "./plots.mjs";

const ms = (value) => (Number.isNaN(value) ? "–" : `${Math.round(value)} ms`);
const spread = (sorted) =>
  `p50 ${ms(quantile(sorted, 0.5))}, p99 ${ms(quantile(sorted, 0.99))}, max ${ms(sorted.at(-1) ?? NaN)}`;
const kilobytes = (bytes) => `${(bytes / 1_000).toFixed(1)} KB`;

export function runReport(options, out) {
  const onProgress = (what) => console.log(`… ${what}`);
  let report;
  try {
    report = runScale({ ...options, onProgress });
  } catch (error) {
    console.error(`✖ ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
  const name = `${report.nodes}-nodes${report.bootstrapDies ? "-bootstrap-dies" : ""}`;
  const folder = resolve(out ?? join(root, ".tmp", "simulate", name));
  console.log(`\n${summary(report)}\n`);
  mkdirSync(folder, { recursive: true });
  for (const [file, content] of Object.entries(files(report)))
    writeFileSync(join(folder, file), content);
  console.log(`Plots and numbers: ${relative(process.cwd(), folder) || "."}`);
  return report.falseVerdicts.length === 0 ? 0 : 1;
}

function perNodeMinute(report) {
  const share = 1 / report.nodes / report.trafficMinutes;
  return [...report.traffic]
    .map(([kind, { count, bytes }]) => ({ kind, count: count * share, bytes: bytes * share }))
    .sort((a, b) => b.bytes - a.bytes);
}

function summary(report) {
  const { nodes, seed, minutes, lossRate, bootstrapDies, falseVerdicts, deathKnownMs } = report;
  const kinds = perNodeMinute(report);
  const total = (field) => kinds.reduce((sum, kind) => sum + kind[field], 0);
  const busiest = Math.max(...[...report.trafficByNode.values()].map(({ bytes }) => bytes), 0);
  const lines = [
    `${nodes} nodes, seed ${seed}, ${lossRate * 100} % loss, ${minutes} min with a write each second`,
    ...(bootstrapDies ? ["The bootstrap node dies when ten have joined."] : []),
    "Signatures are hashes that stand in for ECDSA, and datagrams have no seals; processor time is not simulated.",
    "",
    `Mass join, until a node sees all      ${spread(report.seesAllMs)}`,
    `Mass join, until all see and read all ${ms(report.allSeeAllMs)}`,
    `A write is read by a node             ${spread(report.visibleMs)}`,
    `A write is read everywhere            ${spread(report.everywhereMs)} (${report.everywhereMs.length} writes, ${report.overtaken} overtaken)`,
    `Frames of the writer for a write      p50 ${quantile(report.ownFrames, 0.5)}, p99 ${quantile(report.ownFrames, 0.99)}, max ${report.ownFrames.at(-1)}`,
    `A silent death is known               ${spread(deathKnownMs)} (${deathKnownMs.length} of ${nodes - 1 - Number(bootstrapDies)})`,
    `Declared down though they ran         ${falseVerdicts.length}`,
    ...falseVerdicts
      .slice(0, 10)
      .map(({ atMs, by, of }) => `  ${ms(atMs)}: ${by} says so of ${of}`),
    "",
    `Sent per node and minute: ${Math.round(total("count"))} messages, ${kilobytes(total("bytes"))}; the busiest node ${kilobytes(busiest / report.trafficMinutes)}`,
    ...kinds.map(
      ({ kind, count, bytes }) =>
        `  ${kind.padEnd(22)} ${count.toFixed(1).padStart(8)} ${kilobytes(bytes).padStart(10)}`,
    ),
    "",
    `It took ${report.tookSeconds.toFixed(1)} s.`,
  ];
  return lines.join("\n");
}

function files(report) {
  const of = `${report.nodes} nodes, ${report.lossRate * 100} % loss`;
  const plot = (title, samples) =>
    cumulativePlot({ title: `${title}: ${of}`, unit: "ms", samples });
  const numbers = {
    ...report,
    visibleMs: undefined,
    traffic: Object.fromEntries(report.traffic),
    trafficByNode: Object.fromEntries(report.trafficByNode),
  };
  return {
    "report.txt": `${summary(report)}\n`,
    "report.json": `${JSON.stringify(numbers, undefined, 1)}\n`,
    "join.svg": plot("Mass join, nodes that see all", report.seesAllMs),
    "visible.svg": plot("A write, nodes that read it", report.visibleMs),
    "everywhere.svg": plot("Writes that are everywhere", report.everywhereMs),
    "death.svg": plot("A silent death, nodes that know", report.deathKnownMs),
    "traffic.svg": barPlot({
      title: `Bytes per node and minute: ${of}`,
      rows: perNodeMinute(report).map(({ kind, bytes }) => [kind, bytes]),
      format: kilobytes,
    }),
  };
}
