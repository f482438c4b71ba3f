/**
 * Feeds a core with what happens, in order and on a real clock, and wakes it when it is due.
 * @module
 */
import type { Effect, Input, Instant, NodeCore } from "../protocol/index.ts";

export interface CoreLoopHooks {
  readonly now: () => Instant;
  /** Called with each effect, in order, while the core steps no further. */
  readonly carryOut: (effect: Effect) => void;
  /** All that came so far has been taken in. */
  readonly onRest: () => void;
}

export class CoreLoop {
  readonly #hooks: CoreLoopHooks;
  #core: NodeCore | undefined;
  #ended = false;
  #stepping = false;
  readonly #inputs: Input[] = [];
  #timer: NodeJS.Timeout | undefined;
  #timerAtMs: number | undefined;
  #flushedInTurn = false;
  #flushAgain = false;

  constructor(hooks: CoreLoopHooks) {
    this.#hooks = hooks;
  }

  /** What comes before this is not taken in. */
  begin(core: NodeCore): void {
    this.#core = core;
  }

  /** Nothing is taken in any more. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  /** Undefined before the begin. */
  get core(): NodeCore | undefined {
    return this.#core;
  }

  /** Whether what happens now is taken in. */
  get isOpen(): boolean {
    return this.#core !== undefined && !this.#ended;
  }

  step(input: Input): void {
    this.#inputs.push(input);
    this.#takeIn();
  }

  stepAll(inputs: readonly Input[]): void {
    this.#inputs.push(...inputs);
    this.#takeIn();
  }

  /** Takes in what happened. What that brings about at once is taken in before this returns. */
  #takeIn(): void {
    const core = this.#core;
    const { now, carryOut, onRest } = this.#hooks;
    if (core === undefined || this.#ended) {
      this.#inputs.length = 0;
      return;
    }
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      for (let input = this.#inputs.shift(); input !== undefined; input = this.#inputs.shift()) {
        for (const effect of core.step(input, now())) carryOut(effect);
      }
    } finally {
      // A write that the core refuses throws to its caller, and changed nothing.
      this.#stepping = false;
    }
    this.#setTimer(core.wakeAt);
    onRest();
  }

  /** At once after the code that runs now, but no more than once in a turn of the event loop. */
  flushSoon(): void {
    if (this.#flushedInTurn) {
      this.#flushAgain = true;
      return;
    }
    this.#flushedInTurn = true;
    process.nextTick(() => this.step({ kind: "flush" }));
    setImmediate(() => {
      this.#flushedInTurn = false;
      if (!this.#flushAgain) return;
      this.#flushAgain = false;
      this.step({ kind: "flush" });
    });
  }

  #setTimer(atMs: number | undefined): void {
    if (atMs === this.#timerAtMs || this.#ended) return;
    clearTimeout(this.#timer);
    this.#timerAtMs = atMs;
    if (atMs === undefined) return;
    const delayMs = Math.max(0, Math.ceil(atMs - performance.now()));
    this.#timer = setTimeout(() => {
      this.#timerAtMs = undefined;
      this.step({ kind: "wake" });
    }, delayMs);
  }
}
