/**
 * The state that this node owns: the only one it may write.
 *
 * A write changes the map at once; {@link OwnState.commit} makes one version of all writes since
 * the last. The text of each entry is kept encoded, so a version costs a join and not a rewrite.
 * @module
 */
import { DsnError } from "../errors.ts";
import type { Change } from "../wire/native-states.ts";
import { quote } from "../wire/python-json.ts";
import { ChangeLog } from "./change-log.ts";
import { compareEntries, type Entries, type EntriesChange } from "./entries.ts";
import { MapRoot } from "./map-root.ts";
import { LIMITS } from "./settings.ts";

/** A microsecond, in the seconds that versions are counted in. */
const VERSION_STEP_SECONDS = 1e-6;

/** The smallest version that every peer takes for newer than `version`. */
export function above(version: number): number {
  // Adding |v| * epsilon always reaches the next double, however large a clock ran ahead.
  return version + Math.max(VERSION_STEP_SECONDS, Math.abs(version) * Number.EPSILON);
}

const utf8 = new TextEncoder();

export class OwnState {
  /** Unix seconds; 0 before the first commit. */
  version = 0;
  #text: string | undefined = "{}";
  readonly #entries = new Map<string, string>();
  readonly #encoded = new Map<string, string>();
  /** Length of the canonical JSON without its braces; ASCII, so characters are bytes. */
  #encodedLength = 0;
  /** Keys written since the last version, and what they were in it. */
  readonly #written = new Map<string, string | undefined>();
  /** Of this life alone: what an earlier one has shown is no base for changes. */
  readonly #log = new ChangeLog(Number.POSITIVE_INFINITY);
  readonly #root = new MapRoot(this.#entries);
  /** What earlier lives have shown is not known: there is no mark. */
  readonly forgetful: boolean;
  #floor: number;

  /** @param floor Versions up to this one may have been shown before a restart; Unix seconds. */
  constructor(floor: number) {
    this.#floor = floor;
    this.forgetful = floor === 0;
  }

  get entries(): Entries {
    return this.#entries;
  }

  /**
   * Applies all changes, or none.
   *
   * @throws {DsnError} `DSN_STATE_TOO_LARGE`; the state is then as it was.
   */
  write(changes: ReadonlyMap<string, string | undefined>): EntriesChange {
    const touched = new Map<string, string>();
    const after = new Map<string, string>();
    const encoded = new Map<string, string>();
    let length = this.#encodedLength;
    for (const [key, value] of changes) {
      const old = this.#entries.get(key);
      if (old !== undefined) touched.set(key, old);
      length -= lengthWithSeparator(this.#encoded.get(key));
      if (value === undefined) continue;
      if (isTooLong(key)) throw keyTooLong(key);
      const text = `${quote(key)}: ${quote(value)}`;
      length += lengthWithSeparator(text);
      after.set(key, value);
      encoded.set(key, text);
    }
    if (length > LIMITS.stateBytesMax) throw stateTooLarge(length);
    this.#encodedLength = length;
    for (const [key, value] of changes) {
      if (!this.#written.has(key)) this.#written.set(key, this.#entries.get(key));
      if (value === undefined) {
        this.#entries.delete(key);
        this.#encoded.delete(key);
      } else {
        this.#entries.set(key, value);
        this.#encoded.set(key, encoded.get(key) ?? "");
      }
    }
    return compareEntries(touched, after);
  }

  /**
   * Makes a version of what was written. False when the content is that of the last version:
   * peers would refuse equal content, and nothing would be gained.
   */
  commit(unixSeconds: number): boolean {
    if (this.#written.size === 0 && this.version !== 0) return false;
    const changed: string[] = [];
    for (const [key, before] of this.#written) {
      if (this.#entries.get(key) !== before) changed.push(key);
    }
    this.#written.clear();
    if (changed.length === 0 && this.version !== 0) return false;
    this.#text = undefined;
    const isFirst = this.version === 0;
    this.#advance(unixSeconds);
    if (isFirst) this.#log.restart(this.version);
    else this.#log.add(this.version, changed);
    for (const key of changed) this.#root.touch(key);
    return true;
  }

  /** Canonical JSON of all entries: what is signed for Python peers. */
  get text(): string {
    this.#text ??= `{${[...this.#encoded.values()].join(", ")}}`;
    return this.#text;
  }

  /** Length of {@link text}, which is ASCII: bytes. */
  get bytes(): number {
    return Math.max(2, this.#encodedLength);
  }

  /** Root of the committed version. Writes that are not committed yet must not be in the map. */
  root(): Uint8Array {
    return this.#root.digest();
  }

  /**
   * What changed since a version; undefined when that is too long ago to tell, or is one of an
   * earlier life: when the clock has jumped, those may lie between two of this one.
   */
  changesSince(base: number): Change[] | undefined {
    if (!this.#log.has(base)) return undefined;
    const keys = this.#log.since(base);
    if (keys === undefined) return undefined;
    return [...keys].map((key) => [key, this.#entries.get(key)]);
  }

  /** Something was written since the last version. */
  get isDirty(): boolean {
    return this.#written.size > 0;
  }

  /** A peer showed a state of ours, signed by us, that is not older: step above it. */
  leapAbove(shown: number, unixSeconds: number): void {
    this.#floor = Math.max(this.#floor, shown);
    this.#advance(unixSeconds);
    // Who holds what was shown holds nothing that our changes could begin with.
    this.#log.restart(this.version);
  }

  /** The version that is made of what is written now. */
  nextVersion(unixSeconds: number): number {
    return Math.max(unixSeconds, above(this.version), above(this.#floor));
  }

  #advance(unixSeconds: number): void {
    this.version = this.nextVersion(unixSeconds);
  }
}

const lengthWithSeparator = (text: string | undefined) =>
  text === undefined ? 0 : text.length + 2;

/** A unit takes three bytes at most: most keys need no counting. */
function isTooLong(key: string): boolean {
  const { keyBytesMax } = LIMITS;
  return key.length * 3 > keyBytesMax && utf8.encode(key).length > keyBytesMax;
}

function keyTooLong(key: string): DsnError {
  return new DsnError(
    "DSN_STATE_TOO_LARGE",
    `Cannot write the key "${key.slice(0, 32)}…": it has ${utf8.encode(key).length} bytes`,
    {
      why: `a key has at most ${LIMITS.keyBytesMax} bytes of UTF-8`,
      fix: ["put the long part into the value"],
    },
  );
}

function stateTooLarge(bytes: number): DsnError {
  return new DsnError(
    "DSN_STATE_TOO_LARGE",
    `Cannot write: the state of this node would be ${bytes} bytes, at most ${LIMITS.stateBytesMax}`,
    {
      why: "every node of the network holds a copy of it; nothing was changed",
      fix: ["keep large data elsewhere and share a link", "send it to one node with sendToNode()"],
    },
  );
}
