/**
 * Growing pauses between attempts, for ever: short at first, then a minute.
 * @module
 */
import type { Kernel } from "./kernel.ts";

const HOUR_MS = 3_600_000;
const GROWTH = 1.5;

export interface Pauses {
  /** The next pause in milliseconds. @param shy A long one at once. */
  readonly next: (shy?: boolean) => number;
  /** The same, less what the attempt took that began at `sinceMs`, monotonic. */
  readonly afterAttempt: (sinceMs: number, shy?: boolean) => number;
  /** There was an answer: the hour of short pauses begins again. */
  readonly reset: () => void;
}

export function createPauses(kernel: Kernel): Pauses {
  const { retryMinMs, retryMaxMs, retryIdleMs } = kernel.settings;
  let sinceMs = kernel.now.monotonicMs;
  let pauseMs = retryMinMs;
  const next = (shy = false) => {
    const long = shy || kernel.now.monotonicMs - sinceMs > HOUR_MS;
    const current = long ? retryIdleMs : pauseMs;
    pauseMs = Math.min(pauseMs * GROWTH, retryMaxMs);
    return kernel.jitter(current);
  };
  return {
    next,
    afterAttempt: (startedMs, shy) =>
      Math.max(retryMinMs, next(shy) - (kernel.now.monotonicMs - startedMs)),
    reset: () => {
      sinceMs = kernel.now.monotonicMs;
      pauseMs = retryMaxMs;
    },
  };
}
