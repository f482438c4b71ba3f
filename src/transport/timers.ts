/**
 * Time as the datagram side of a transport uses it, so that a simulation can put its own in place.
 * @module
 */

/** Calls `run` once after `ms` milliseconds, never at once. @returns what prevents that. */
export type After = (ms: number, run: () => void) => () => void;

export const realAfter: After = (ms, run) => {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
};

/** The same; a process that has nothing else to do does not wait for it. */
export const unheldAfter: After = (ms, run) => {
  const timer = setTimeout(run, ms).unref();
  return () => clearTimeout(timer);
};

/**
 * The same, a turn of the event loop later: if this process was late itself, what has come
 * meanwhile is read before anybody is accused of silence.
 */
export const patientAfter: After = (ms, run) => realAfter(ms, () => setImmediate(run));
