/**
 * Challenges that need no memory: made again from their echo, to see whether they are ours.
 *
 * Whoever echoes one receives datagrams at the address that it sends from. So nothing is kept for
 * anybody, and next to nothing computed, before.
 * @module
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { SALT_BYTES } from "./udp-datagram.ts";
import type { UdpEndpoint } from "./udp-switch.ts";

const EPOCH_MS = 30_000;

/** No challenge is accepted this many milliseconds after it was made. */
export const CHALLENGE_LIFE_MS = 2 * EPOCH_MS;

export class Challenges {
  readonly #secret: Uint8Array;
  readonly #monotonicMs: () => number;

  /** @param secret 32 random bytes of this process: another process accepts no echo of ours. */
  constructor(secret: Uint8Array, monotonicMs: () => number) {
    this.#secret = secret;
    this.#monotonicMs = monotonicMs;
  }

  /** The salt of the answerer, 16 bytes. */
  make(saltA: Uint8Array, source: UdpEndpoint): Uint8Array {
    return this.#make(saltA, source, this.#epoch());
  }

  isOurs(saltA: Uint8Array, saltB: Uint8Array, source: UdpEndpoint): boolean {
    const epoch = this.#epoch();
    return [epoch, epoch - 1].some((made) =>
      timingSafeEqual(this.#make(saltA, source, made), saltB),
    );
  }

  #make(saltA: Uint8Array, { address, port }: UdpEndpoint, epoch: number): Uint8Array {
    return createHmac("sha256", this.#secret)
      .update(saltA)
      .update(`${epoch} ${port} ${address}`)
      .digest()
      .subarray(0, SALT_BYTES);
  }

  #epoch(): number {
    return Math.floor(this.#monotonicMs() / EPOCH_MS);
  }
}
