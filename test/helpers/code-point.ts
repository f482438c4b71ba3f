import fc from "fast-check";

/**
 * Any character that UTF-8 has a form for, as a unit of `fc.string()`. The same as its own unit
 * `binary`, which takes most of a second to set up in each process.
 */
export const codePoint = fc
  .oneof(fc.integer({ min: 0, max: 0xd7ff }), fc.integer({ min: 0xe000, max: 0x10_ffff }))
  .map((code) => String.fromCodePoint(code));
