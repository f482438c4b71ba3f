/** The error for what only a running node can do. */
import { DsnError } from "../errors.ts";

/** @param what Ends the sentence "Cannot …". */
export function stoppedError(what: string): DsnError {
  return new DsnError("DSN_STOPPED", `Cannot ${what}: the node does not run`, {
    why: "it has been stopped, or has not started yet",
    fix: ["start a new one with DSNodeServer.start()"],
  });
}
