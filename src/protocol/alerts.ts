/**
 * Warnings that are told once per condition and end with a word when it is over.
 *
 * A condition is a code and what it is about. Repeats are silent until it is cleared: a network
 * with one broken node must not bury its operator.
 * @module
 */
import type { DsnError, DsnErrorCode } from "../errors.ts";
import type { Kernel } from "./kernel.ts";

/** Strangers can raise conditions about names they invent, so the table has a limit. */
const CONDITIONS_MAX = 1_000;

export class Alerts {
  readonly #kernel: Kernel;
  readonly #active = new Map<string, DsnError>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  raise(error: DsnError, subject: string): void {
    const key = `${error.code} ${subject}`;
    if (this.#active.has(key)) return;
    if (this.#active.size >= CONDITIONS_MAX) {
      const oldest = this.#active.keys().next();
      if (oldest.done !== true) this.#active.delete(oldest.value);
    }
    this.#active.set(key, error);
    this.#kernel.event({ name: "warning", error, resolved: false });
  }

  clear(subject: string, ...codes: readonly DsnErrorCode[]): void {
    for (const code of codes) {
      const error = this.#active.get(`${code} ${subject}`);
      if (error === undefined) continue;
      this.#active.delete(`${code} ${subject}`);
      this.#kernel.event({ name: "warning", error, resolved: true });
    }
  }
}
