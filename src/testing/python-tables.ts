/**
 * What a Python peer keeps of each node: the first key that it saw, where it calls it, and its
 * state, whose version equal content never advances.
 * @module
 */
import type { SignatureEngine } from "../crypto/signatures.ts";
import type { Address } from "../wire/exchange.ts";

/** A state as it is kept: its own, or one of another. */
export interface PythonState {
  readonly version: number;
  readonly text: string;
  readonly packet: Uint8Array;
}

export class PythonTables {
  /** Whom it can call. Itself is in it too. */
  readonly book = new Map<string, Address>();
  /** Whom it lists. Itself is in it too. */
  readonly states = new Map<string, PythonState>();
  readonly #pins = new Map<string, Uint8Array>();
  readonly #engine: SignatureEngine;

  constructor(engine: SignatureEngine) {
    this.#engine = engine;
  }

  /** @returns false for a key that is not the first one seen of that id. */
  pin(nodeId: string, publicKey: Uint8Array): boolean {
    const pinned = this.#pins.get(nodeId);
    if (pinned === undefined) this.#pins.set(nodeId, publicKey.slice());
    return pinned === undefined || Buffer.compare(pinned, publicKey) === 0;
  }

  verifies(nodeId: string, message: Uint8Array, signature: Uint8Array): boolean {
    const publicKey = this.#pins.get(nodeId);
    return publicKey !== undefined && this.#engine.verify(publicKey, "python", message, signature);
  }

  /** After a HELLO: listed from now on, with an empty state if none is held. */
  enter(nodeId: string, endpoint: Address): void {
    this.book.set(nodeId, endpoint);
    if (this.states.has(nodeId)) return;
    this.states.set(nodeId, { version: 0, text: "{}", packet: new Uint8Array() });
  }

  drop(nodeId: string): void {
    this.states.delete(nodeId);
    this.book.delete(nodeId);
  }

  /** @returns false for what is older, and for content that it holds, whatever its version. */
  take(nodeId: string, { version, text, packet }: PythonState): boolean {
    const held = this.states.get(nodeId);
    if (held !== undefined) {
      if (version < held.version) return false;
      if (text !== "{}" && text === held.text) return false;
    }
    this.states.set(nodeId, { version, text, packet: packet.slice() });
    return true;
  }
}
