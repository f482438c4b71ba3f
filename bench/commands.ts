/**
 * What the coordinator asks of a worker process, and what comes back.
 *
 * Commands travel over the IPC channel, which costs both ends as much as a message that is being
 * measured. So they are sent before and after what is measured, never during it.
 * @module
 */

/** What a mesh is made of: nodes of the library, or TLS sockets with nothing around them. */
export type Kind = "dsn" | "bare";

/** What each process owns and all others hold a copy of. */
export interface StateShape {
  readonly keys: number;
  /** Of each value. */
  readonly bytes: number;
}

export interface Setup {
  readonly kind: Kind;
  readonly index: number;
  /** 32 hex digits. */
  readonly networkKey: string;
  /** Folder for what a node keeps on disk. */
  readonly directory: string;
  /** Port of the first process; undefined for that one. */
  readonly firstPort: number | undefined;
  /** To listen on; 0 for any. */
  readonly port: number;
  readonly state: StateShape;
  /** Datagrams of the library; undefined for what it does unasked. */
  readonly udp: boolean | undefined;
}

export interface Written {
  /** Just before the call that writes; see `nowMs`. */
  readonly atMs: number;
  /** How long that call held up the writer. */
  readonly callMs: number;
}

/** A value that became visible in a process. */
export interface Sighting {
  /** Index of the writer. */
  readonly writer: number;
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

/** Small messages at a steady pace, whether those before have come or not. */
export interface StreamOrder {
  /** Index of the receiver. */
  readonly to: number;
  readonly bytes: number;
  readonly everyMs: number;
  readonly forMs: number;
  /** Size of the messages that pass meanwhile, one after the other; 0 for none. */
  readonly besideBytes: number;
}

export interface ReadRates {
  readonly perSecond: number;
  /** The same values out of a Map in a Map. */
  readonly mapsPerSecond: number;
}

export interface Joined {
  /** Just before the node was started, the program loaded. */
  readonly startedMs: number;
  /** When it could read the whole states of all others. */
  readonly completeMs: number;
}

/** Totals since the process began. */
export interface Usage {
  readonly atMs: number;
  /** All threads, in user space and in the kernel. */
  readonly cpuMs: number;
  /** What its sockets to others sent and received: TCP and UDP payload, without headers. */
  readonly bytes: number;
}

export interface Memory {
  readonly residentBytes: number;
  /** Resident after a full collection. */
  readonly collectedBytes: number;
  /** JavaScript objects that survive a full collection. */
  readonly heapBytes: number;
}

export interface Commands {
  /** Starts listening. Resolves with the port. */
  open(setup: Setup): Promise<number>;
  /** Resolves once all others are connected. @param ports of all processes, by index. */
  connect(ports: readonly number[]): Promise<void>;
  /** Both, without a word in between. @param ports of the processes that are there. */
  join(setup: Setup, ports: readonly number[]): Promise<Joined>;
  /** Opens one more peer in this process. Resolves once it is connected with the first process. */
  crowd(setup: Setup): Promise<void>;
  /** Writes one value after `pauseMs`, and answers only when the others are likely to have it. */
  write(sequence: number, pauseMs: number): Promise<Written>;
  /** Writes distinct values, `perTurn` in each turn of the event loop. Resolves with the start. */
  burst(first: number, count: number, perTurn: number): Promise<number>;
  /** Resolves once that value of that writer, or a later one, is visible: with the time. */
  waitFor(writer: number, sequence: number): Promise<number>;
  /** Resolves once that process is known to be gone, with the time; once for each time. */
  waitForGone(index: number): Promise<number>;
  /** Resolves once that process is connected, and its state visible. */
  waitForBack(index: number): Promise<void>;
  /** What became visible since the last time this was asked. */
  takeSightings(): Promise<readonly Sighting[]>;
  /** How many values became visible since then. */
  countSightings(): Promise<number>;
  send(order: SendOrder): Promise<Sent>;
  /** Resolves with the round trips of the small messages, in milliseconds. */
  stream(order: StreamOrder): Promise<number[]>;
  /** Reads the value of that process `count` times. */
  reads(index: number, count: number): Promise<ReadRates>;
  usage(): Promise<Usage>;
  memory(): Promise<Memory>;
  /** Profiles this process until it is closed. */
  startProfile(file: string): Promise<void>;
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
