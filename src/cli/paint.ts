/**
 * Colors for terminals.
 * @module
 */
export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan" | "magenta";

/** Paints text for one stream, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string;

/** The codes of ECMA-48, "select graphic rendition". */
const SGR: Readonly<Record<Style, number>> = {
  bold: 1,
  dim: 2,
  red: 31,
  green: 32,
  yellow: 33,
  magenta: 35,
  cyan: 36,
};

export function painter(colors: boolean): Paint {
  return (style, text) => (colors && text !== "" ? `\u001b[${SGR[style]}m${text}\u001b[0m` : text);
}
