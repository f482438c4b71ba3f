/**
 * What waits to be sent, in order.
 * @module
 */
import type { Outgoing } from "./session-outgoing.ts";

/** Frames taken from the front before the front is cut off. */
const TAKEN_MAX = 256;

export class LaneQueue {
  #frames: Outgoing[] = [];
  #taken = 0;
  #bytes = 0;

  /** Bytes of all that waits, a message in slices counted as a whole until it is sent. */
  get bytes(): number {
    return this.#bytes;
  }

  push(frame: Outgoing): void {
    this.#frames.push(frame);
    this.#bytes += frame.size;
  }

  /** The first that is still wanted. */
  first(): Outgoing | undefined {
    for (;;) {
      const frame = this.#frames[this.#taken];
      if (frame?.dropped !== true) return frame;
      this.#advance();
    }
  }

  /** Takes the first away, written. */
  shift(frame: Outgoing): void {
    this.#bytes -= frame.size;
    frame.written = true;
    frame.release();
    this.#advance();
  }

  /** What waits here is not wanted any more; it is let go of at once. */
  drop(frame: Outgoing): void {
    this.#bytes -= frame.size;
    frame.dropped = true;
    frame.release();
  }

  #advance(): void {
    this.#taken++;
    if (this.#taken === this.#frames.length) {
      this.#frames.length = 0;
      this.#taken = 0;
    } else if (this.#taken >= TAKEN_MAX && this.#taken * 2 >= this.#frames.length) {
      this.#frames = this.#frames.slice(this.#taken);
      this.#taken = 0;
    }
  }
}
