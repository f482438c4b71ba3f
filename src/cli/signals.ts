/**
 * Ctrl-C and its relatives: the first ends cleanly, the second at once.
 * @module
 */

/** Ends the command that runs, cleanly; undefined while none runs that has to be ended so. */
let end: (() => void) | undefined;

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const INTERRUPTED = 130;

/** Calls `stop` at the first signal; returns the undo. */
export function stopOnSignals(stop: () => void): () => void {
  let stopping = false;
  const stopOnce = () => {
    if (!stopping) stop();
    stopping = true;
  };
  const onSignal = () => {
    if (stopping) process.exit(INTERRUPTED);
    stopOnce();
  };
  end = stopOnce;
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return () => {
    end = undefined;
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
}

/** Ends the command as the first signal does; one that has nothing to end, at once. */
export function stopCleanly(exitCode: number): void {
  if (end === undefined) process.exit(exitCode);
  process.exitCode = exitCode;
  end();
}
