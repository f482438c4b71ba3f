import type { Setup, StateShape } from "./commands.ts";

/** One process's part of a mesh. Both kinds of mesh do the same work behind it. */
export interface Peer {
  /** Puts a value before all others, in this turn of the event loop: the last one of it. */
  write(value: string): void;
  /** The value of another process as it is held here. */
  read(index: number): string | undefined;
  /** Sends bytes to one process. Resolves when that process has handed them to its application. */
  send(to: number, data: Uint8Array): Promise<void>;
  /** Resolves once all others are connected, and their whole states can be read here. */
  connect(ports: readonly number[]): Promise<void>;
  /** The same for one of them. */
  waitForBack(index: number): Promise<void>;
  close(): Promise<void>;
}

export interface PeerListener {
  /** A value of another process can be read here; the first one too. */
  readonly onValue: (writer: number, value: string) => void;
  /** Another process is known to be gone. */
  readonly onGone: (index: number) => void;
}

export interface OpenPeer {
  readonly peer: Peer;
  readonly port: number;
}

export type OpenPeerOf = (setup: Setup, listener: PeerListener) => Promise<OpenPeer>;

/** Of the values that are written, in characters. Where a state has longer values, they are padded. */
export const VALUE_LENGTH = 20;

export const SMALL_STATE: StateShape = { keys: 1, bytes: VALUE_LENGTH };
export const FULL_STATE: StateShape = { keys: 100, bytes: 100 };

/** The value with which a process begins. */
export const FIRST_VALUE = textOf(0);

export function textOf(sequence: number): string {
  return String(sequence).padStart(VALUE_LENGTH, "0");
}
