// The live part of the demo: a table of the network as its own nodes see it, and keys to press.
import { emitKeypressEvents } from "node:readline";
import { createLogUpdate } from "log-update";
import { now } from "./crew.mjs";
import { duration } from "./page.mjs";

const DRAW_MS = 250;
const NEWS_MAX = 5;
/** A picture that takes longer is left out: the node was just killed. */
const PICTURE_MS = 1_000;

/** Widths: number, node, status, seen by, state, age. */
const COLUMNS = [4, 10, 12, 10, 32, 8];

/** @returns `quit`, which resolves when the person has had enough, and `close`. */
export function showTable({ page, crew, names }) {
  const draw = createLogUpdate(process.stdout);
  const news = [];
  const killedAt = new Map();
  const busy = new Set();
  let closed = false;
  let redraw;

  const say = (text) => {
    const time = new Date().toTimeString().slice(0, 8);
    news.push(`${page.dim(time)}  ${text}`);
    if (news.length > NEWS_MAX) news.shift();
  };

  const undoEvents = crew.on((event) => {
    const { name, nodeId } = event;
    if (event.event === "peer:leave") {
      const since = killedAt.get(nodeId);
      const after = since === undefined ? "" : page.dim(`  ${duration(event.at - since)} after it`);
      say(`${page.red("leave")}  ${name} noticed that ${nodeId} is gone${after}`);
    } else if (event.event === "peer:join") {
      say(`${page.green("join")}   ${name} sees ${nodeId}`);
    } else if (event.event === "warning" && !event.resolved) {
      say(`${page.yellow("!")}      ${name}: ${event.message}`);
    }
  });

  const toggle = async (name) => {
    if (busy.has(name)) return;
    busy.add(name);
    try {
      if (crew.running().includes(name)) {
        killedAt.set(name, now());
        await crew.kill(name);
        say(`${page.red("kill")}   ${name} with SIGKILL`);
      } else {
        const through = crew.running()[0];
        say(`${page.green("start")}  ${name}${through === undefined ? "" : ` through ${through}`}`);
        await crew.start(name, {}, through);
        killedAt.delete(name);
        await crew.call(name, "live");
      }
    } catch (error) {
      if (!closed) say(`${page.yellow("!")}      ${error.message}`);
    } finally {
      busy.delete(name);
    }
  };

  const sendSomething = async () => {
    const [from, to] = shuffled(crew.running());
    if (to === undefined) return;
    const sentAt = now();
    const got = crew.event(({ name, event }) => name === to && event === "data", to, 5_000);
    try {
      await Promise.all([crew.call(from, "send", to, `hello from ${from}`), got]);
      const { text, at } = await got;
      const took = page.dim(`  after ${duration(at - sentAt)}`);
      say(`${page.cyan("data")}   ${to} received "${text}" from ${from}${took}`);
    } catch (error) {
      if (!closed) say(`${page.yellow("!")}      ${error.message}`);
    }
  };

  const showOnce = async () => {
    const rows = await readRows(crew, names);
    if (closed) return;
    draw(tableText(page, rows, news));
    redraw = setTimeout(showOnce, DRAW_MS);
  };

  page.line();
  page.line("   From here on each node writes by itself. What others see of it:");
  page.line();
  const begun = Promise.all(names.map((name) => crew.call(name, "live"))).then(showOnce);
  const quit = new Promise((resolve, reject) => {
    begun.catch(reject);
    onKey((key) => {
      const name = names[Number(key) - 1];
      if (key === "q" || key === "\u0003" || key === "\u0004") resolve();
      else if (key === "m") void sendSomething();
      else if (name !== undefined) void toggle(name);
    });
  });
  const close = () => {
    closed = true;
    clearTimeout(redraw);
    undoEvents();
    process.stdin.setRawMode(false);
    process.stdin.pause();
    draw.done();
  };
  return { quit, close };
}

/** Each node as its next running neighbour sees it. */
async function readRows(crew, names) {
  const running = crew.running();
  const pictures = new Map(
    await Promise.all(
      running.map(async (name) => [
        name,
        await Promise.race([crew.call(name, "picture"), pause(PICTURE_MS)]).catch(() => undefined),
      ]),
    ),
  );
  return names.map((name, index) => {
    const ring = [...names.slice(index + 1), ...names.slice(0, index)];
    const viewer = ring.find((other) => pictures.get(other) !== undefined);
    const seen = viewer === undefined ? undefined : pictures.get(viewer)[name];
    return { name, viewer, runs: running.includes(name), seen };
  });
}

function tableText(page, rows, news) {
  const row = (...cells) =>
    cells
      .map((cell, index) => pad(cell, COLUMNS[index]))
      .join("")
      .trimEnd();
  const lines = rows.map((seenRow, index) =>
    row(page.cyan(` ${index + 1}`), page.bold(seenRow.name), ...cellsOf(page, seenRow)),
  );
  const key = (text) => page.bold(page.cyan(text));
  return [
    page.dim(row("", "node", "status", "seen by", "its state there", "age")),
    ...lines,
    "",
    ` ${key(`1-${rows.length}`)} kill a node, or start it again   ${key("m")} send a message   ${key("q")} quit`,
    "",
    ...news,
  ].join("\n");
}

/** Status, who sees it, what it sees, and how old that is. */
function cellsOf(page, { viewer, runs, seen }) {
  if (viewer === undefined) {
    return runs
      ? [page.yellow("● alone"), "-", page.dim("nobody is there to see it")]
      : [page.red("○ killed"), "-"];
  }
  if (seen === undefined) return [page.yellow("○ not met"), viewer];
  const { status, state, ageMs } = seen;
  if (status === "down") {
    return [page.red("○ down"), viewer, page.dim("gone with it")];
  }
  const text = Object.entries(state)
    .map(([name, value]) => `${name} ${value}`)
    .join("   ");
  const age = Number.isFinite(ageMs) ? `${(ageMs / 1_000).toFixed(1)} s` : "";
  return [
    status === "alive" ? page.green("● alive") : page.yellow(`◐ ${status}`),
    viewer,
    text,
    age,
  ];
}

/** Pads what is seen: escape sequences have no width. */
function pad(text, width) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the sequences meant.
  const seen = text.replace(/\u001b\[[0-9;]*m/g, "").length;
  return text + " ".repeat(Math.max(1, width - seen));
}

function onKey(listener) {
  emitKeypressEvents(process.stdin);
  process.stdin.setRawMode(true);
  process.stdin.resume();
  process.stdin.on("keypress", (text, { sequence }) => listener(text ?? sequence));
}

function shuffled(names) {
  return names
    .map((name) => [Math.random(), name])
    .sort(([a], [b]) => a - b)
    .map(([, name]) => name);
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
