/**
 * What every part of the core stands on: effects out, waiting for inputs, time, chance.
 *
 * @module
 */
import type { SignatureScheme } from "../crypto/signatures.ts";
import type { Reply, Target } from "../wire/exchange.ts";
import type { AnyType } from "../wire/native-type.ts";
import type { CoreEvent } from "./event.ts";
import { type Flow, run, wait } from "./flow.ts";
import type { Effect, Instant } from "./input.ts";
import { Lateness } from "./lateness.ts";
import { requestTimeoutMs, type Settings } from "./settings.ts";
import { Timers } from "./timers.ts";

export interface KernelOptions {
  readonly settings: Settings;
  /** Uniform in [0, 1), for choices; seeded in simulations. */
  readonly random: () => number;
  /** Unpredictable bytes, for nonces; seeded in simulations. */
  readonly entropy: (length: number) => Uint8Array;
}

export interface RequestOptions {
  /** Goes before the payload: see `Message`. */
  readonly head?: Uint8Array | undefined;
  readonly answerBytesMax: number;
  readonly timeoutMs?: number | undefined;
  /** The same for one that has just taken a connection of ours, if that is more. */
  readonly patienceMs?: number | undefined;
  /** Take an answer that comes long after its time-out: we were suspended, and it is old. */
  readonly takesLate?: boolean;
}

interface Expected {
  /** After this it is too late; monotonic. */
  readonly lateMs: number;
  readonly onReply: (reply: Reply) => void;
}

/** A carrier's timer and ours may differ by this much. */
const LATE_SLACK_MS = 1_000;

/** A process that gets to its timers so much too late is slow itself. */
const LATE_MS = 250;

/** A process that is so late all the time shares its machine with too many. */
const OVERLOADED_MS = 100;

/** Signatures wait so long for each other where much is written. */
const SIGNATURE_MS = 100;

/** Two that end are worth more than sixteen that run out of time. */
const WHILE_LATE = 2;

/** An answer waits for the processor a few times on its way. */
const LATENESS_PER_REQUEST = 8;

const TOO_LATE: Reply = { kind: "failed", reason: "no-answer", detail: "the answer came too late" };

export class Kernel {
  readonly settings: Settings;
  readonly random: () => number;
  readonly entropy: (length: number) => Uint8Array;
  now: Instant = { monotonicMs: 0, unixSeconds: 0 };
  /** When a timer last fired so late that what others sent meanwhile may have waited as long. */
  lastLateMs = Number.NEGATIVE_INFINITY;
  readonly #lateness = new Lateness();
  #effects: Effect[] = [];
  #lastId = 0;
  readonly #replies = new Map<number, Expected>();
  readonly #operations = new Map<number, (result: never) => void>();
  readonly #timers = new Timers();

  constructor(options: KernelOptions) {
    this.settings = options.settings;
    this.random = options.random;
    this.entropy = options.entropy;
  }

  emit(effect: Effect): void {
    this.#effects.push(effect);
  }

  event(event: CoreEvent): void {
    this.#effects.push({ kind: "event", event });
  }

  takeEffects(): Effect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** Starts a flow that nobody waits for. What it throws is a mistake of ours. */
  spawn(flow: Flow<unknown>): void {
    run(
      flow,
      () => undefined,
      (error) => this.emit({ kind: "fault", error }),
    );
  }

  // ---- requests -------------------------------------------------------------------------------

  /** Sends one request and waits for its reply. */
  *request(to: Target, type: AnyType, payload: Uint8Array, options: RequestOptions): Flow<Reply> {
    return yield* wait<Reply>((resume) => this.ask(to, type, payload, options, resume));
  }

  /** The same outside a flow. */
  ask(
    to: Target,
    type: AnyType,
    payload: Uint8Array,
    options: RequestOptions,
    onReply: (reply: Reply) => void,
  ): void {
    const { timeoutMs, lateMs } = this.#deadline(payload, options);
    const targets = [{ exchange: this.#expect(lateMs, onReply), to }];
    const { answerBytesMax, patienceMs, head } = options;
    const limits = { timeoutMs, patienceMs, answerBytesMax };
    this.emit({ kind: "request", targets, type, head, payload, ...limits });
  }

  /** Sends one message to many in one effect; each reply is told on its own. */
  broadcast(
    to: readonly Target[],
    type: AnyType,
    payload: Uint8Array,
    options: RequestOptions,
    onReply: (index: number, reply: Reply) => void,
  ): void {
    const { timeoutMs, lateMs } = this.#deadline(payload, options);
    const targets = to.map((address, index) => ({
      exchange: this.#expect(lateMs, (reply) => onReply(index, reply)),
      to: address,
    }));
    const { answerBytesMax, patienceMs, head } = options;
    const limits = { timeoutMs, patienceMs, answerBytesMax };
    this.emit({ kind: "request", targets, type, head, payload, ...limits });
  }

  /** What a peer said before we were suspended is no ground to act on now. */
  #deadline(
    payload: Uint8Array,
    {
      timeoutMs = requestTimeoutMs(this.settings, payload.length),
      patienceMs = 0,
      takesLate,
    }: RequestOptions,
  ): { readonly timeoutMs: number; readonly lateMs: number } {
    const waitsMs = Math.round(timeoutMs + this.latenessMs * LATENESS_PER_REQUEST);
    const lateMs = this.now.monotonicMs + Math.max(waitsMs, patienceMs) + LATE_SLACK_MS;
    return { timeoutMs: waitsMs, lateMs: takesLate === true ? Infinity : lateMs };
  }

  /**
   * How late this machine is at present. Others that share it are as late, and so is every answer
   * of theirs: to ask again, or others, because of it would only make all later.
   */
  get latenessMs(): number {
    return this.#lateness.at(this.now.monotonicMs);
  }

  /** Of `most` things at once, how many this machine has time for. */
  roomFor(most: number): number {
    return this.isLate() ? Math.min(most, WHILE_LATE) : most;
  }

  /** Whether this machine has no time for anything that could be left undone. */
  isLate(): boolean {
    return this.latenessMs >= OVERLOADED_MS;
  }

  #expect(lateMs: number, onReply: (reply: Reply) => void): number {
    const exchange = this.#nextId();
    this.#replies.set(exchange, { lateMs, onReply });
    return exchange;
  }

  replied(exchange: number, reply: Reply): void {
    const expected = this.#replies.get(exchange);
    if (expected === undefined) return;
    this.#replies.delete(exchange);
    this.#guard(() => {
      expected.onReply(this.now.monotonicMs > expected.lateMs ? TOO_LATE : reply);
    });
  }

  /** Flows report what they throw; what runs outside one must not end the process either. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.emit({ kind: "fault", error });
    }
  }

  // ---- signatures -----------------------------------------------------------------------------

  *sign(scheme: SignatureScheme, message: Uint8Array): Flow<Uint8Array> {
    return yield* wait<Uint8Array>((resume) => {
      const operation = this.#operation(resume);
      this.emit({ kind: "sign", operation, scheme, message, entropy: this.entropy(32) });
    });
  }

  /** Many verifications in one step would block the event loop; hence an effect like any other. */
  *verify(
    publicKey: Uint8Array,
    scheme: SignatureScheme,
    message: Uint8Array,
    signature: Uint8Array,
  ): Flow<boolean> {
    return yield* wait<boolean>((resume) => {
      const operation = this.#operation(resume);
      this.emit({ kind: "verify", operation, publicKey, scheme, message, signature });
    });
  }

  finished(operation: number, result: Uint8Array | boolean): void {
    const resume = this.#operations.get(operation);
    this.#operations.delete(operation);
    this.#guard(() => resume?.(result as never));
  }

  /** How much is under way, to see that nothing piles up. */
  get pending(): {
    readonly replies: number;
    readonly operations: number;
    readonly timers: number;
  } {
    return {
      replies: this.#replies.size,
      operations: this.#operations.size,
      timers: this.#timers.size,
    };
  }

  // ---- time -----------------------------------------------------------------------------------

  /** When the next timer is due, or `undefined`. The node steps `wake` then. */
  get wakeAt(): number | undefined {
    return this.#timers.nextMs;
  }

  /** Calls `fire` after `ms`; returns what cancels it. */
  after(ms: number, fire: () => void): () => void {
    return this.#timers.set(this.now.monotonicMs + ms, fire);
  }

  *sleep(ms: number): Flow {
    yield* wait<void>((resume) => void this.after(ms, () => resume()));
  }

  /** Runs a flow and waits for its end, but no longer than `ms`; it goes on on its own then. */
  *within(ms: number, flow: Flow<unknown>): Flow {
    yield* wait<void>((resume, fail) => {
      const cancel = this.after(ms, () => resume());
      run(
        flow,
        () => {
          cancel();
          resume();
        },
        fail,
      );
    });
  }

  fireTimers(): void {
    for (;;) {
      const due = this.wakeAt;
      const nowMs = this.now.monotonicMs;
      if (due === undefined || due > nowMs) return;
      if (nowMs - due > LATE_MS) this.lastLateMs = nowMs;
      this.#lateness.note(nowMs - due, nowMs);
      this.#guard(() => this.#timers.fireNext());
    }
  }

  // ---- chance ---------------------------------------------------------------------------------

  /** `ms`, give or take a fifth, so that nodes do not march in step. */
  jitter(ms: number): number {
    return ms * (0.8 + 0.4 * this.random());
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.random() * items.length)];
  }

  #operation<T>(resume: (result: T) => void): number {
    const operation = this.#nextId();
    const begunMs = this.now.monotonicMs;
    this.#operations.set(operation, (result) => {
      // All that comes in waits with them.
      const { monotonicMs } = this.now;
      this.#lateness.note(monotonicMs - begunMs - SIGNATURE_MS, monotonicMs);
      resume(result);
    });
    return operation;
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }
}
