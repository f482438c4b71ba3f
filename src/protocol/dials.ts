/**
 * Room for calls to nodes that others named: few at once, shared fairly among those who name them.
 *
 * A member that names a thousand nodes that do not exist must not keep the one away that another
 * member names: each has a queue of its own, served in turn.
 * @module
 */
import { type Address, formatAddress } from "../wire/exchange.ts";
import { type Flow, wait } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import { LIMITS } from "./settings.ts";

/**
 * A name that led nowhere is not tried again at once (D28). Not much later either: the node may
 * only be cut off from us for a while, and whoever names it waits for us to find it.
 */
const FAILED_NAME_MS = { min: 3_000, max: 12_000 } as const;

export class Dials {
  readonly #kernel: Kernel;
  #open = 0;
  /** Waiting dials by who named them; the first queue is served next. */
  readonly #waiting = new Map<string, (() => void)[]>();
  /** Names that led nowhere, and until when they are not tried again. */
  readonly #failed = new Map<string, { readonly untilMs: number; readonly pauseMs: number }>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Waits for room. False when `namer` has named too many already. Else {@link leave} must follow. */
  *enter(namer: string): Flow<boolean> {
    if (this.#open >= this.#kernel.roomFor(LIMITS.dialsMax)) {
      const queue = this.#waiting.get(namer) ?? [];
      if (queue.length >= LIMITS.dialsWaitingMax) return false;
      this.#waiting.set(namer, queue);
      yield* wait<void>((resume) => queue.push(() => resume()));
      return true;
    }
    this.#open += 1;
    return true;
  }

  leave(): void {
    this.#open -= 1;
    while (this.#open < this.#kernel.roomFor(LIMITS.dialsMax) && this.#waiting.size > 0) {
      // Before it runs, which may end at once.
      this.#open += 1;
      this.#next();
    }
  }

  #next(): void {
    for (const [namer, queue] of this.#waiting) {
      this.#waiting.delete(namer);
      const next = queue.shift();
      // To the end of the line: the next place goes to another namer.
      if (queue.length > 0) this.#waiting.set(namer, queue);
      if (next === undefined) continue;
      next();
      return;
    }
    this.#open -= 1;
  }

  /** Nobody of that name answered there a short while ago. */
  failedLately(nodeId: string, endpoint: Address): boolean {
    const failed = this.#failed.get(nameAt(nodeId, endpoint));
    return failed !== undefined && failed.untilMs > this.#kernel.now.monotonicMs;
  }

  rememberFailure(nodeId: string, endpoint: Address): void {
    const name = nameAt(nodeId, endpoint);
    const before = this.#failed.get(name)?.pauseMs ?? 0;
    const pauseMs = Math.min(FAILED_NAME_MS.max, Math.max(FAILED_NAME_MS.min, 2 * before));
    this.#failed.delete(name);
    for (const oldest of this.#failed.keys()) {
      if (this.#failed.size < LIMITS.failedNamesMax) break;
      this.#failed.delete(oldest);
    }
    this.#failed.set(name, { untilMs: this.#kernel.now.monotonicMs + pauseMs, pauseMs });
  }
}

function nameAt(nodeId: string, endpoint: Address): string {
  return `${nodeId}@${formatAddress(endpoint)}`;
}
