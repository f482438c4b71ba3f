/**
 * The one form of an error for people:
 *
 *     ✖ What happened, with names and values  CODE
 *       Why   the evidence
 *       Fix   what to do, most likely first
 *
 * With a time in front it stands in the columns of the events around it.
 * @module
 */
import type { Paint, Style } from "./paint.ts";
import type { Problem } from "./problems.ts";
import { printable, wrap } from "./text.ts";

export interface ProblemForm {
  readonly mark: string;
  readonly style: Style;
  readonly time: string | undefined;
  /** Columns to break lines at. */
  readonly width: number;
  readonly paint: Paint;
}

export function problemLines(problem: Problem, form: ProblemForm): string[] {
  const { mark, style, time, width, paint } = form;
  const [margin, labelWidth, first, rest] =
    time === undefined
      ? ["  ", 6, paint(style, `${mark} `), "  "]
      : [
          " ".repeat(time.length + 2),
          8,
          `${paint("dim", time)}  ${paint(style, mark.padEnd(8))}`,
          " ".repeat(time.length + 10),
        ];
  const { code, why = "", fix } = problem;
  const head = wrap(`${printable(problem.message, 1_000)} ${code}`, width - rest.length).map(
    (line, index) => `${index === 0 ? first : rest}${withCode(line, code, paint)}`,
  );
  const rows = [
    ...(why === "" ? [] : [["Why", why] as const]),
    ...fix.map((text, index) => [index === 0 ? "Fix" : "", text] as const),
  ];
  const body = rows.flatMap(([label, text]) =>
    wrap(printable(text, 1_000), width - margin.length - labelWidth).map(
      (line, index) =>
        `${margin}${paint("dim", (index === 0 ? label : "").padEnd(labelWidth))}${line}`,
    ),
  );
  return [...head, ...body];
}

/** The code ends the sentence, at some distance. */
function withCode(line: string, code: string, paint: Paint): string {
  if (line === code) return paint("dim", code);
  if (!line.endsWith(` ${code}`)) return paint("bold", line);
  return `${paint("bold", line.slice(0, -code.length - 1))}  ${paint("dim", code)}`;
}
