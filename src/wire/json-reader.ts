/**
 * Reads JSON as Python's `json.loads` does, and gives it back as Python's `json.dumps` writes it.
 *
 * `JSON.parse` cannot stand in: it moves integer-like keys to the front, rounds long integers,
 * forgets that 1.0 is a float, and refuses NaN and Infinity.
 *
 * Source: CPython `Modules/_json.c`; `state_packet.py`.
 * @module
 */
import { MalformedError } from "../errors.ts";
import { floatText } from "./json-number.ts";
import { quote } from "./json-quote.ts";

/**
 * Canonical text in pieces, to be joined by {@link joinPieces}: a tree of values would take fifty
 * times the memory of its text. An object that had a key twice is a list within the list.
 */
export type JsonPieces = (string | JsonPieces)[];

/** The text that pieces make. */
export function joinPieces(pieces: JsonPieces): string {
  // One list and one join: joining at each level would copy what is deep inside each time.
  const isFlat = pieces.every((piece) => typeof piece === "string");
  // Of unknown things, because the type of a flattened tree is more than the compiler bears.
  return (isFlat ? pieces : (pieces as unknown[]).flat(Number.POSITIVE_INFINITY)).join("");
}

/** Grammatical JSON that passes a limit. Python has them too, but elsewhere in each version. */
export class JsonLimitError extends MalformedError {}

/** Python 3.11 gives up somewhere below 1000, as its own stack is used already. */
const DEPTH_MAX = 1000;

/** Source: `sys.get_int_max_str_digits()`. */
const INTEGER_DIGITS_MAX = 4300;

const CONSTANTS = ["null", "true", "false", "NaN", "Infinity", "-Infinity"];

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const UPPER_E = 0x45;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const LOWER_E = 0x65;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Reads one text, once. Everything throws {@link MalformedError} where `json.loads` raises. */
export class JsonReader {
  readonly #text: string;
  /** Backslashes and control characters: what keeps a string from being a slice of the text. */
  readonly #special = /[^ -[\]-\uffff]/g;
  #specialAt = -1;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The canonical form of the whole text as one value. */
  document(): string {
    this.#skipSpace();
    const canonical = this.#canonical();
    this.#end();
    return canonical;
  }

  /** The whole text as an object: its strings as what they stand for, all else as canonical text. */
  entries(): Map<string, string> {
    const entries = new Map<string, string>();
    this.#expect(OPEN_BRACE, "an object");
    this.#object((key) => {
      if (this.#code() !== QUOTE) {
        entries.set(key, this.#canonical());
      } else {
        this.#at++;
        entries.set(key, this.#string());
      }
    });
    this.#end();
    return entries;
  }

  #canonical(): string {
    const pieces: JsonPieces = [];
    this.#value(pieces);
    return joinPieces(pieces);
  }

  /** Any value, appended to `pieces`. */
  #value(pieces: JsonPieces): void {
    const code = this.#code();
    if (code === QUOTE) {
      this.#at++;
      pieces.push(quote(this.#string()));
    } else if (code === OPEN_BRACE) {
      this.#at++;
      this.#nestedObject(pieces);
    } else if (code === OPEN_BRACKET) {
      this.#at++;
      this.#array(pieces);
    } else {
      pieces.push(this.#constant() ?? this.#number());
    }
  }

  #constant(): string | undefined {
    const constant = CONSTANTS.find((word) => this.#text.startsWith(word, this.#at));
    this.#at += constant?.length ?? 0;
    return constant;
  }

  /** After the brace: calls `member` where the value of each key begins. */
  #object(member: (key: string) => void): void {
    this.#enter();
    if (!this.#closes(CLOSE_BRACE)) {
      do {
        this.#expect(QUOTE, "a key in double quotes");
        const key = this.#string();
        this.#expect(COLON, "a colon");
        this.#skipSpace();
        member(key);
      } while (this.#continues(CLOSE_BRACE));
    }
    this.#depth--;
  }

  #nestedObject(pieces: JsonPieces): void {
    const start = pieces.length;
    const keys: string[] = [];
    const ends: number[] = [];
    this.#object((key) => {
      pieces.push(keys.length === 0 ? "{" : ", ", quote(key), ": ");
      this.#value(pieces);
      keys.push(key);
      ends.push(pieces.length - start);
    });
    pieces.push(keys.length === 0 ? "{}" : "}");
    if (new Set(keys).size < keys.length) pieces.push(lastOfEach(keys, ends, pieces.splice(start)));
  }

  /** After the bracket. */
  #array(pieces: JsonPieces): void {
    this.#enter();
    let separator = "[";
    if (!this.#closes(CLOSE_BRACKET)) {
      do {
        this.#skipSpace();
        pieces.push(separator);
        this.#value(pieces);
        separator = ", ";
      } while (this.#continues(CLOSE_BRACKET));
    }
    pieces.push(separator === "[" ? "[]" : "]");
    this.#depth--;
  }

  /**
   * After the quote. The end is found by jumping from quote to quote; what lies before it is
   * sliced, and only decoded when it holds a backslash.
   */
  #string(): string {
    const start = this.#at;
    let end = this.#text.indexOf('"', start);
    while (end !== -1 && this.#isEscaped(end)) end = this.#text.indexOf('"', end + 1);
    if (end === -1) this.#fail("a closing quote", start);
    this.#at = end + 1;
    if (this.#nextSpecial(start) >= end) return this.#text.slice(start, end);
    try {
      // Inside a string literal the grammars of Python and JavaScript are the same.
      return JSON.parse(this.#text.slice(start - 1, end + 1)) as string;
    } catch (cause) {
      throw new MalformedError(`Cannot read JSON string at index ${start}`, cause);
    }
  }

  /** Whether an odd number of backslashes stands before `quoteAt`, which is inside a string. */
  #isEscaped(quoteAt: number): boolean {
    let at = quoteAt;
    while (this.#text.charCodeAt(at - 1) === BACKSLASH) at--;
    return (quoteAt - at) % 2 === 1;
  }

  /** Where the next special character is. Remembered, so that the text is searched only once. */
  #nextSpecial(from: number): number {
    if (this.#specialAt < from) {
      this.#special.lastIndex = from;
      this.#specialAt = this.#special.exec(this.#text)?.index ?? Number.POSITIVE_INFINITY;
    }
    return this.#specialAt;
  }

  #number(): string {
    const start = this.#at;
    if (this.#code() === MINUS) this.#at++;
    const digitsAt = this.#at;
    // Nothing may follow a leading zero: in `01` the number is 0, and the 1 is in the wrong place.
    if (this.#code() === ZERO) this.#at++;
    else this.#digits();
    const digits = this.#at - digitsAt;
    let isFloat = false;
    if (this.#code() === POINT) {
      isFloat = true;
      this.#at++;
      this.#digits();
    }
    if (this.#code() === UPPER_E || this.#code() === LOWER_E) {
      isFloat = true;
      this.#at++;
      if (this.#code() === PLUS || this.#code() === MINUS) this.#at++;
      this.#digits();
    }
    const text = this.#text.slice(start, this.#at);
    if (isFloat) return floatText(Number(text));
    if (digits > INTEGER_DIGITS_MAX) {
      throw new JsonLimitError(
        `Cannot read JSON integer at index ${start}: ${digits} digits, at most ${INTEGER_DIGITS_MAX}`,
      );
    }
    return text === "-0" ? "0" : text;
  }

  #digits(): void {
    const start = this.#at;
    // By hand: a regular expression would remember each digit of a run of millions.
    while (this.#code() >= ZERO && this.#code() <= NINE) this.#at++;
    if (this.#at === start) this.#fail("a value", start);
  }

  #enter(): void {
    this.#depth++;
    if (this.#depth > DEPTH_MAX) {
      throw new JsonLimitError(`Cannot read JSON: nested more than ${DEPTH_MAX} deep`);
    }
  }

  #closes(close: number): boolean {
    this.#skipSpace();
    if (this.#code() !== close) return false;
    this.#at++;
    return true;
  }

  #continues(close: number): boolean {
    if (this.#closes(close)) return false;
    this.#expect(COMMA, "a comma");
    return true;
  }

  #end(): void {
    this.#skipSpace();
    if (this.#at < this.#text.length) this.#fail("the end", this.#at);
  }

  #expect(code: number, what: string): void {
    this.#skipSpace();
    if (this.#code() !== code) this.#fail(what, this.#at);
    this.#at++;
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#code();
      if (code !== SPACE && code !== LINE_FEED && code !== CARRIAGE_RETURN && code !== TAB) return;
      this.#at++;
    }
  }

  /** NaN at the end, which equals nothing. */
  #code(): number {
    return this.#text.charCodeAt(this.#at);
  }

  #fail(expected: string, at: number): never {
    throw new MalformedError(`Cannot read JSON: expected ${expected} at index ${at}`);
  }
}

/**
 * An object without what was said twice: a key that comes again keeps its first place and takes the
 * last value, as in a dict and in a Map. Each piece is moved once, however deep it lies: what was
 * moved is one piece to the object around it.
 *
 * @param ends Where the value of each key ends in `pieces`; before it stand a separator, the key
 *   and a colon.
 */
function lastOfEach(
  keys: readonly string[],
  ends: readonly number[],
  pieces: JsonPieces,
): JsonPieces {
  const values = new Map<string, JsonPieces>();
  let at = 0;
  for (const [index, key] of keys.entries()) {
    const end = ends[index] ?? at;
    values.set(key, pieces.slice(at + 3, end));
    at = end;
  }
  const rest: JsonPieces = [];
  for (const [key, value] of values) {
    rest.push(rest.length === 0 ? "{" : ", ", quote(key), ": ", value);
  }
  rest.push("}");
  return rest;
}
