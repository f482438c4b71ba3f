/**
 * Waiting for something to become true, with a time limit and a signal.
 * @module
 */
import { DsnError } from "../errors.ts";

/** How long to wait, and how to stop waiting. */
export interface WaitOptions {
  /** Milliseconds; 0 or Infinity for no limit. @default 30000, but for sending what the size needs */
  readonly timeout?: number | undefined;
  /** Aborting rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export const DEFAULT_WAIT_MS = 30_000;

export interface Condition<T> {
  /** The value waited for, or undefined while it is not there. */
  readonly check: () => T | undefined;
  /** Calls back whenever `check` may have a new answer; returns the undo. */
  readonly watch: (again: () => void) => () => void;
  /** What is missing, to end the sentence "Timed out waiting for …". */
  readonly missing: () => string;
  /** Why it will never come to pass: the node has stopped. Asked when `check` has no answer. */
  readonly hopeless?: () => Error | undefined;
  /** A timer; returns the undo. */
  readonly after: (ms: number, run: () => void) => () => void;
}

/** @throws {DsnError} `DSN_TIMEOUT` naming what was missing. */
export function waitFor<T>(condition: Condition<T>, options: WaitOptions = {}): Promise<T> {
  const { timeout = DEFAULT_WAIT_MS, signal } = options;
  return new Promise<T>((resolve, reject) => {
    const undo: (() => void)[] = [];
    const end = (settle: () => void) => {
      for (const step of undo) step();
      settle();
    };
    // What a signal or a program gives as the reason is passed on as it is.
    const fail = (reason: unknown) => end(() => reject(reason as Error));
    const again = () => {
      let value: T | undefined;
      try {
        value = condition.check();
      } catch (error) {
        fail(error);
        return;
      }
      if (value !== undefined) {
        end(() => resolve(value));
        return;
      }
      const never = condition.hopeless?.();
      if (never !== undefined) fail(never);
    };
    if (signal?.aborted === true) {
      fail(signal.reason);
      return;
    }
    undo.push(condition.watch(again));
    if (signal !== undefined) {
      const abort = () => fail(signal.reason);
      signal.addEventListener("abort", abort, { once: true });
      undo.push(() => signal.removeEventListener("abort", abort));
    }
    if (timeout > 0 && Number.isFinite(timeout)) {
      undo.push(condition.after(timeout, () => fail(timedOut(condition.missing(), timeout))));
    }
    again();
  });
}

function timedOut(missing: string, timeout: number): DsnError {
  return new DsnError("DSN_TIMEOUT", `Timed out after ${timeout} ms waiting for ${missing}`, {
    why: "it did not happen in time",
    fix: ["look at peerInfo() for the reason", "give it a longer timeout"],
  });
}

/** setTimeout() takes longer times for 1 ms. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** A timer that may be longer than those of the system. @returns The undo. */
export function afterAnyTime(ms: number, run: () => void): () => void {
  let timer: NodeJS.Timeout;
  const arm = (leftMs: number) => {
    const isLong = leftMs > TIMER_MS_MAX;
    const then = () => (isLong ? arm(leftMs - TIMER_MS_MAX) : run());
    timer = setTimeout(then, isLong ? TIMER_MS_MAX : leftMs);
  };
  arm(ms);
  return () => clearTimeout(timer);
}

/** As the promise, or rejects with the reason of the signal once that aborts. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
