// Plots as SVG: lines over a scale, and bars. Light and dark, by the viewer's preference.
import { scaleLinear } from "d3-scale";
import { curveStepAfter, line } from "d3-shape";

const WIDTH = 720;
const HEIGHT = 320;
const MARGIN = { top: 44, right: 24, bottom: 48, left: 72 };
const STYLE = `
  svg { background: #fff; font: 13px system-ui, sans-serif }
  text { fill: #222 } .grid { stroke: #ddd } .line { fill: none; stroke: #2563eb; stroke-width: 2 }
  .bar { fill: #2563eb } .mark { stroke: #b45309; stroke-dasharray: 4 3 }
  .note { fill: #b45309; stroke: #fff; stroke-width: 4px; paint-order: stroke }
  .title { font-size: 15px; font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    svg { background: #111 } text { fill: #ddd } .grid { stroke: #333 }
    .line { stroke: #60a5fa } .bar { fill: #60a5fa } .mark { stroke: #f59e0b } 
    .note { fill: #f59e0b; stroke: #111 }
  }`;

const escapes = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escaped = (text) => String(text).replace(/[&<>"]/g, (one) => escapes[one]);
const round = (value) => Math.round(value * 10) / 10;
const text = (x, y, content, more = "") =>
  `<text x="${round(x)}" y="${round(y)}" ${more}>${escaped(content)}</text>`;

function svg(title, height, content) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
${text(MARGIN.left, 24, title, 'class="title"')}
${content.join("\n")}
</svg>
`;
}

/** The share of samples that are at most so large. `marks`: shares to point out, such as 0.99. */
export function cumulativePlot({ title, unit, samples, marks = [0.5, 0.99] }) {
  const sorted = [...samples].sort((a, b) => a - b);
  const max = sorted.at(-1) ?? 1;
  const x = scaleLinear([0, max * 1.05 || 1], [MARGIN.left, WIDTH - MARGIN.right]).nice();
  const y = scaleLinear([0, 1], [HEIGHT - MARGIN.bottom, MARGIN.top]);
  const points = [[0, 0], ...sorted.map((value, index) => [value, (index + 1) / sorted.length])];
  const content = [];
  for (const tick of y.ticks(5)) {
    content.push(
      `<path class="grid" d="M${MARGIN.left} ${round(y(tick))}H${WIDTH - MARGIN.right}"/>`,
      text(MARGIN.left - 8, y(tick) + 4, `${Math.round(tick * 100)} %`, 'text-anchor="end"'),
    );
  }
  for (const tick of x.ticks(8))
    content.push(
      text(x(tick), HEIGHT - MARGIN.bottom + 20, x.tickFormat(8)(tick), 'text-anchor="middle"'),
    );
  content.push(text(WIDTH - MARGIN.right, HEIGHT - 8, unit, 'text-anchor="end"'));
  const path = line(
    ([value]) => round(x(value)),
    ([, share]) => round(y(share)),
  ).curve(curveStepAfter);
  content.push(`<path class="line" d="${path(thinned(points))}"/>`);
  for (const [index, share] of marks.entries()) {
    if (sorted.length === 0) break;
    const value = quantile(sorted, share);
    const place = round(x(value));
    const isLeft = place > WIDTH / 2;
    content.push(
      `<path class="mark" d="M${place} ${HEIGHT - MARGIN.bottom}V${round(y(share))}"/>`,
      text(
        place + (isLeft ? -6 : 6),
        HEIGHT - MARGIN.bottom - 10 - 18 * index,
        `p${Math.round(share * 100)} ${Math.round(value)} ${unit}`,
        `class="note" text-anchor="${isLeft ? "end" : "start"}"`,
      ),
    );
  }
  return svg(title, HEIGHT, content);
}

/** A bar for each row, the longest first. */
export function barPlot({ title, rows, format }) {
  const sorted = [...rows].sort((a, b) => b[1] - a[1]);
  const left = 190;
  const height = MARGIN.top + sorted.length * 24 + 16;
  const x = scaleLinear([0, sorted[0]?.[1] || 1], [left, WIDTH - 120]);
  const content = sorted.flatMap(([name, value], index) => {
    const y = MARGIN.top + index * 24;
    return [
      text(left - 8, y + 14, name, 'text-anchor="end"'),
      `<rect class="bar" x="${left}" y="${y}" width="${round(Math.max(1, x(value) - left))}" height="18"/>`,
      text(x(value) + 6, y + 14, format(value)),
    ];
  });
  return svg(title, height, content);
}

/** @param sorted Numbers, the smallest first. */
export function quantile(sorted, share) {
  return (
    sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? NaN
  );
}

/** A plot has no room for more points than pixels. */
function thinned(points) {
  const step = Math.ceil(points.length / (2 * WIDTH));
  return points.filter((_, index) => index % step === 0 || index === points.length - 1);
}
