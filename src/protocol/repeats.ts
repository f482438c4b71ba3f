/**
 * Which messages came before: a captured DATA message must not be delivered twice (D08, D17).
 *
 * Told by sender and **r** alone: (r, n − s) is a valid signature too, made by anybody.
 * @module
 */
import { toHex } from "../bytes/hex.ts";
import { makeRoomAmong } from "./senders.ts";
import { LIMITS } from "./settings.ts";

/** Half of r, 16 bytes, is enough to tell signatures apart. */
const TOLD_BY_BYTES = 16;

/** Remembers at least the last half of `repeatsPerSenderMax` signatures, at most all of them. */
class Recent {
  #current = new Set<string>();
  #older = new Set<string>();

  /** False if it was there already. */
  add(item: string): boolean {
    if (this.#current.has(item) || this.#older.has(item)) return false;
    this.#current.add(item);
    if (this.#current.size >= LIMITS.repeatsPerSenderMax / 2) {
      this.#older = this.#current;
      this.#current = new Set();
    }
    return true;
  }
}

export class Repeats {
  readonly #bySender = new Map<string, Recent>();
  readonly #isListed: (nodeId: string) => boolean;

  /** @param isListed Of others nothing is remembered when there are too many. */
  constructor(isListed: (nodeId: string) => boolean = () => false) {
    this.#isListed = isListed;
  }

  /** Senders of whom something is remembered. */
  get size(): number {
    return this.#bySender.size;
  }

  /** Call after the signature has verified. True for the first time it is seen. */
  isNew(sender: string, signature: Uint8Array): boolean {
    let recent = this.#bySender.get(sender);
    if (recent === undefined) {
      makeRoomAmong(this.#bySender, this.#isListed);
      recent = new Recent();
      this.#bySender.set(sender, recent);
    }
    return recent.add(toHex(signature.subarray(0, TOLD_BY_BYTES)));
  }
}
