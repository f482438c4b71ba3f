/**
 * How a session ends that another one has replaced, with nothing lost.
 *
 * Each side stops asking on it, and says so when nothing of its own is in flight there. When both
 * have said it, it is closed.
 * @module
 */
import type { SessionContext } from "./session-context.ts";
import { Deadline } from "./session-deadlines.ts";

/** The session that is drained. */
export interface Drained {
  /** Requests of ours that wait for a reply on it. */
  readonly asking: number;
  sayDrained(): void;
  end(why: string): void;
}

export class SessionDrain extends Deadline {
  readonly #context: SessionContext;
  readonly #session: Drained;
  #draining = false;
  #said = false;
  #heard = false;

  constructor(context: SessionContext, session: Drained) {
    super();
    this.#context = context;
    this.#session = session;
  }

  /** Nothing new is asked on it. */
  get draining(): boolean {
    return this.#draining;
  }

  start(): void {
    if (this.#draining) return;
    this.#draining = true;
    const { deadlines, limits, monotonicMs } = this.#context;
    deadlines.delete(this);
    deadlines.add(this, monotonicMs() + limits.drainMsMax);
    this.check();
  }

  /** Starts after that time, unless the other side has started before. */
  startLater(ms: number): void {
    const { deadlines, monotonicMs } = this.#context;
    if (!this.#draining && !this.listed) deadlines.add(this, monotonicMs() + ms);
  }

  /** The other side asks nothing more. */
  heard(): void {
    this.#heard = true;
    this.start();
    this.check();
  }

  /** Called whenever a request of ours has its reply. */
  check(): void {
    if (!this.#draining || this.#session.asking > 0) return;
    if (!this.#said) this.#session.sayDrained();
    this.#said = true;
    if (this.#heard) this.#session.end("drained");
  }

  /** The session has ended otherwise. */
  stop(): void {
    this.#context.deadlines.delete(this);
  }

  onDue(): void {
    if (this.#draining) this.#session.end("the peer did not let go of a session that was replaced");
    else this.start();
  }
}
