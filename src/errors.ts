/**
 * Every error this library reports, in one table.
 *
 * A code is stable: match on it. Messages may be reworded. What a peer is told travels as a
 * {@link Refusal} instead, because a peer must not learn more than the wire protocol says.
 * @module
 */

/** Who must act: the caller of this library, the operator of the network, or a peer. */
export type ErrorFamily = "usage" | "network" | "peer";

/** What each code means, who must act, and the exit code of the command line for it. */
export const ERRORS = {
  DSN_CONFIG: { family: "usage", exit: 2, says: "A setting has a value that cannot be used" },
  DSN_KEY_FORMAT: { family: "usage", exit: 2, says: "That is not a network key" },
  DSN_VALUE_TYPE: { family: "usage", exit: 2, says: "Keys and values of a state are strings" },
  DSN_STATE_TOO_LARGE: { family: "usage", exit: 2, says: "The state would pass its size limit" },
  DSN_MESSAGE_TOO_LARGE: { family: "usage", exit: 2, says: "The message passes its size limit" },
  DSN_DATA_AMBIGUOUS: {
    family: "usage",
    exit: 2,
    says: "The payload, once signed, could be passed off as a state of this node",
  },
  DSN_UNKNOWN_NODE: { family: "usage", exit: 3, says: "There is no such node in the network" },
  DSN_STOPPED: { family: "usage", exit: 1, says: "This node has been stopped" },
  DSN_PORT_IN_USE: { family: "usage", exit: 8, says: "Another process listens on that port" },
  DSN_CANNOT_LISTEN: { family: "usage", exit: 8, says: "The address cannot be listened on" },
  DSN_IDENTITY_UNREADABLE: {
    family: "usage",
    exit: 1,
    says: "The identity of this node cannot be read or written",
  },
  DSN_KEY_REFUSED: { family: "network", exit: 4, says: "The peer's network key is not ours" },
  DSN_KEY_UNEXPECTED: { family: "network", exit: 4, says: "We use a network key, the peer none" },
  DSN_KEY_STRANGER: {
    family: "network",
    exit: 4,
    says: "Somebody calls this node without its network key",
  },
  DSN_VERSION_MISMATCH: {
    family: "network",
    exit: 4,
    says: "The peer speaks another protocol version",
  },
  DSN_NOT_WHITELISTED: { family: "network", exit: 4, says: "A whitelist does not let us in" },
  DSN_WHITELIST_UNPINNED: {
    family: "network",
    exit: 4,
    says: "A whitelisted name can still be taken by the first key that claims it",
  },
  DSN_IDENTITY_REFUSED: {
    family: "network",
    exit: 4,
    says: "The peer knows another identity under our name",
  },
  DSN_PEER_IDENTITY_CHANGED: {
    family: "network",
    exit: 4,
    says: "A peer came back with another identity",
  },
  DSN_DUPLICATE_IDENTITY: {
    family: "network",
    exit: 4,
    says: "Two live nodes use the same identity",
  },
  DSN_SELF: { family: "network", exit: 5, says: "We called ourselves" },
  DSN_NOT_DSN: { family: "network", exit: 5, says: "Another service answers there" },
  DSN_UNREACHABLE: { family: "network", exit: 5, says: "The peer did not answer" },
  DSN_NO_BOOTSTRAP: { family: "network", exit: 5, says: "No bootstrap node let us in yet" },
  DSN_UDP_BLOCKED: {
    family: "network",
    exit: 5,
    says: "Datagrams do not get through to a peer; HTTP does, and is used",
  },
  DSN_UDP_UNAVAILABLE: {
    family: "network",
    exit: 8,
    says: "The UDP port cannot be had; HTTP is used alone",
  },
  DSN_ONE_WAY: { family: "network", exit: 5, says: "We reach the peer, it cannot reach us" },
  DSN_CLOCK_BEHIND: {
    family: "network",
    exit: 5,
    says: "A peer holds a state of ours that is newer than our clock",
  },
  DSN_DELIVERY_UNKNOWN: {
    family: "network",
    exit: 6,
    says: "The peer may or may not have received the message",
  },
  DSN_TIMEOUT: { family: "network", exit: 6, says: "What was waited for did not happen in time" },
  DSN_REFUSED: { family: "peer", exit: 5, says: "The peer answered with an error" },
  DSN_MALFORMED: { family: "peer", exit: 5, says: "The bytes are not a DSN message" },
  DSN_BAD_SIGNATURE: {
    family: "peer",
    exit: 4,
    says: "The signature does not belong to the key known for that node",
  },
  DSN_PEER_LIMIT: { family: "peer", exit: 5, says: "A peer passed a limit of this node" },
  DSN_CALLBACK_FAILED: { family: "usage", exit: 1, says: "A callback of the application threw" },
} as const satisfies Record<string, { family: ErrorFamily; exit: number; says: string }>;

export type DsnErrorCode = keyof typeof ERRORS;

export interface DsnErrorDetails {
  /** The evidence: one sentence. */
  readonly why?: string | undefined;
  /** What to do about it, most likely first. */
  readonly fix?: readonly string[] | undefined;
  /** The peer that this is about. */
  readonly nodeId?: string | undefined;
  /** The address that this is about, `host:port`. */
  readonly endpoint?: string | undefined;
  readonly cause?: unknown;
  /** Of an error with several reasons: each of them. */
  readonly causes?: readonly DsnError[] | undefined;
}

/** Base class. Match on {@link code}, which is stable. */
export class DsnError extends Error {
  override readonly name: string = "DsnError";
  readonly code: DsnErrorCode;
  readonly why: string | undefined;
  readonly fix: readonly string[];
  readonly nodeId: string | undefined;
  readonly endpoint: string | undefined;
  /** Of an error with several reasons, such as `DSN_NO_BOOTSTRAP`: each of them. */
  readonly causes: readonly DsnError[];

  constructor(code: DsnErrorCode, message: string, details: DsnErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.why = details.why;
    this.fix = details.fix ?? [];
    this.nodeId = details.nodeId;
    this.endpoint = details.endpoint;
    this.causes = details.causes ?? [];
  }

  get family(): ErrorFamily {
    return ERRORS[this.code].family;
  }
}

/** A key or value of a state is not a string. A `TypeError`, with the code `DSN_VALUE_TYPE`. */
export class ValueTypeError extends TypeError {
  readonly code = "DSN_VALUE_TYPE" satisfies DsnErrorCode;
}

/** Bytes from outside that are not what the wire protocol says. Never crashes a node. */
export class MalformedError extends DsnError {
  override readonly name = "MalformedError";

  constructor(message: string, cause?: unknown) {
    super("DSN_MALFORMED", message, { cause });
  }
}
