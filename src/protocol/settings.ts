/**
 * Times and limits of the core, declared once. Units are in the names.
 *
 * The times are those of the reference where a Python peer would notice a difference: it drops a
 * peer after three tries of 2 s, so being more impatient would lose busy Python nodes.
 * @module
 */

/** The times of the protocol, in milliseconds unless the name says otherwise. */
export interface Settings {
  /** Between two rounds of probes and gossip. Source: `dsnode.py`, `TICK_INTERVAL`. */
  readonly tickMs: number;
  /** Between two rounds of questions to a few native peers. */
  readonly probeMs: number;
  /** One try of a request; larger messages get one second more per MiB. */
  readonly requestTimeoutMs: number;
  /** Tries before a silent peer without sessions is down; see `suspicions.ts` for the others. */
  readonly probeAttempts: number;
  /** Between two tries. */
  readonly probePauseMs: number;
  /** First pause before a node that is down is tried again; it grows by half each time. */
  readonly retryMinMs: number;
  /** Longest time from one attempt to the next during the first hour, give or take a fifth. */
  readonly retryMaxMs: number;
  /** The same after it, and towards peers that cannot call us back. */
  readonly retryIdleMs: number;
  /** A node that reaches us but is not reached stays present this long after each fresh word. */
  readonly oneWayMs: number;
  /** A node that joined but was never reached is forgotten after this. */
  readonly joiningMs: number;
  /** Nodes, ourselves among them, that all keep a session with each other; more keep a few. */
  readonly meshMax: number;
  /** Rings on which each of more nodes has two neighbours: at most `RINGS` of `places.ts`. */
  readonly rings: number;
  /** How far a version may lie ahead of the later of our clock and the median version held. */
  readonly versionAheadSecondsMax: number;
}

/** What a node uses unless it is told otherwise. */
export const DEFAULT_SETTINGS: Settings = {
  tickMs: 3_000,
  probeMs: 1_000,
  requestTimeoutMs: 2_000,
  probeAttempts: 3,
  probePauseMs: 500,
  retryMinMs: 500,
  retryMaxMs: 4_000,
  retryIdleMs: 48_000,
  oneWayMs: 12_000,
  joiningMs: 60_000,
  meshMax: 32,
  rings: 5,
  versionAheadSecondsMax: 24 * 3_600,
};

/** What a peer or an application can make grow, and how far. */
export const LIMITS = {
  /** A state as canonical JSON. */
  stateBytesMax: 8 * 1024 * 1024,
  /** One key of a state, UTF-8. */
  keyBytesMax: 1024,
  /** One payload of `sendToNode`. */
  dataBytesMax: 64 * 1024 * 1024,
  /** Members known at once, present or not: with ourselves as many as a list of them may have. */
  membersMax: 4_095,
  /** Members that one source address may bring without having been reached. */
  joiningPerSourceMax: 64,
  /** Dials under way at once because somebody named a node to us. */
  dialsMax: 16,
  /** Attempts under way at once to reach nodes that are not there. */
  attemptsMax: 16,
  /** Peers remembered for the next start, newest first. */
  rememberedMax: 1_000,
  /** Names waiting to be dialled, for each member that named them. */
  dialsWaitingMax: 1_024,
  /** Names remembered because they led nowhere. */
  failedNamesMax: 16_384,
  /** All replicas together, as text. */
  replicaBytesMax: 1024 * 1024 * 1024,
  /** Messages with states that one native peer has not answered yet, and their bytes. */
  statesInFlightMax: 64,
  stateBytesInFlightMax: 256 * 1024,
  /** States that one answer to a digest carries, in bytes; the rest is asked for again. */
  digestAnswerBytesMax: 4 * 1024 * 1024,
  /** An answer to a digest: the above, and one state more. */
  nativeAnswerBytesMax: 16 * 1024 * 1024,
  membersAnswerBytesMax: 4 * 1024 * 1024,
  /** Members that are shown although only others say that they exist. */
  unprovenMax: 64,
  /** The same in a large network, for each that has answered: who joins hears of all from a few. */
  unansweredForEach: 16,
  /** Keys pinned for ids, as many as a store keeps. */
  pinsMax: 10_000,
  /** Native peers that are asked to pass on a HELLO. */
  relaysMax: 3,
  /** Signatures remembered per sender to drop repeated messages. */
  repeatsPerSenderMax: 65_536,
  /** Answers: HELLO, PING and DATA are small; PEERS and UPDATE can be large. */
  smallAnswerBytesMax: 64 * 1024,
  peersAnswerBytesMax: 1024 * 1024,
  stateAnswerBytesMax: 8 * 1024 * 1024 + 64 * 1024,
} as const;

/** Total time for one request of this size. Source: the reference's client, `max(2 s, bytes / 1 MiB s)`. */
export function requestTimeoutMs(settings: Settings, bytes: number): number {
  return Math.max(settings.requestTimeoutMs, Math.ceil((bytes / 1_048_576) * 1_000) + 1_000);
}
