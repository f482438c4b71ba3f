/**
 * How the core refuses a request: the exact statuses and texts of the reference.
 *
 * Source: the `raise Exception(<status>, …)` sites of `dsnode.py`.
 * @module
 */
import type { Outcome, Reply } from "../wire/exchange.ts";

/** Thrown inside the flow that answers a request; it ends that request and nothing else. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;
  /** What the peer is told; empty for nothing. */
  readonly text: string;
  /** True once the asker has proved who it is; until then it may not learn the reason. */
  readonly authenticated: boolean;

  constructor(status: number, text: string, authenticated: boolean) {
    super(`${status} ${text}`);
    this.status = status;
    this.text = text;
    this.authenticated = authenticated;
  }

  get outcome(): Outcome {
    const { status, text, authenticated } = this;
    return { kind: "refusal", status, text, authenticated };
  }
}

export const malformed = () => new Refusal(406, "Malformed packet", false);

export const notInAddressBook = (nodeId: string, authenticated: boolean) =>
  new Refusal(401, `Could not find ${nodeId} in address book`, authenticated);

export const unsignedPeers = () =>
  new Refusal(406, "Could not verify ECDSA signature of packet", false);

export const unsignedState = () => new Refusal(401, "Could not verify ECDSA signature", false);

export const unsignedData = () =>
  new Refusal(401, "Could not verify ECDSA signature of data packet", false);

export const ownId = (authenticated: boolean) =>
  new Refusal(406, "Origin and destination are the same", authenticated);

export const notWhitelisted = (nodeId: string, me: string) =>
  new Refusal(401, `${nodeId} not in ${me}'s whitelist`, true);

export const keyChanged = (nodeId: string) =>
  new Refusal(401, `Cannot verify ECDSA key for ${nodeId}`, true);

export const STATUS_NOT_REACHED = 504;

export const notReached = (nodeId: string) =>
  new Refusal(STATUS_NOT_REACHED, `${nodeId} did not answer`, true);

export const STATUS_BUSY = 423;

export const isBusy = (nodeId: string) => new Refusal(STATUS_BUSY, `${nodeId} is busy`, true);

export const sessionsOnly = () => new Refusal(406, "Native nodes use sessions", true);

export const leaving = () => new Refusal(503, "Leaving", true);

export const versionMismatch = (theirs: string, them: string, ours: string, us: string) =>
  new Refusal(505, `Network version mismatch "${theirs}" (${them}) != "${ours}" (${us})`, true);

/** The peer answered as to somebody it does not know. Say HELLO, then try again. */
export function isForgotten(reply: Reply): boolean {
  return reply.kind === "refused" && reply.status === 401;
}
