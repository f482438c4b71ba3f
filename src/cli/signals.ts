/**
 * Ctrl-C and its relatives: the first ends cleanly, the second at once.
 * @module
 */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const INTERRUPTED = 130;

/** Calls `stop` at the first signal; returns the undo. */
export function stopOnSignals(stop: () => void): () => void {
  let stopping = false;
  const onSignal = () => {
    if (stopping) {
      process.exit(INTERRUPTED);
    } else {
      stopping = true;
      stop();
    }
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return () => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
}
