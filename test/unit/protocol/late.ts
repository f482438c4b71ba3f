import type { Kernel } from "../../../src/protocol/kernel.ts";

/** Timers fire that late, twice: once may be a pause. */
export function beLate(kernel: Kernel, ms: number): void {
  for (let moment = 0; moment < 2; moment += 1) {
    kernel.after(0, () => undefined);
    const { monotonicMs, unixSeconds } = kernel.now;
    kernel.now = { monotonicMs: monotonicMs + ms, unixSeconds };
    kernel.fireTimers();
  }
}
