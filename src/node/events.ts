/** What a node tells its application. */
import type { DsnError } from "../errors.ts";
import type { Entries, EntriesChange, PeerStatus } from "../protocol/index.ts";
import type { Endpoint } from "./endpoint.ts";
import type { PeerInfo } from "./peer-info.ts";

/** Keys and values as a plain object. It has no prototype, so `__proto__` is a key like any other. */
export type State = Readonly<Record<string, string>>;

/** One change of one node's state. */
export interface StateChange {
  /** The owner of the state. */
  readonly nodeId: string;
  /** Keys that were not there before. */
  readonly added: readonly string[];
  /** Keys that have another value. */
  readonly updated: readonly string[];
  /** Keys that are there no more. */
  readonly removed: readonly string[];
  /** Values before, for the keys that changed. */
  readonly previous: State;
  /** Values after, for the keys that changed. */
  readonly current: State;
  /** When the owner wrote it, on the owner's clock. */
  readonly updatedAt: Date;
  /** True for a write of this node. */
  readonly local: boolean;
}

/** Bytes that a node sent with `sendToNode()` or `broadcast()`. */
export interface DataMessage {
  /** The id of the sender, who signed them. */
  readonly from: string;
  /** The listener's own: nobody else uses this memory. */
  readonly data: Uint8Array;
}

/** Something is wrong, or is over, while the node goes on. */
export interface Warning {
  /** What it is, with its reason and what to do. */
  readonly error: DsnError;
  /** True when this ends a condition told before. */
  readonly resolved: boolean;
}

/** What a node tells: the name of each event, and what its listeners are given. */
export interface DSNodeEvents {
  /** A bootstrap node let us in for the first time. */
  joined: { readonly through: Endpoint };
  /** A node is there: listed by `peers()`, read by `readData()`. `rejoined`: it was before. */
  "peer:join": PeerInfo & { readonly rejoined: boolean };
  /** A node is gone: no longer listed nor read. `reason` says why, where it is known. */
  "peer:leave": PeerInfo;
  /** A node stands differently to us than `before`; joins and leaves are such changes too. */
  "peer:status": PeerInfo & { readonly before: PeerStatus };
  /** Another node's state changed here. */
  "state:update": StateChange;
  /** This node changed its own state. */
  "state:local": StateChange;
  /**
   * This node is alone: the last of its peers is gone, or it met nobody within 10 s of the start
   * though it knew whom to try. Told once; it goes on trying, and `connected` ends it.
   * `reason` is `DSN_ISOLATED`; its `causes` say why each of the last peers is not reached.
   */
  isolated: { readonly reason: DsnError };
  /** After `isolated`: somebody is there again. How long it was alone, in milliseconds. */
  connected: { readonly isolatedMs: number };
  /** A node sent bytes. */
  data: DataMessage;
  /**
   * Something is wrong and the node goes on. Told once per condition, and once more when over.
   * Without a listener it goes to stderr, by way of `process.emitWarning`.
   */
  warning: Warning;
  /** The node has stopped. */
  close: undefined;
}

export function toState(entries: Entries): State {
  const state: Record<string, string> = Object.create(null);
  for (const [key, value] of entries) state[key] = value;
  return Object.freeze(state);
}

export function toStateChange(
  nodeId: string,
  change: EntriesChange,
  version: number,
  local: boolean,
): StateChange {
  const { added, updated, removed } = change;
  return {
    nodeId,
    added,
    updated,
    removed,
    previous: toState(change.previous),
    current: toState(change.current),
    updatedAt: new Date(version * 1_000),
    local,
  };
}
