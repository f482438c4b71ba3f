/**
 * Warnings that are told once per condition and end with a word when it is over.
 *
 * A condition is a code and what it is about. Repeats are silent until it is cleared: a network
 * with one broken node must not bury its operator.
 * @module
 */
import { DsnError, type DsnErrorCode } from "../errors.ts";
import type { Kernel } from "./kernel.ts";

/** Strangers can raise conditions about names they invent: so many of one code are told. */
const OF_ONE_CODE_MAX = 250;
/** What was not raised again for so long is taken to be over where room is needed. */
const OLD_MS = 3_600_000;

interface Told {
  readonly error: DsnError;
  /** When it was last raised. */
  sinceMs: number;
}

export class Alerts {
  readonly #kernel: Kernel;
  /** By code, then by what they are about; the oldest first. */
  readonly #active = new Map<DsnErrorCode, Map<string, Told>>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  raise(error: DsnError, subject: string): void {
    const { code } = error;
    const told = this.#active.get(code) ?? new Map<string, Told>();
    this.#active.set(code, told);
    const before = told.get(subject);
    if (before !== undefined) {
      before.sinceMs = this.#kernel.now.monotonicMs;
      return;
    }
    if (told.size >= OF_ONE_CODE_MAX) this.#forget(code, told);
    if (told.size >= OF_ONE_CODE_MAX) {
      // To forget one would be to tell it again when it is raised again, and so on.
      if (code !== "DSN_PEER_LIMIT") this.raise(untold(error), code);
      return;
    }
    told.set(subject, { error, sinceMs: this.#kernel.now.monotonicMs });
    this.#kernel.event({ name: "warning", error, resolved: false });
  }

  clear(subject: string, ...codes: readonly DsnErrorCode[]): void {
    for (const code of codes) {
      const told = this.#active.get(code)?.get(subject);
      if (told === undefined) continue;
      this.#active.get(code)?.delete(subject);
      this.#kernel.event({ name: "warning", error: told.error, resolved: true });
      this.clear(code, "DSN_PEER_LIMIT");
    }
  }

  #forget(code: DsnErrorCode, told: ReadonlyMap<string, Told>): void {
    const oldMs = this.#kernel.now.monotonicMs - OLD_MS;
    for (const [subject, { sinceMs }] of [...told]) {
      if (sinceMs <= oldMs) this.clear(subject, code);
    }
  }
}

function untold({ code, message }: DsnError): DsnError {
  return new DsnError("DSN_PEER_LIMIT", `Cannot tell of every ${code}`, {
    why: `${OF_ONE_CODE_MAX} are told already; the next would be: ${message}`,
    fix: ["look at those that are told: somebody may make up names"],
  });
}
