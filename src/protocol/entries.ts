/** The entries of a state, and what lies between two of them. */
export type Entries = ReadonlyMap<string, string>;

/** What changed from one version of a state to another. Values only for the keys that changed. */
export interface EntriesChange {
  /** Keys that were not there before. */
  readonly added: readonly string[];
  /** Keys that have another value. */
  readonly updated: readonly string[];
  /** Keys that are there no more. */
  readonly removed: readonly string[];
  /** Values before. */
  readonly previous: Entries;
  /** Values after. */
  readonly current: Entries;
}

export function compareEntries(before: Entries, after: Entries): EntriesChange {
  const added: string[] = [];
  const updated: string[] = [];
  const removed: string[] = [];
  const previous = new Map<string, string>();
  const current = new Map<string, string>();
  for (const [key, value] of after) {
    const old = before.get(key);
    if (old === value) continue;
    current.set(key, value);
    if (old === undefined) {
      added.push(key);
    } else {
      updated.push(key);
      previous.set(key, old);
    }
  }
  for (const [key, value] of before) {
    if (after.has(key)) continue;
    removed.push(key);
    previous.set(key, value);
  }
  return { added, updated, removed, previous, current };
}

export function isEmptyChange(change: EntriesChange): boolean {
  return change.added.length + change.updated.length + change.removed.length === 0;
}
