/**
 * What the sessions of one carrier share.
 * @module
 */
import type { AnyType } from "../wire/native-type.ts";
import type { ByteBudget } from "./body.ts";
import type { CarrierListener } from "./carrier.ts";
import type { SessionLimits } from "./limits.ts";
import type { Session } from "./session.ts";
import type { Deadlines } from "./session-deadlines.ts";
import type { SendingTurn } from "./session-link.ts";

export interface SessionContext {
  readonly limits: SessionLimits;
  readonly deadlines: Deadlines;
  /** For messages that are coming in, in slices. */
  readonly budget: ByteBudget;
  readonly turn: SendingTurn;
  /** Milliseconds on a clock that never steps back. */
  readonly monotonicMs: () => number;
  /** Sessions that have ended and whose connections have not. */
  readonly lingering: Set<Session>;
  /** Who is told; nobody as long as the carrier is not attached to a server. */
  readonly listener: () => CarrierListener<AnyType> | undefined;
}

/** Calls one of the listener's callbacks; what it throws is its fault, and told as such. */
export function guarded(context: SessionContext, call: () => void): void {
  try {
    call();
  } catch (error) {
    context.listener()?.onFault?.(error);
  }
}
