/**
 * The network key: 16 bytes that every member of a network holds, written as hex digits.
 *
 * Who has it is a member and may read everything. No message of this file contains a key.
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import { DsnError } from "../errors.ts";

/** Length of a network key: AES-128. */
export const NETWORK_KEY_BYTES = 16;

const DIGITS = NETWORK_KEY_BYTES * 2;

/** A new network key, as 32 lower-case hex digits. */
export function generateNetworkKey(): string {
  return randomBytes(NETWORK_KEY_BYTES).toString("hex");
}

/**
 * Reads a network key as Python's `bytes.fromhex` does: upper or lower case, with ASCII white space
 * between bytes and around (a trailing newline of a key file is fine), but not inside a byte.
 *
 * @throws {DsnError} `DSN_KEY_FORMAT`. The message says what was found and never shows the key.
 *
 * Source: `util/aes.py`, and CPython's `bytes.fromhex`. Vectors: `test/vectors/aes.json`.
 */
export function parseNetworkKey(text: string): Uint8Array {
  // Not /\s/: that takes no-break spaces too, which Python refuses.
  const pieces = text.split(/[ \t\n\v\f\r]+/);
  const digits = pieces.join("");
  if (/^0x/i.test(digits)) throw notAKey("found 0x in front");
  const strange = digits.search(/[^0-9a-f]/i);
  if (strange >= 0) {
    throw notAKey(`character ${strange + 1}, white space not counted, is not a hex digit`);
  }
  if (digits.length !== DIGITS) throw notAKey(describeLength(digits.length));
  if (pieces.some((piece) => piece.length % 2 === 1)) {
    throw notAKey("found white space inside a byte, between its two digits");
  }
  return new Uint8Array(Buffer.from(digits, "hex"));
}

/**
 * A name for a network key that may be shown in logs: the first 8 hex digits of its SHA-256.
 * Two nodes that print different ones do not share their key.
 */
export function networkKeyId(key: Uint8Array): string {
  return createHash("sha256").update(key).digest("hex").slice(0, 8);
}

function describeLength(found: number): string {
  if (found === 0) return "found nothing";
  if (found === 64) return "found 64 digits: that is an AES-256 key";
  if (found === 48) return "found 48 digits: that is an AES-192 key";
  return `found ${found} ${found === 1 ? "digit" : "digits"}`;
}

function notAKey(why: string): DsnError {
  return new DsnError("DSN_KEY_FORMAT", "Cannot read the network key", {
    why: `expected ${DIGITS} hex digits (${NETWORK_KEY_BYTES} bytes), ${why}`,
    fix: [
      "use the same key as the other nodes of this network",
      "for a new network, make a key with: dsn keygen",
    ],
  });
}
