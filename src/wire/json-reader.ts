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

/** A JSON value: an atom as its canonical text, an array, or an object in Python's key order. */
export type JsonNode = string | readonly JsonNode[] | ReadonlyMap<string, JsonNode>;

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

  /** The whole text as one value. */
  document(): JsonNode {
    this.#skipSpace();
    const value = this.#value();
    this.#end();
    return value;
  }

  /** The whole text as an object: what `take` makes of a string member, and of any other. */
  members<Item>(take: {
    readonly string: (decoded: string) => Item;
    readonly other: (node: JsonNode) => Item;
  }): Map<string, Item> {
    this.#expect(OPEN_BRACE, "an object");
    const members = this.#object(() => {
      if (this.#code() !== QUOTE) return take.other(this.#value());
      this.#at++;
      return take.string(this.#string());
    });
    this.#end();
    return members;
  }

  #value(): JsonNode {
    const code = this.#code();
    if (code === QUOTE) {
      this.#at++;
      return quote(this.#string());
    }
    if (code === OPEN_BRACE) {
      this.#at++;
      return this.#object(() => this.#value());
    }
    if (code === OPEN_BRACKET) {
      this.#at++;
      return this.#array();
    }
    const constant = CONSTANTS.find((word) => this.#text.startsWith(word, this.#at));
    if (constant === undefined) return this.#number();
    this.#at += constant.length;
    return constant;
  }

  /** After the brace. A key that comes again keeps its first place, as in a dict and in a Map. */
  #object<Item>(member: () => Item): Map<string, Item> {
    const members = new Map<string, Item>();
    this.#enter();
    if (!this.#closes(CLOSE_BRACE)) {
      do {
        this.#expect(QUOTE, "a key in double quotes");
        const key = this.#string();
        this.#expect(COLON, "a colon");
        this.#skipSpace();
        members.set(key, member());
      } while (this.#continues(CLOSE_BRACE));
    }
    this.#depth--;
    return members;
  }

  /** After the bracket. */
  #array(): JsonNode[] {
    const items: JsonNode[] = [];
    this.#enter();
    if (!this.#closes(CLOSE_BRACKET)) {
      do {
        this.#skipSpace();
        items.push(this.#value());
      } while (this.#continues(CLOSE_BRACKET));
    }
    this.#depth--;
    return items;
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
