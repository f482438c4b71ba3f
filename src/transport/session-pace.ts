/**
 * How long a message in slices may take: what has come of it earns it time, as over HTTP. Memory for
 * all of it is taken from what all sessions share.
 * @module
 */
import { transferMsMax } from "./limits.ts";
import type { SessionContext } from "./session-context.ts";
import { Deadline } from "./session-deadlines.ts";

/** This process was late itself, not the peer: what has come meanwhile is still to be read. */
const LATE_MS = 250;
const READING_MS = 2_000;

export class Pace extends Deadline {
  readonly #context: SessionContext;
  readonly #onSlow: () => void;
  #begunMs = 0;
  #bytes = 0;

  constructor(context: SessionContext, onSlow: () => void) {
    super();
    this.#context = context;
    this.#onSlow = onSlow;
  }

  begin(): void {
    this.#begunMs = this.#context.monotonicMs();
    this.#bytes = 0;
    this.#context.deadlines.add(this, this.#untilMs());
  }

  came(bytes: number): void {
    this.#bytes += bytes;
  }

  end(): void {
    this.#context.deadlines.delete(this);
  }

  onDue(nowMs: number): void {
    const lateMs = nowMs - this.dueMs;
    if (lateMs > LATE_MS) this.#begunMs += lateMs + READING_MS;
    const untilMs = this.#untilMs();
    if (untilMs > nowMs) this.#context.deadlines.add(this, untilMs);
    else this.#onSlow();
  }

  #untilMs(): number {
    return this.#begunMs + transferMsMax(this.#bytes, this.#context.limits);
  }
}
