/**
 * One request to one peer, from the asking to its reply.
 * @module
 */
import type { AnyType } from "../wire/native-type.ts";
import type { FailureReason, Message, Reply, RequestOptions, Target } from "./carrier.ts";
import { Deadline, type Deadlines } from "./session-deadlines.ts";
import type { Outgoing } from "./session-outgoing.ts";

/** What holds an ask: a session, or a dial. */
export interface AskHolder {
  /** It has its reply: let go of it. */
  forget(ask: SessionAsk): void;
  /** Its time is over. @returns why nothing came, so far as the holder knows. */
  expired(ask: SessionAsk, nowMs: number): { reason: FailureReason; detail: string };
}

export class SessionAsk extends Deadline {
  readonly to: Target;
  readonly message: Message<AnyType>;
  readonly options: RequestOptions;
  /** 0 before it is on a session. */
  id = 0;
  /** Its frame, once it is on a session. */
  outgoing: Outgoing | undefined;
  holder: AskHolder | undefined;
  /** A session ended under it before it was sent; it is tried once more. */
  retried = false;
  readonly #index: number;
  readonly #onReply: (index: number, reply: Reply) => void;
  readonly #deadlines: Deadlines;
  #onAbort: (() => void) | undefined;
  #settled = false;

  /**
   * The clock starts here.
   *
   * @param options Its signal is not aborted yet.
   * @param onReply Called exactly once, with `index`.
   */
  constructor(
    to: Target,
    message: Message<AnyType>,
    options: RequestOptions,
    deadlines: Deadlines,
    dueMs: number,
    index: number,
    onReply: (index: number, reply: Reply) => void,
  ) {
    super();
    this.to = to;
    this.message = message;
    this.options = options;
    this.#index = index;
    this.#onReply = onReply;
    this.#deadlines = deadlines;
    deadlines.add(this, dueMs);
    if (options.signal !== undefined) this.#listen(options.signal);
  }

  get settled(): boolean {
    return this.#settled;
  }

  onDue(nowMs: number): void {
    const { reason, detail } = this.holder?.expired(this, nowMs) ?? {
      reason: "unreachable",
      detail: `nothing was sent within ${this.options.timeoutMs} ms`,
    };
    this.fail(reason, detail);
  }

  fail(reason: FailureReason, detail: string): void {
    this.settle({ kind: "failed", reason, detail });
  }

  /** Ends it; nothing happens when it has ended. */
  settle(reply: Reply): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#deadlines.delete(this);
    if (this.#onAbort !== undefined) {
      this.options.signal?.removeEventListener("abort", this.#onAbort);
    }
    this.holder?.forget(this);
    this.holder = undefined;
    this.#onReply(this.#index, reply);
  }

  #listen(signal: AbortSignal): void {
    const onAbort = () => this.fail("closed", "given up by the caller");
    this.#onAbort = onAbort;
    signal.addEventListener("abort", onAbort, { once: true });
  }
}
