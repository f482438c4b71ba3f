/**
 * Waiting in tests: for a condition, never for a fixed time, except where the passage of time is
 * the point.
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";

export { sleep };

/** Looks again and again until `look` does not throw, and returns what it returned. */
export async function eventually<T>(look: () => T | Promise<T>, withinMs = 20_000): Promise<T> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (performance.now() > endMs) {
        if (error instanceof Error) error.message = `not within ${withinMs} ms: ${error.message}`;
        throw error;
      }
      await sleep(25);
    }
  }
}

/** Fails as soon as `look` throws while `ms` pass. */
export async function throughout(ms: number, look: () => void | Promise<void>): Promise<void> {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs) {
    await look();
    await sleep(50);
  }
}

/** What the promise resolves with, and the milliseconds that it took. */
export async function timed<T>(promise: Promise<T>): Promise<{ value: T; ms: number }> {
  const startMs = performance.now();
  const value = await promise;
  return { value, ms: performance.now() - startMs };
}
