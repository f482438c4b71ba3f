/**
 * Versions of a state that others bring are looked at one by one for each owner: each may cost a
 * copy of the whole state and the root of that, while nothing of it is proven.
 * @module
 */
import { type Flow, wait } from "./flow.ts";
import { sameBytes } from "./trust.ts";

/** Of one owner so many wait. What is left out comes up again when digests are compared. */
const WAITING_MAX = 8;

interface Waiting {
  readonly signature: Uint8Array;
  /** With false when it is left out. */
  readonly resume: (isItsTurn: boolean) => void;
}

interface Queue {
  /** The signature of the version that is looked at. */
  signature: Uint8Array;
  readonly waiting: Waiting[];
}

export class OneByOne {
  readonly #queues = new Map<string, Queue>();

  /** Whether a version with that signature is looked at, or will be. */
  has(owner: string, signature: Uint8Array): boolean {
    const queue = this.#queues.get(owner);
    if (queue === undefined) return false;
    return [queue, ...queue.waiting].some((one) => sameBytes(one.signature, signature));
  }

  /**
   * Waits until nothing else of that owner is looked at; {@link end} must follow. False for one that
   * is left out: newer ones came meanwhile.
   *
   * @param signature It is kept.
   */
  *begin(owner: string, signature: Uint8Array): Flow<boolean> {
    const queue = this.#queues.get(owner);
    if (queue === undefined) {
      this.#queues.set(owner, { signature, waiting: [] });
      return true;
    }
    const { waiting } = queue;
    const oldest = waiting.length < WAITING_MAX ? undefined : waiting.shift();
    oldest?.resume(false);
    const isItsTurn = yield* wait<boolean>((resume) => waiting.push({ signature, resume }));
    if (isItsTurn) queue.signature = signature;
    return isItsTurn;
  }

  end(owner: string): void {
    const next = this.#queues.get(owner)?.waiting.shift();
    if (next === undefined) this.#queues.delete(owner);
    else next.resume(true);
  }
}
