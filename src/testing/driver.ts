/**
 * Lets simulated time pass while a program waits, and gives the program its turn after each thing
 * that concerns it: as an event loop does.
 * @module
 */
import type { VirtualClock } from "./virtual-clock.ts";

/** The rest of the process gets a turn after so many things. */
const TURN_AFTER = 1_000;

export class Driver {
  readonly #clock: VirtualClock;
  /** Those who wait for time to pass: each is told what ended the driving, if anything does. */
  readonly #waiting = new Set<(error: unknown) => void>();
  #driving = false;
  #touched = false;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** A program may have something to do now: it gets its turn before time goes on. */
  touch(): void {
    this.#touched = true;
  }

  /** A timer of a program; what is no number is 0, as for setTimeout(). @returns The undo. */
  after(ms: number, run: () => void): () => void {
    let isCancelled = false;
    this.#clock.in(ms > 0 ? ms : 0, () => {
      if (isCancelled) return;
      this.touch();
      run();
    });
    return () => {
      isCancelled = true;
    };
  }

  /** Lets time pass until `end` is called. It must have a time limit of its own. */
  drive<T>(begin: (end: (value: T) => void, fail: (error: unknown) => void) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const fail = (error: unknown) => {
        this.#waiting.delete(fail);
        this.touch();
        reject(error instanceof Error ? error : new Error(String(error)));
      };
      this.#waiting.add(fail);
      begin((value) => {
        this.#waiting.delete(fail);
        this.touch();
        resolve(value);
      }, fail);
      if (this.#driving) return;
      this.#driving = true;
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    try {
      // What was begun before is done before time passes.
      await turn();
      let done = 0;
      while (this.#waiting.size > 0) {
        this.#clock.advance(Number.POSITIVE_INFINITY);
        done += 1;
        if (!this.#touched && done % TURN_AFTER !== 0) continue;
        this.#touched = false;
        await turn();
      }
    } catch (error) {
      for (const fail of [...this.#waiting]) fail(error);
    } finally {
      this.#driving = false;
    }
  }
}

/** All promises that can go on have gone on when this resolves. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
