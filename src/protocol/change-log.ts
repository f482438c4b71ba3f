/**
 * Which keys of a state changed at which version, so that one delta starts from any recent base.
 *
 * It has an end: whoever holds a version from before it needs a snapshot.
 * @module
 */

/** Changes remembered at least; at most twice as many. */
const CHANGES_MIN = 4_096;

interface LoggedChange {
  readonly version: number;
  readonly key: string;
}

export class ChangeLog {
  #changes: LoggedChange[] = [];
  #horizon: number;

  /** @param horizon The version that all this begins with. */
  constructor(horizon = 0) {
    this.#horizon = horizon;
  }

  /** Call in the order of versions. */
  add(version: number, keys: Iterable<string>): void {
    for (const key of keys) this.#changes.push({ version, key });
    if (this.#changes.length <= 2 * CHANGES_MIN) return;
    const forgotten = this.#changes.splice(0, this.#changes.length - CHANGES_MIN);
    this.#horizon = forgotten.at(-1)?.version ?? this.#horizon;
  }

  /** Forgets everything: who holds less than `version` gets a snapshot. */
  restart(version: number): void {
    this.#changes = [];
    this.#horizon = version;
  }

  /** Whether all this went through that very version, and still knows what came after it. */
  has(version: number): boolean {
    for (let index = this.#changes.length - 1; index >= 0; index -= 1) {
      const change = this.#changes[index];
      if (change === undefined || change.version < version) break;
      if (change.version === version) return true;
    }
    return version === this.#horizon;
  }

  /** Keys that changed after `base`, in the order of their changes, gone ones among them; undefined when that is too long ago. */
  since(base: number): ReadonlySet<string> | undefined {
    if (base < this.#horizon) return undefined;
    const keys: string[] = [];
    for (let index = this.#changes.length - 1; index >= 0; index -= 1) {
      const change = this.#changes[index];
      if (change === undefined || change.version <= base) break;
      keys.push(change.key);
    }
    return new Set(keys.reverse());
  }
}
