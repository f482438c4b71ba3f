/**
 * Waiting for something to happen in simulated time: time passes until it has, or is up for
 * the one who waits.
 * @module
 */
import { DsnError } from "../errors.ts";
import type { Driver } from "./driver.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** Simulated milliseconds, unless somebody says otherwise. */
export const WITHIN_MS = 60_000;
/** Conditions are looked at so often. */
const LOOK_MS = 50;

export class SimWaiting {
  readonly #driver: Driver;
  readonly #clock: VirtualClock;

  constructor(driver: Driver, clock: VirtualClock) {
    this.#driver = driver;
    this.#clock = clock;
  }

  /** @throws {DsnError} `DSN_TIMEOUT`, or what the promise is rejected with. */
  untilSettled<T>(promise: PromiseLike<T>, withinMs: number): Promise<T> {
    const driver = this.#driver;
    return driver.drive<T>((end, fail) => {
      const cancel = driver.after(withinMs, () => fail(timedOut(withinMs, "a promise")));
      promise.then(
        (value) => {
          cancel();
          end(value);
        },
        (error: unknown) => {
          cancel();
          fail(error);
        },
      );
    });
  }

  /**
   * @param missing What does not hold yet, to end the sentence "Waited … for …".
   * @throws {DsnError} `DSN_TIMEOUT`, or what `holds` throws.
   */
  untilTrue(holds: () => boolean, withinMs: number, missing: () => string): Promise<undefined> {
    const driver = this.#driver;
    const clock = this.#clock;
    const endMs = clock.nowMs + withinMs;
    return driver.drive<undefined>((end, fail) => {
      const look = () => {
        try {
          if (holds()) end(undefined);
          else if (clock.nowMs >= endMs) fail(timedOut(withinMs, missing()));
          else driver.after(Math.min(LOOK_MS, endMs - clock.nowMs), look);
        } catch (error) {
          fail(error);
        }
      };
      look();
    });
  }
}

function timedOut(withinMs: number, missing: string): DsnError {
  return new DsnError("DSN_TIMEOUT", `Waited ${withinMs} simulated ms for ${missing}`, {
    why: "it did not happen in time",
    fix: ["end the faults: heal(), resume(), restart()", "give it longer: { withinMs }"],
  });
}
