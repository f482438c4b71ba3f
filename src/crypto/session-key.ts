/**
 * What the two ends of a session show each other to prove that they have the network key.
 *
 * `docs/protocol.md`, Sessions.
 * @module
 */
import { hkdfSync } from "node:crypto";
import { NETWORK_KEY_BYTES } from "./network-key.ts";

/** The pre-shared key of TLS, and the name by which the other side finds it. */
export interface SessionKey {
  /** 32 bytes. */
  readonly psk: Uint8Array;
  /** Sent in clear: it says which network key, and nothing about it. */
  readonly identity: string;
}

/** The identity of a network without a key, whose pre-shared key everybody knows. */
export const OPEN_IDENTITY = "open";

const PSK_BYTES = 32;
const IDENTITY_BYTES = 16;

/** @param networkKey 16 bytes; undefined for a network without a key. */
export function deriveSessionKey(networkKey: Uint8Array | undefined): SessionKey {
  if (networkKey === undefined) {
    const zeros = new Uint8Array(NETWORK_KEY_BYTES);
    return { psk: expand(zeros, "dsn psk 1", PSK_BYTES), identity: OPEN_IDENTITY };
  }
  const identity = Buffer.from(expand(networkKey, "dsn key id 1", IDENTITY_BYTES)).toString("hex");
  return { psk: expand(networkKey, "dsn psk 1", PSK_BYTES), identity };
}

function expand(key: Uint8Array, info: string, length: number): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", key, new Uint8Array(0), info, length));
}
