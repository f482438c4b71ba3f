/**
 * Which names a node may have.
 *
 * The Python implementation takes any text and makes it the name of a file (`key_manager.py`), so
 * an id with `../` wrote outside its folder (defect D01). Here an id is checked before anything
 * else sees it.
 * @module
 */

/** What {@link isNodeId} wants, to end a sentence: "must be …". */
export const NODE_ID_RULE =
  "1 to 64 characters, at most 200 bytes of UTF-8, without slashes, control or invisible " +
  "characters, spaces at an end, and not dots only";

/** What {@link isOwnNodeId} wants, to end a sentence: "must be …". */
export const OWN_NODE_ID_RULE = "1 to 64 of A-Z a-z 0-9 . _ - and not dots only";

/** Characters of an id, counted as code points. */
export const NODE_ID_CHARACTERS_MAX = 64;

/** Bytes of an id as UTF-8: with an ending it still fits the 255 bytes of a file name. */
export const NODE_ID_BYTES_MAX = 200;

// \p{C} is control, format (BOM, bidi marks), half surrogates, private use and unassigned.
const WITHIN = /^[^\p{C}\p{Zl}\p{Zp}/\\]{1,64}$/u;
const OWN = /^[A-Za-z0-9._-]{1,64}$/;
const DOTS_ONLY = /^\.+$/;
const SPACE_AT_AN_END = /^\s|\s$/;

/**
 * Whether a peer may call itself `text`. Wider than {@link isOwnNodeId}: Python nodes have names
 * in any script, with spaces too.
 */
export function isNodeId(text: string): boolean {
  // Nearly all are of this kind, and large networks show thousands.
  if (isOwnNodeId(text)) return true;
  return (
    WITHIN.test(text) &&
    !DOTS_ONLY.test(text) &&
    !SPACE_AT_AN_END.test(text) &&
    Buffer.byteLength(text) <= NODE_ID_BYTES_MAX
  );
}

/** Whether a node of ours may be called `text`: safe in file names, URLs and shells everywhere. */
export function isOwnNodeId(text: string): boolean {
  return OWN.test(text) && !DOTS_ONLY.test(text);
}
