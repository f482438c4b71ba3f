/**
 * What the coordinator asks of a worker process, and what comes back.
 *
 * Commands travel over the IPC channel, which costs both ends as much as a message that is being
 * measured. So they are sent before and after what is measured, never during it.
 * @module
 */

/** What a mesh is made of: nodes of the library, or TLS sockets with nothing around them. */
export type Kind = "dsn" | "bare";

export interface Setup {
  readonly kind: Kind;
  readonly index: number;
  /** 32 hex digits. */
  readonly networkKey: string;
  /** Folder for what a node keeps on disk. */
  readonly directory: string;
  /** Port of the first process; undefined for that one. */
  readonly firstPort: number | undefined;
}

export interface Written {
  /** Just before the call that writes; see `nowMs`. */
  readonly atMs: number;
  /** How long that call held up the writer. */
  readonly callMs: number;
}

/** A value that became visible in a process. */
export interface Sighting {
  readonly sequence: number;
  readonly atMs: number;
}

export interface SendOrder {
  /** Index of the receiver. */
  readonly to: number;
  readonly bytes: number;
  readonly count: number;
  readonly inFlight: number;
}

export interface Sent {
  /** From each call to its acknowledgement. */
  readonly roundTripsMs: readonly number[];
  /** From the first call to the last acknowledgement. */
  readonly totalMs: number;
}

export interface Commands {
  /** Starts listening. Resolves with the port. */
  open(setup: Setup): Promise<number>;
  /** Resolves once all others are connected. @param ports of all processes, by index. */
  connect(ports: readonly number[]): Promise<void>;
  /** Writes one value after `pauseMs`, and answers only when the others are likely to have it. */
  write(sequence: number, pauseMs: number): Promise<Written>;
  /** Writes distinct values, each in its own turn of the event loop. Resolves with the start. */
  burst(first: number, count: number): Promise<number>;
  /** Resolves once that value or a later one is visible. */
  waitFor(sequence: number): Promise<void>;
  /** What became visible since the last time this was asked. */
  takeSightings(): Promise<readonly Sighting[]>;
  send(order: SendOrder): Promise<Sent>;
  close(): Promise<void>;
}

export type CommandName = keyof Commands;

export interface Request {
  readonly id: number;
  readonly name: CommandName;
  readonly parameters: readonly unknown[];
}

export type Response =
  | { readonly id: number; readonly ok: true; readonly result: unknown }
  | { readonly id: number; readonly ok: false; readonly error: string };
