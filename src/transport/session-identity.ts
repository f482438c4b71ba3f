/**
 * Who a node is on its sessions, and whom it lets in.
 * @module
 */
import type { ProvenPeer } from "../wire/exchange.ts";

/** Who a node is on its sessions, and whom it lets in. */
export interface SessionIdentity {
  /** Its id. */
  readonly nodeId: string;
  /** Raw x‖y, 64 bytes. */
  readonly publicKey: Uint8Array;
  /** 16 bytes, random per process. */
  readonly incarnation: Uint8Array;
  /** What peers may use with it. */
  readonly features: readonly string[];
  /** Our signature over `message`, which is hashed with SHA-256: scheme "native", 64 bytes. */
  sign(message: Uint8Array): Uint8Array;
  /** Whether a signature of the same scheme is over `message`, by the holder of that key. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /**
   * Asked once for each session, when the other side has proved its identity.
   *
   * @returns how it is refused; undefined lets the node in.
   */
  admit(peer: ProvenPeer): AdmissionRefusal | undefined;
  /** Whether a session with that node is kept also while nothing is said on it. */
  keeps(nodeId: string): boolean;
}

/** How a node that has proved who it is is turned away. */
export interface AdmissionRefusal {
  /** As a status of HTTP, 4xx or 5xx. */
  readonly status: number;
  /** What it is told. */
  readonly text: string;
}

/** Versions of the session that this node speaks, both ends included. */
export const SESSION_VERSIONS = { min: 1, max: 1 } as const;
