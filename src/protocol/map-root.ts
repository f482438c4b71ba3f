import { StateRoot } from "../crypto/state-root.ts";
import type { Entries } from "./entries.ts";

/** The root of a map that changes: a change costs a note, and hashing waits until it is asked for. */
export class MapRoot {
  readonly #entries: Entries;
  #root = new StateRoot();
  readonly #touched = new Set<string>();

  constructor(entries: Entries) {
    this.#entries = entries;
  }

  /** The entry is another one now, or gone. */
  touch(key: string): void {
    this.#touched.add(key);
  }

  /** The root of the entries as they are now has been made already. */
  adopt(root: StateRoot): void {
    this.#root = root;
    this.#touched.clear();
  }

  digest(): Uint8Array {
    for (const key of this.#touched) {
      const value = this.#entries.get(key);
      if (value === undefined) this.#root.delete(key);
      else this.#root.set(key, value);
    }
    this.#touched.clear();
    return this.#root.digest();
  }
}
