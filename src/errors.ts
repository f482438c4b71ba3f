/**
 * The errors that this library throws and tells.
 *
 * A code is stable: match on it. Messages may be reworded. What a peer is told travels as a
 * `Refusal` instead, because a peer must not learn more than the wire protocol says.
 * @module
 */
import { ERROR_TABLE, type ErrorEntry, type ErrorFamily } from "./error-table.ts";

export type { ErrorEntry, ErrorFamily, ErrorPlace } from "./error-table.ts";

type Table = typeof ERROR_TABLE;

/** The stable name of an error: a key of {@link ERRORS}, which says what each means. */
// More than `keyof Table`, so that editors show this name and not forty others.
export type DsnErrorCode = { [Code in keyof Table]: Code }[keyof Table];

/**
 * What each code means, who must act, what to do, and what the command line exits with.
 *
 * @example
 * node.on("warning", ({ error }) => console.log(ERRORS[error.code].says, error.fix));
 */
export const ERRORS: Readonly<Record<DsnErrorCode, ErrorEntry>> = ERROR_TABLE;

/** What a {@link DsnError} is made with besides its code and message. */
export interface DsnErrorDetails {
  /** The evidence: one sentence. */
  readonly why?: string | undefined;
  /** What to do about it, most likely first. */
  readonly fix?: readonly string[] | undefined;
  /** The peer that this is about. */
  readonly nodeId?: string | undefined;
  /** The address that this is about, `host:port`. */
  readonly endpoint?: string | undefined;
  /** What was thrown below, if anything was. */
  readonly cause?: unknown;
  /** Of an error with several reasons: each of them. */
  readonly causes?: readonly DsnError[] | undefined;
}

/**
 * What this library throws and tells: a stable {@link code} for programs, and for people a message,
 * {@link why} and {@link fix}.
 *
 * The texts name peers as they name themselves. What a peer chose freely is escaped in them.
 *
 * @example
 * try {
 *   await node.sendToNode("worker-2", "hello");
 * } catch (error) {
 *   if (error instanceof DsnError && error.code === "DSN_UNKNOWN_NODE") console.log(error.fix);
 *   else throw error;
 * }
 */
export class DsnError extends Error {
  /** `DsnError`, or the name of a class below it. */
  override readonly name: string = "DsnError";
  /** Match on this: it is stable. */
  readonly code: DsnErrorCode;
  /** The evidence: one sentence. Undefined where the message says it all. */
  readonly why: string | undefined;
  /** What to do about it, most likely first. May be empty. */
  readonly fix: readonly string[];
  /** The peer that this is about, if it is about one. */
  readonly nodeId: string | undefined;
  /** The address that this is about, `host:port`, if it is about one. */
  readonly endpoint: string | undefined;
  /** Of an error with several reasons, such as `DSN_NO_BOOTSTRAP`: each of them. */
  readonly causes: readonly DsnError[];

  /**
   * For those who implement a carrier or a store: the errors that a node understands.
   *
   * @param message What could not be done, to what: one sentence without its full stop.
   */
  constructor(code: DsnErrorCode, message: string, details: DsnErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.why = details.why;
    this.fix = details.fix ?? [];
    this.nodeId = details.nodeId;
    this.endpoint = details.endpoint;
    this.causes = details.causes ?? [];
  }

  /** Who must act: the caller, the operator of the network, or a peer. */
  get family(): ErrorFamily {
    return ERRORS[this.code].family;
  }
}

/** A key or value of a state is not a string. A `TypeError`, with the code `DSN_VALUE_TYPE`. */
export class ValueTypeError extends TypeError {
  /** Always the same. */
  readonly code = "DSN_VALUE_TYPE" satisfies DsnErrorCode;
}

/** Bytes from outside that are not what the wire protocol says. Never crashes a node. */
export class MalformedError extends DsnError {
  override readonly name = "MalformedError";

  constructor(message: string, cause?: unknown) {
    super("DSN_MALFORMED", message, { cause });
  }
}
