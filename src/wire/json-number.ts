/**
 * Numbers as Python's `json.dumps` writes them.
 * @module
 */

/**
 * A double as `float.__repr__` writes it: the shortest digits that read back, never without a
 * point or an exponent, and the exponent from 1e16 up and below 1e-4, in two digits or more.
 *
 * Source: `json/encoder.py`, `floatstr`. Vectors: `json_reserialise.json`.
 *
 * @example
 * floatText(1e5); // "100000.0"
 * floatText(1e-5); // "1e-05"
 */
export function floatText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    return value.toExponential().replace(/(?<=e[+-])\d$/, (exponent) => exponent.padStart(2, "0"));
  }
  // String(-0) is "0".
  const text = Object.is(value, -0) ? "-0" : String(value);
  return Number.isInteger(value) ? `${text}.0` : text;
}
