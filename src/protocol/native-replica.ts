/**
 * Our copy of a native owner's state.
 *
 * What comes on the owner's own session shows at once; it is *provisional* until the owner's
 * signature over the root of the whole has verified. Only what is proven is passed on, and what
 * turns out to be unproven is taken back.
 * @module
 */
import type { StateRoot } from "../crypto/state-root.ts";
import type { Change } from "../wire/native-states.ts";
import { ChangeLog } from "./change-log.ts";
import type { Entries, EntriesChange } from "./entries.ts";
import { MapRoot } from "./map-root.ts";

/** That the owner has signed a version. */
export interface Proof {
  /** Unix seconds on the owner's clock. */
  readonly version: number;
  /** Of all entries of that version. */
  readonly root: Uint8Array;
  /** The owner's, over id, version and root. */
  readonly signature: Uint8Array;
}

/** Added to the length of each entry, as in canonical JSON. */
const ENTRY_BYTES = 8;

/** A copy whose owner uses sessions. For reading: only the core may change it. */
export class NativeReplica {
  /** Which form the copy has. */
  readonly kind = "native";
  /** What is shown now, provisional or not; of what an ended process has not proven, its proof's. */
  version: number;
  /** The version that the entries were told under: it does not go back when a process ends. */
  shownVersion: number;
  /** The newest version that the owner's signature has been verified for. */
  proof: Proof | undefined;
  /** Its length, about, as the limit for a state counts it. */
  bytes = 0;
  /** It came as a snapshot, and nothing has changed it since. */
  isWhole = false;
  /** What changes have made of it is not what its owner has. */
  isAstray = false;
  readonly #entries = new Map<string, string>();
  readonly #root = new MapRoot(this.#entries);
  readonly #log: ChangeLog;
  /** What was there before the changes since the proof. */
  #undo = new Map<string, string | undefined>();
  /** The same for what a proof is being verified for: changes that came meanwhile are in `#undo`. */
  #settling: Map<string, string | undefined> | undefined;

  constructor(version = 0, entries: Entries = new Map()) {
    this.version = version;
    this.shownVersion = version;
    this.#log = new ChangeLog(version);
    for (const [key, value] of entries) this.#set(key, value);
  }

  /** What the owner wrote, provisional or not. */
  get entries(): Entries {
    return this.#entries;
  }

  /** Changes that came on the owner's own session: shown, and provisional. */
  change(version: number, changes: readonly Change[]): EntriesChange {
    const difference = new Difference();
    for (const [key, value] of changes) {
      const before = this.#entries.get(key);
      if (before === value) continue;
      difference.add(key, before, value);
      if (!this.#undo.has(key)) this.#undo.set(key, before);
      if (value === undefined) this.#delete(key);
      else this.#set(key, value);
    }
    // What others hold of it from before we did is no base for the changes that we know.
    if (this.version === 0) this.#log.restart(version);
    else this.#log.add(version, difference.keys);
    this.version = version;
    this.shownVersion = version;
    return difference.change;
  }

  /** The entries are those that this root was made of. */
  adoptRoot(root: StateRoot): void {
    this.#root.adopt(root);
  }

  /** What these changes would add to {@link bytes}; below zero when they shorten it. */
  growthBy(changes: readonly Change[]): number {
    return changes.reduce(
      (sum, [key, value]) => sum + weightOf(key, value) - weightOf(key, this.#entries.get(key)),
      0,
    );
  }

  /** What would have to change so that these are the entries. */
  changesTo(entries: Entries): Change[] {
    const changes: Change[] = [];
    for (const [key, value] of entries) {
      if (this.#entries.get(key) !== value) changes.push([key, value]);
    }
    for (const key of this.#entries.keys()) {
      if (!entries.has(key)) changes.push([key, undefined]);
    }
    return changes;
  }

  /** Root of what is shown now. */
  root(): Uint8Array {
    return this.#root.digest();
  }

  /** What the root would be with these changes: it costs what they touch, not what there is. */
  rootWith(changes: readonly Change[]): StateRoot {
    return this.#root.copyWith(changes);
  }

  /** A proof of what is shown now is being verified; {@link settle} tells how it ended. */
  beginSettling(): void {
    const before = new Map(this.#undo);
    for (const [key, value] of this.#settling ?? []) before.set(key, value);
    this.#settling = before;
    this.#undo = new Map();
  }

  /** The proof holds: what it is for is provisional no more. */
  settle(proof: Proof): void {
    this.proof = proof;
    this.#settling = undefined;
    this.isAstray = false;
    if (this.version >= proof.version) return;
    // Its process ended while the proof was verified: what came after that is still unproven.
    this.version = proof.version;
    this.isAstray = this.#undo.size > 0;
    this.#log.restart(this.version);
  }

  /**
   * The process that it came from has ended: what it has not proven by now it never will, and its
   * heir may be behind. It is shown until something of the heir comes.
   */
  orphan(): void {
    if (this.proof?.version === this.version) return;
    this.version = this.proof?.version ?? 0;
    this.isAstray = true;
    this.#log.restart(this.version);
  }

  /** The proof does not hold. */
  unsettle(): void {
    for (const [key, value] of this.#settling ?? []) this.#undo.set(key, value);
    this.#settling = undefined;
    this.isAstray = true;
  }

  /** What is shown is proven: it came whole, with a proof that has been verified. */
  settleAll(proof: Proof): void {
    this.#undo = new Map();
    this.settle(proof);
  }

  /** Takes back what is provisional: all, where nothing was proven. Returns what that changes. */
  takeBack(): EntriesChange {
    const changes = this.proof === undefined ? this.changesTo(new Map()) : [...this.#unproven()];
    const change = this.change(this.proof?.version ?? 0, changes);
    this.#undo = new Map();
    this.#settling = undefined;
    this.#log.restart(this.version);
    return change;
  }

  /** The entries of the proven version. */
  provenEntries(): Entries {
    const entries = new Map(this.#entries);
    for (const [key, value] of this.#unproven()) {
      if (value === undefined) entries.delete(key);
      else entries.set(key, value);
    }
    return entries;
  }

  /** From `base` to the proven version, if that is what is shown; undefined for a snapshot. */
  provenChangesSince(base: number): Change[] | undefined {
    if (this.proof?.version !== this.version) return undefined;
    const keys = this.#log.since(base);
    if (keys === undefined) return undefined;
    return [...keys].map((key) => [key, this.#entries.get(key)]);
  }

  /** Values that the proven version has where the shown one differs; the oldest word counts. */
  #unproven(): ReadonlyMap<string, string | undefined> {
    return this.#settling === undefined ? this.#undo : new Map([...this.#undo, ...this.#settling]);
  }

  #set(key: string, value: string): void {
    this.bytes += weightOf(key, value) - weightOf(key, this.#entries.get(key));
    this.#entries.set(key, value);
    this.#root.touch(key);
  }

  #delete(key: string): void {
    this.bytes -= weightOf(key, this.#entries.get(key));
    this.#entries.delete(key);
    this.#root.touch(key);
  }
}

/** The length of a state, as the limit for one counts it. */
export function stateBytes(entries: Entries): number {
  let bytes = 0;
  for (const [key, value] of entries) bytes += weightOf(key, value);
  return bytes;
}

function weightOf(key: string, value: string | undefined): number {
  return value === undefined ? 0 : key.length + value.length + ENTRY_BYTES;
}

/** Collects an {@link EntriesChange} entry by entry. */
class Difference {
  readonly #added: string[] = [];
  readonly #updated: string[] = [];
  readonly #removed: string[] = [];
  readonly #previous = new Map<string, string>();
  readonly #current = new Map<string, string>();

  add(key: string, before: string | undefined, after: string | undefined): void {
    if (before !== undefined) this.#previous.set(key, before);
    if (after !== undefined) this.#current.set(key, after);
    if (before === undefined) this.#added.push(key);
    else if (after === undefined) this.#removed.push(key);
    else this.#updated.push(key);
  }

  get keys(): string[] {
    return [...this.#current.keys(), ...this.#removed];
  }

  get change(): EntriesChange {
    return {
      added: this.#added,
      updated: this.#updated,
      removed: this.#removed,
      previous: this.#previous,
      current: this.#current,
    };
  }
}
