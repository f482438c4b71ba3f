/**
 * Our own id on the wire: ourselves, another process with our key, or another node of that name.
 *
 * A HELLO of ours that comes back shows that we have called ourselves.
 * @module
 */
import { toHex } from "../bytes/hex.ts";
import type { DsnError } from "../errors.ts";
import type { Alerts } from "./alerts.ts";
import type { ProvenHello } from "./hello-proof.ts";
import { duplicate, namesake, ourselves } from "./identity-troubles.ts";
import type { Refusal } from "./refusal.ts";
import * as refusals from "./refusal.ts";
import type { Self } from "./self.ts";
import { sameBytes } from "./trust.ts";

export class Twins {
  readonly #self: Self;
  readonly #alerts: Alerts;
  /** Nonces of our own HELLOs under way, and whether they came back to us. */
  readonly #nonces = new Map<string, { cameBack: boolean }>();

  constructor(self: Self, alerts: Alerts) {
    this.#self = self;
    this.#alerts = alerts;
  }

  /** A HELLO of ours goes out. */
  asks(nonce: Uint8Array): void {
    this.#nonces.set(toHex(nonce), { cameBack: false });
  }

  /** It has been answered, or will not be. @returns whether it came back to us meanwhile. */
  askedOurselves(nonce: Uint8Array): boolean {
    const key = toHex(nonce);
    const sent = this.#nonces.get(key);
    this.#nonces.delete(key);
    return sent?.cameBack === true;
  }

  /** Somebody calls us by our own id. */
  refusalOf({ hello, block }: ProvenHello, from: string): Refusal {
    if (!sameBytes(hello.publicKey, this.#self.publicKey)) return refusals.keyChanged(hello.nodeId);
    const sent = block === undefined ? undefined : this.#nonces.get(toHex(block.nonce));
    if (sent !== undefined) sent.cameBack = true;
    // A Python process with our key sends no block. What was said before we began is a recording.
    const isTwin =
      block === undefined ||
      (toHex(block.incarnation) !== this.#self.incarnation &&
        block.issued > this.#self.startedSeconds);
    if (isTwin) this.#raise(`another process called us from ${from} with our own key`);
    return refusals.ownId(true);
  }

  /** Somebody answers us by our own id. */
  troubleOf({ hello, block }: ProvenHello, where: string): DsnError {
    if (block !== undefined && toHex(block.incarnation) === this.#self.incarnation) {
      return ourselves(where);
    }
    if (sameBytes(hello.publicKey, this.#self.publicKey)) {
      return this.twin(where, "another process answers there with our own key");
    }
    const why = "two nodes of one network need two ids";
    return namesake(hello.nodeId, where, why, "give one of the two nodes another id");
  }

  /** Reported on our side, and the reason why we are not let in. */
  twin(where: string, why: string): DsnError {
    this.#raise(`${where}: ${why}`);
    const fix = "give a cloned machine a new identity: delete its credentials folder";
    return namesake(this.#self.nodeId, where, why, fix);
  }

  #raise(why: string): void {
    const { nodeId } = this.#self;
    this.#alerts.raise(duplicate(nodeId, why), nodeId);
  }
}
