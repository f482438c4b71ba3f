import { StateRoot } from "../crypto/state-root.ts";
import type { Change } from "../wire/native-states.ts";
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

  /** What it would be with these changes. */
  copyWith(changes: readonly Change[]): StateRoot {
    this.digest();
    const copy = this.#root.copy();
    for (const [key, value] of changes) {
      if (value === undefined) copy.delete(key);
      else copy.set(key, value);
    }
    return copy;
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
