import type { Kernel } from "../../../src/protocol/kernel.ts";

/** Some timer fires that late. */
export function beLate(kernel: Kernel, ms: number): void {
  kernel.after(0, () => undefined);
  const { monotonicMs, unixSeconds } = kernel.now;
  kernel.now = { monotonicMs: monotonicMs + ms, unixSeconds };
  kernel.fireTimers();
}
