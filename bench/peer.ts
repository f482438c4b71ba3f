/** One process's part of a mesh. Both kinds of mesh do the same work behind it. */
export interface Peer {
  /** Puts a value before all others, in this turn of the event loop. */
  write(value: string): void;
  /** Sends bytes to one process. Resolves when that process has handed them to its application. */
  send(to: number, data: Uint8Array): Promise<void>;
  /** Resolves once all others are connected. */
  connect(ports: readonly number[]): Promise<void>;
  close(): Promise<void>;
}

export interface OpenPeer {
  readonly peer: Peer;
  readonly port: number;
}

/** Called when a value of another process can be read here. */
export type OnValue = (value: string) => void;

/** All values are this long, in characters. */
export const VALUE_LENGTH = 20;
