/**
 * Answers in slices that are on their way to one peer. A few bytes of some requests are answered with
 * megabytes, which are made at once: who does not take those that it asked for gets no more.
 * @module
 */
import { type AnyType, NativeType } from "../wire/native-type.ts";
import type { Outgoing } from "./session-outgoing.ts";

const COSTLY: ReadonlySet<AnyType> = new Set([NativeType.DIGEST, NativeType.MEMBERS]);
/** So many wait before the next costly one has to. */
const WAITING_MAX = 4;

export class LargeAnswers {
  /** By the ids of their requests; some may have been written. */
  readonly #frames = new Map<number, Outgoing>();
  #sweepAt = 2 * WAITING_MAX;

  /** Whether a request of that type has to wait. */
  refuses(type: AnyType): boolean {
    if (!COSTLY.has(type)) return false;
    this.#sweep();
    return this.#frames.size >= WAITING_MAX;
  }

  add(id: number, frame: Outgoing): void {
    this.#frames.set(id, frame);
    if (this.#frames.size < this.#sweepAt) return;
    this.#sweep();
    this.#sweepAt = 2 * (this.#frames.size + WAITING_MAX);
  }

  /** Nobody waits for it any more. @returns it, if it is one of these. */
  remove(id: number): Outgoing | undefined {
    const frame = this.#frames.get(id);
    this.#frames.delete(id);
    return frame;
  }

  #sweep(): void {
    for (const [id, { written, dropped }] of this.#frames) {
      if (written || dropped) this.#frames.delete(id);
    }
  }
}
