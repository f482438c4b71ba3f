/**
 * Changes to bytes that decoders are known to fall over.
 * @module
 */

/** Uniform in [0, 1). */
export type Random = () => number;

/** Longest input made. Enough that what takes quadratic time takes seconds. */
export const INPUT_BYTES_MAX = 128 * 1024;

const CHANGES_MAX = 5;
/** One input in so many is blown up. */
const PUMPED = 400;

const BYTES = [0, 1, 4, 0x20, 0x22, 0x5c, 0x7f, 0x80, 0xc0, 0xed, 0xfe, 0xff];

const LENGTHS = [0, 1, 15, 16, 63, 64, 65, 255, 0xffff, 0x1_0000, 2 ** 20, 2 ** 24, 2 ** 31 - 1];
LENGTHS.push(2 ** 31, 2 ** 32 - 65, 2 ** 32 - 1);

/** Text that means something to one reader and nothing to another. */
const MORSELS = [
  ...["\u0000", "\ufeff", "\u202e", "\ud83d\ude00", "\u0301", "../", "\\", '"', "%00", " dsn/1"],
  ...["{", "[", "}", "]", ",", ":", '{"a":', '"a": "b", ', "null", "NaN", "-Infinity", "1e400"],
  ...["-0", "01", "1e5", '"\\ud800"', '"\\u00', "\\u0041", '"__proto__": ', "\r\n", "\r\n\r\n"],
  ...["dsn\u0001", "dsnu\u0003", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"],
  ...["0\r\n\r\n", "ffffffffffffffff\r\n", "Expect: 100-continue\r\n", "Upgrade: h2c\r\n"],
].map((text) => Buffer.from(text));
/** A half of a surrogate pair, an overlong slash, a byte that follows nothing, NaN, infinity. */
MORSELS.push(
  ...["eda080", "c0af", "80", "7ff8000000000001", "7ff0000000000000", "ffffffffffffffff"].map(
    (hex) => Buffer.from(hex, "hex"),
  ),
);

type Change = (bytes: Uint8Array, random: Random, corpus: readonly Uint8Array[]) => Uint8Array;

const CHANGES: readonly Change[] = [
  flipBit,
  setByte,
  setLength,
  setLength,
  cutEnd,
  cutStart,
  removePart,
  insertNoise,
  insertMorsel,
  repeatPart,
  swapParts,
  splice,
  splice,
];

/**
 * One to five changes to `bytes`, which stay as they are.
 *
 * @param corpus Where the other half of a splice comes from.
 */
export function mutate(
  bytes: Uint8Array,
  corpus: readonly Uint8Array[],
  random: Random,
): Uint8Array {
  const count = 1 + Math.floor(random() ** 2 * CHANGES_MAX);
  let changed = bytes;
  for (let index = 0; index < count; index++)
    changed = pick(CHANGES, random)(changed, random, corpus);
  if (below(PUMPED, random) === 0) changed = pump(changed, random);
  return changed.subarray(0, INPUT_BYTES_MAX);
}

/** A whole number from 0 up to, not including, `limit`. */
export function below(limit: number, random: Random): number {
  return Math.floor(random() * limit);
}

export function pick<Item>(items: readonly Item[], random: Random): Item {
  const item = items[below(items.length, random)];
  if (item === undefined) throw new Error("there is nothing to pick from");
  return item;
}

function flipBit(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length === 0) return Uint8Array.of(0);
  const changed = Uint8Array.from(bytes);
  const at = below(bytes.length, random);
  changed[at] = (changed[at] ?? 0) ^ (1 << below(8, random));
  return changed;
}

function setByte(bytes: Uint8Array, random: Random): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[below(bytes.length, random)] = pick(BYTES, random);
  return changed;
}

/** Where a length seems to stand, if there is such a place, another length. */
function setLength(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length < 4) return bytes;
  const changed = Uint8Array.from(bytes);
  const view = new DataView(changed.buffer);
  let at = below(bytes.length - 3, random);
  for (let tries = 0; tries < 8; tries++) {
    const next = below(bytes.length - 3, random);
    if (view.getUint32(next, true) <= bytes.length) at = next;
  }
  const near = view.getUint32(at, true) + below(5, random) - 2;
  const far = pick(LENGTHS, random);
  view.setUint32(at, random() < 0.3 ? near : far, random() < 0.9);
  return changed;
}

function cutEnd(bytes: Uint8Array, random: Random): Uint8Array {
  return bytes.subarray(0, below(bytes.length + 1, random));
}

function cutStart(bytes: Uint8Array, random: Random): Uint8Array {
  return bytes.subarray(below(bytes.length + 1, random));
}

function removePart(bytes: Uint8Array, random: Random): Uint8Array {
  const [start, end] = part(bytes, random);
  return join(bytes.subarray(0, start), bytes.subarray(end));
}

function insertNoise(bytes: Uint8Array, random: Random): Uint8Array {
  const noise = Uint8Array.from({ length: 1 + below(24, random) }, () => below(256, random));
  return insert(bytes, noise, random);
}

function insertMorsel(bytes: Uint8Array, random: Random): Uint8Array {
  return insert(bytes, pick(MORSELS, random), random);
}

function repeatPart(bytes: Uint8Array, random: Random): Uint8Array {
  const [start, end] = part(bytes, random);
  const repeated = bytes.subarray(start, end);
  const times = 1 + below(4, random);
  const copies = Array.from({ length: times }, () => repeated);
  return join(bytes.subarray(0, end), ...copies, bytes.subarray(end));
}

function swapParts(bytes: Uint8Array, random: Random): Uint8Array {
  const [start, end] = part(bytes, random);
  const middle = start + below(end - start + 1, random);
  return join(
    bytes.subarray(0, start),
    bytes.subarray(middle, end),
    bytes.subarray(start, middle),
    bytes.subarray(end),
  );
}

/** The beginning of one and the end of another. */
function splice(bytes: Uint8Array, random: Random, corpus: readonly Uint8Array[]): Uint8Array {
  const other = corpus.length === 0 ? bytes : pick(corpus, random);
  const from =
    random() < 0.5 ? below(other.length + 1, random) : Math.min(bytes.length, other.length);
  return join(bytes.subarray(0, below(bytes.length + 1, random)), other.subarray(from));
}

/** A part repeated until the whole is long: what is quadratic shows. */
function pump(bytes: Uint8Array, random: Random): Uint8Array {
  const [start, end] = part(bytes, random);
  if (start === end) return bytes;
  const times = Math.ceil((INPUT_BYTES_MAX * random()) / (end - start));
  const repeated = Buffer.alloc(times * (end - start), bytes.subarray(start, end));
  return join(bytes.subarray(0, start), repeated, bytes.subarray(end));
}

function insert(bytes: Uint8Array, inserted: Uint8Array, random: Random): Uint8Array {
  const at = below(bytes.length + 1, random);
  return join(bytes.subarray(0, at), inserted, bytes.subarray(at));
}

function part(bytes: Uint8Array, random: Random): readonly [start: number, end: number] {
  const start = below(bytes.length + 1, random);
  return [start, start + below(Math.min(200, bytes.length - start) + 1, random)];
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  // Not Buffer.concat: what a test holds must not share memory with what it reads.
  const whole = new Uint8Array(parts.reduce((length, { length: more }) => length + more, 0));
  let offset = 0;
  for (const bytes of parts) {
    whole.set(bytes, offset);
    offset += bytes.length;
  }
  return whole;
}
