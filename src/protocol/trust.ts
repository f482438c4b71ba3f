/**
 * Which key speaks for which id, and who may talk to us at all.
 *
 * The first key *proven* for an id is pinned for ever (trust on first use); a whitelist narrows who
 * is let in, by id or by id and fingerprint.
 * @module
 */
import { fingerprint } from "../crypto/identity.ts";
import type { Kernel } from "./kernel.ts";
import type { Member } from "./member.ts";
import { LIMITS } from "./settings.ts";

/** An entry of the whitelist: an id, and the fingerprint that its key must have if given. */
export interface WhitelistEntry {
  /** Who is let in. */
  readonly nodeId: string;
  /** `SHA256:…` of its key; undefined for the first key that claims the id. */
  readonly fingerprint: string | undefined;
}

export class Trust {
  readonly #kernel: Kernel;
  readonly #ownId: string;
  readonly #pins: Map<string, Uint8Array>;
  readonly #natives: Set<string>;
  readonly #whitelist: ReadonlyMap<string, string | undefined>;

  constructor(
    kernel: Kernel,
    ownId: string,
    pins: ReadonlyMap<string, Uint8Array>,
    whitelist: readonly WhitelistEntry[],
    natives: Iterable<string> = [],
  ) {
    this.#kernel = kernel;
    this.#ownId = ownId;
    this.#pins = new Map(pins);
    this.#natives = new Set(natives);
    this.#whitelist = new Map(whitelist.map((entry) => [entry.nodeId, entry.fingerprint]));
  }

  /** True when no whitelist is set, or it names the id. Our own id always passes. */
  admitsId(nodeId: string): boolean {
    return this.#whitelist.size === 0 || nodeId === this.#ownId || this.#whitelist.has(nodeId);
  }

  /** Like {@link admitsId}, and the key has the fingerprint that the whitelist asks for. */
  admits(nodeId: string, publicKey: Uint8Array): boolean {
    if (!this.admitsId(nodeId)) return false;
    const wanted = this.#whitelist.get(nodeId);
    return wanted === undefined || wanted === fingerprint(publicKey);
  }

  keyOf(nodeId: string): Uint8Array | undefined {
    return this.#pins.get(nodeId);
  }

  /** Whitelisted names without a fingerprint that nobody has claimed yet. */
  unclaimed(): readonly string[] {
    return [...this.#whitelist]
      .filter(([nodeId, wanted]) => wanted === undefined && !this.#pins.has(nodeId))
      .map(([nodeId]) => nodeId)
      .filter((nodeId) => nodeId !== this.#ownId);
  }

  /** False when another key is pinned for that id. */
  accepts(nodeId: string, publicKey: Uint8Array): boolean {
    const pinned = this.#pins.get(nodeId);
    return pinned === undefined || sameBytes(pinned, publicKey);
  }

  /** Call only after a signature made with `publicKey` has verified. Beyond a limit it does nothing. */
  pin(nodeId: string, publicKey: Uint8Array): void {
    // One more than the store keeps: it tells the operator so. Whoever invents names must not grow this.
    if (this.#pins.has(nodeId) || this.#pins.size > LIMITS.pinsMax) return;
    const copy = publicKey.slice();
    this.#pins.set(nodeId, copy);
    this.#kernel.emit({ kind: "pin", nodeId, publicKey: copy });
  }

  /** The holder of the pinned key uses sessions: it never goes back to the weaker wire. */
  pinNative(nodeId: string): void {
    if (this.#natives.has(nodeId) || !this.#pins.has(nodeId)) return;
    this.#natives.add(nodeId);
    this.#kernel.emit({ kind: "pin-native", nodeId });
  }

  isNative(nodeId: string): boolean {
    return this.#natives.has(nodeId);
  }

  /** Not everybody is let in. */
  get isClosed(): boolean {
    return this.#whitelist.size > 0;
  }

  forget(nodeId: string): boolean {
    this.#natives.delete(nodeId);
    if (!this.#pins.delete(nodeId)) return false;
    this.#kernel.emit({ kind: "unpin", nodeId });
    return true;
  }
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** It has said something on a session, or answered there: nobody else can have done that. */
export function pinProven(trust: Trust, member: Member): void {
  if (!member.provisional) return;
  member.provisional = false;
  trust.pin(member.nodeId, member.publicKey);
  trust.pinNative(member.nodeId);
}
