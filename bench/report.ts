/**
 * Tables for people, and the same numbers for programs.
 * @module
 */
import { cpus, loadavg } from "node:os";
import type { Result, Row } from "./question.ts";
import { isMet } from "./target.ts";

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
    targetOf(row, columns[1]),
  ]);
  const widths = head.map((name, column) =>
    Math.max(name.length, ...body.map((cells) => cells[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => pad(cell, widths[column] ?? 0, column)).join(" | ")} |`;
  const rule = `|${widths.map((width, column) => (column === 0 ? `${"-".repeat(width + 2)}` : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [line(head), rule, ...body.map(line)];
}

function targetOf({ target, measured, beside, unit }: Row, besideName: string): string {
  if (target === undefined) return "";
  const { bound, value, than } = target;
  const text = {
    itself: withUnit(value, unit, Number.isInteger(value) ? 0 : 1),
    times: `${value} × ${besideName}`,
    more: `${withUnit(value, unit, 0)} more than ${besideName}`,
  }[than];
  return `${isMet(target, measured, beside) ? "met" : "missed"}: ${bound} ${text}`;
}

function withUnit(value: number, unit: Row["unit"], digits = digitsOf(value, unit)): string {
  const number = value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return `${number} ${unit === "per second" ? "/s" : unit}`;
}

function digitsOf(value: number, unit: Row["unit"]): number {
  if (unit === "B/s" || value >= 100) return 0;
  return value >= 1 ? 2 : 3;
}

function pad(cell: string, width: number, column: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}
