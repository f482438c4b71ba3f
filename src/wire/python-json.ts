/**
 * The JSON of a state, exactly as Python writes it.
 *
 * Python checks the signature of a state over `json.dumps(json.loads(text))`, not over the text.
 * So what we sign has to be what its `json.dumps` would write, to the byte: `", "` and `": "`,
 * ASCII only, keys in order of insertion, integer-like ones too.
 *
 * Source: `state_packet.py`; `json/encoder.py`, `json/decoder.py`. Vectors: `json_canonical.json`,
 * `json_reserialise.json`.
 * @module
 */
import { MalformedError } from "../errors.ts";
import { quote } from "./json-quote.ts";
import { JsonLimitError, JsonReader } from "./json-reader.ts";

export { quote } from "./json-quote.ts";

/**
 * A state as `json.dumps` writes it.
 *
 * @param entries Keys and values in order. Each key once, as in a `Map`: it is not checked.
 */
export function encodeEntries(entries: Iterable<readonly [string, string]>): string {
  let text = "";
  for (const [key, value] of entries) {
    text += `${text === "" ? "{" : ", "}${quote(key)}: ${quote(value)}`;
  }
  return text === "" ? "{}" : `${text}}`;
}

/**
 * The entries of a state. A value that is no string is given as its canonical JSON text, so that
 * `{"a": 1e5}` reads `100000.0`, and `{"a": null}` the same as `{"a": "null"}`.
 *
 * Long keys and values may share the memory of `text` and so keep it alive.
 *
 * @param text As the owner wrote it.
 * @throws {MalformedError} where Python's `json.loads` raises; also when the top level is not an
 *   object, nested more than 1000 deep, or an integer has more than 4300 digits.
 */
export function decodeEntries(text: string): Map<string, string> {
  return new JsonReader(text).entries();
}

/**
 * Python's `json.dumps(json.loads(text))`: the form that it signs and compares.
 *
 * @throws {MalformedError} as {@link decodeEntries}, but any value may be at the top level.
 */
export function canonicalJson(text: string): string {
  return new JsonReader(text).document();
}

/**
 * Whether some version of Python may read `text` as JSON. A text that passes a limit (nested too
 * deep, a long integer) counts as JSON without a look at the rest: each Python has other limits.
 */
export function readsAsJson(text: string): boolean {
  try {
    new JsonReader(text).document();
    return true;
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return error instanceof JsonLimitError;
  }
}
