/**
 * Who a node is on its sessions, and whom it lets in.
 * @module
 */
import type { ProvenPeer } from "../wire/exchange.ts";

export interface SessionIdentity {
  readonly nodeId: string;
  /** Raw x‖y, 64 bytes. */
  readonly publicKey: Uint8Array;
  /** 16 bytes, random per process. */
  readonly incarnation: Uint8Array;
  readonly features: readonly string[];
  /** Our signature over `message`, which is hashed with SHA-256: scheme "native", 64 bytes. */
  sign(message: Uint8Array): Uint8Array;
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /**
   * Asked once for each session, when the other side has proved its identity.
   *
   * @returns how it is refused; undefined lets the node in.
   */
  admit(peer: ProvenPeer): AdmissionRefusal | undefined;
}

export interface AdmissionRefusal {
  readonly status: number;
  readonly text: string;
}

/** Versions of the session that this node speaks, both ends included. */
export const SESSION_VERSIONS = { min: 1, max: 1 } as const;
