/**
 * Tables for people, and the same numbers for programs.
 * @module
 */
import { cpus, loadavg } from "node:os";
import type { Result, Row } from "./question.ts";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly platform: string;
  readonly date: string;
  /** Of one minute, before the run. On two cores, 2 is a machine that is full already. */
  readonly load: number;
}

export function thisMachine(): Machine {
  const cores = cpus();
  return {
    cpu: cores[0]?.model.trim() ?? "unknown",
    cores: cores.length,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    date: new Date().toISOString(),
    load: loadavg()[0] ?? Number.NaN,
  };
}

export function machineLine(
  { cpu, cores, node, platform, date, load }: Machine,
  args: readonly string[],
): string {
  const command = ["npm run bench", ...(args.length > 0 ? ["--", ...args] : [])].join(" ");
  const where = `${cpu}, ${cores} cores, load ${load.toFixed(1)} before; Node ${node} on ${platform}`;
  return `${where}; ${date}; \`${command}\``;
}

export function heading({ title }: Result): string {
  return `## ${title}`;
}

/** Lines of a table that reads well on a terminal and in Markdown. */
export function table({ columns, rows }: Result): string[] {
  const head = ["", ...columns, "ratio", "target"];
  const body = rows.map((row) => [
    row.what,
    withUnit(row.measured, row.unit),
    withUnit(row.beside, row.unit),
    `${(row.measured / row.beside).toFixed(2)} ×`,
    targetOf(row),
  ]);
  const widths = head.map((name, column) =>
    Math.max(name.length, ...body.map((cells) => cells[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => pad(cell, widths[column] ?? 0, column)).join(" | ")} |`;
  const rule = `|${widths.map((width, column) => (column === 0 ? `${"-".repeat(width + 2)}` : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [line(head), rule, ...body.map(line)];
}

function targetOf({ target, measured, unit }: Row): string {
  if (target === undefined) return "";
  return `${measured <= target ? "met" : "missed"}: ${target} ${unit}`;
}

function withUnit(value: number, unit: Row["unit"]): string {
  const digits = unit === "B/s" || value >= 100 ? 0 : value >= 1 ? 2 : 3;
  const number = value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return `${number} ${unit === "per second" ? "/s" : unit}`;
}

function pad(cell: string, width: number, column: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}
