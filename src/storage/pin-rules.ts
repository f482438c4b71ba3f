/**
 * What every credential store refuses, and in which words.
 * @module
 */
import { fingerprint, type KeyRules } from "../crypto/identity.ts";
import { DsnError } from "../errors.ts";
import { PINS_MAX } from "./credential-store.ts";

/** Longest node id, in bytes of UTF-8: a file name may have 255, and `.pub` and more is added. */
const ID_BYTES_MAX = 200;

/**
 * Why a node id cannot be a file name, or `undefined` when it can.
 *
 * The wire has stricter rules. They are not trusted here: the reference made paths of ids as they
 * came, and one HELLO of a stranger wrote files two folders up.
 */
export function problemWithId(
  nodeId: string,
  platform: NodeJS.Platform = process.platform,
): string | undefined {
  if (nodeId === "") return "it is empty";
  if (/^\.+$/.test(nodeId)) return "it is dots only";
  if (/[/\\]/.test(nodeId)) return "it holds a path separator";
  // There it opens a drive, or a hidden stream of another file. Elsewhere Python nodes may have one.
  if (platform === "win32" && nodeId.includes(":")) return "it holds a colon";
  if (/\p{Cc}/u.test(nodeId)) return "it holds a control character";
  if (/\p{Cs}/u.test(nodeId)) return "it holds half a surrogate pair";
  const bytes = Buffer.byteLength(nodeId);
  if (bytes > ID_BYTES_MAX) return `it has ${bytes} bytes, of at most ${ID_BYTES_MAX}`;
  return undefined;
}

/** @throws {DsnError} `DSN_CONFIG` when a store cannot be made for that id. */
export function checkOwnId(nodeId: string): void {
  const problem = problemWithId(nodeId);
  if (problem === undefined) return;
  throw new DsnError("DSN_CONFIG", `Cannot store credentials of node ${quoted(nodeId)}`, {
    why: `its id cannot be a file name: ${problem}`,
    fix: ["choose a node id of letters, digits, dots, dashes and underscores"],
  });
}

/** @throws {DsnError} `DSN_MALFORMED` when the id cannot belong to a peer. */
export function checkPeerId(nodeId: string, ownId: string): void {
  const problem = nodeId === ownId ? "it is the id of this node itself" : problemWithId(nodeId);
  if (problem === undefined) return;
  throw new DsnError("DSN_MALFORMED", `Cannot keep a key for node ${quoted(nodeId)}`, {
    why: `its id cannot be used: ${problem}`,
  });
}

/** @throws {DsnError} `DSN_MALFORMED` when the bytes are no key that a peer can have. */
export function checkPeerKey(
  engine: Pick<KeyRules, "isPublicKey">,
  nodeId: string,
  publicKey: Uint8Array,
): void {
  if (engine.isPublicKey(publicKey)) return;
  throw new DsnError("DSN_MALFORMED", `Cannot keep the key of node ${quoted(nodeId)}`, {
    why: `its ${publicKey.length} bytes are not a point on secp256k1 (64 bytes, x then y)`,
    nodeId,
  });
}

/** The error for a second key of one peer. */
export function pinConflict(
  engine: Pick<KeyRules, "isPublicKey">,
  nodeId: string,
  held: Uint8Array,
  given: Uint8Array,
): DsnError {
  const found = engine.isPublicKey(held)
    ? `the key pinned is ${fingerprint(held)}`
    : `${held.length} bytes that are no key are stored under that name`;
  return new DsnError("DSN_PEER_IDENTITY_CHANGED", `Cannot pin another key of node "${nodeId}"`, {
    why: `${found}, the one given is ${fingerprint(given)}`,
    fix: [
      `if "${nodeId}" was reinstalled, forget its old key: forgetIdentity("${nodeId}")`,
      "if it was not, somebody else uses its name",
    ],
    nodeId,
  });
}

/** The error for one peer too many. */
export function pinLimit(nodeId: string): DsnError {
  return new DsnError("DSN_PEER_LIMIT", `Cannot pin the key of node "${nodeId}"`, {
    why: `the keys of ${PINS_MAX} peers are stored, which is the limit`,
    fix: ["forget peers that are gone for good: forgetIdentity(nodeId)"],
    nodeId,
  });
}

/** @throws {RangeError} for a version that no clock shows: a bug in the caller. */
export function checkMark(version: number): void {
  if (Number.isFinite(version) && version >= 0) return;
  throw new RangeError(`Cannot save the mark ${version}: must be Unix seconds, 0 or more, finite`);
}

/** An id as it may be shown: what is strange in it is escaped, what is long is cut. */
function quoted(nodeId: string): string {
  return JSON.stringify(nodeId.length > 64 ? `${nodeId.slice(0, 64)}…` : nodeId);
}
