/**
 * Strings as Python's `json.dumps` writes them.
 * @module
 */

const NEEDS_ESCAPE = /[^ !#-[\]-~]/;
const NOT_ASCII = /[^ -~]/g;

/**
 * A JSON string as `json.dumps` writes it: ASCII only.
 *
 * `"` and `\` are escaped, \b \t \n \f \r in short, every other character outside space to `~` as
 * lower-case `\uXXXX`: DEL too, half surrogates too, and astral characters as two. `/` is not.
 *
 * Source: `json/encoder.py`, `ensure_ascii=True`. Vectors: `json_canonical.json`.
 */
export function quote(text: string): string {
  if (!NEEDS_ESCAPE.test(text)) return `"${text}"`;
  // JSON.stringify does as Python does, but leaves DEL and whole characters beyond ASCII alone.
  return JSON.stringify(text).replace(NOT_ASCII, escapeUnit);
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
