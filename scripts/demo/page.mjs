// How the demo looks: steps with one sentence, one line of code, and what came of it.
const WIDTH = 78;
const TIME_WIDTH = 10;

export class Page {
  #colors;
  #step = 0;
  #title = "";

  constructor({ colors }) {
    this.#colors = colors;
  }

  /** The step under way, for a complaint. */
  get step() {
    return { number: this.#step, title: this.#title };
  }

  paint(code, text) {
    return this.#colors ? `\u001b[${code}m${text}\u001b[0m` : text;
  }

  bold = (text) => this.paint(1, text);
  dim = (text) => this.paint(2, text);
  red = (text) => this.paint(31, text);
  green = (text) => this.paint(32, text);
  yellow = (text) => this.paint(33, text);
  cyan = (text) => this.paint(36, text);

  line(text = "") {
    console.log(text);
  }

  title(name, what) {
    this.line(`${this.bold(name)}  ${this.dim(what)}`);
  }

  /** Begins a step: what happens, why, and the line of a program that does it. */
  begin(title, sentence, code) {
    this.#step += 1;
    this.#title = title;
    this.line();
    this.line(`${this.bold(`${this.#step}  ${title}`)}`);
    this.line(`   ${sentence}`);
    for (const text of [code].flat()) this.line(`   ${this.cyan(text)}`);
  }

  /** Something came true; `ms` is how long it took. */
  done(text, ms) {
    const mark = this.green("✓");
    if (ms === undefined) {
      this.line(`   ${mark} ${text}`);
      return;
    }
    const time = duration(ms).padStart(TIME_WIDTH);
    this.line(`   ${mark} ${text.padEnd(WIDTH - 5 - TIME_WIDTH)}${this.dim(time)}`);
  }
}

/** `0.8 ms`, `12 ms`, `1.25 s`. */
export function duration(ms) {
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(2)} s`;
  return `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
}

/** `a`, `a and b`, `a, b and c`. */
export function listOf(names) {
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
