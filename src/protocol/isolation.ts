/**
 * Whether we are alone: we had peers and have none any more, or we have met nobody since the start.
 *
 * What makes a peer gone is decided elsewhere; to be alone is to have lost the last one. A first
 * node, which knows of nobody, is not isolated.
 * @module
 */
import { DsnError } from "../errors.ts";
import type { Kernel } from "./kernel.ts";
import type { Members } from "./members.ts";

/** Whoever has somebody to join, and has met nobody for so long, is alone. */
const FIRST_MS = 10_000;
/** Reasons that are told; those of the nodes that went last. */
const CAUSES_MAX = 8;

export class Isolation {
  readonly #kernel: Kernel;
  readonly #members: Members;
  #revision = -1;
  /** Somebody was there once. */
  #met = false;
  /** Monotonic ms since when; undefined while somebody is there. */
  #sinceMs: number | undefined;
  #over = false;

  constructor(kernel: Kernel, members: Members) {
    this.#kernel = kernel;
    this.#members = members;
  }

  /** @param knows Of somebody who may let us in. */
  start(knows: boolean): void {
    if (!knows) return;
    this.#kernel.after(FIRST_MS, () => {
      if (this.#met || this.#over || this.#members.presentCount > 0) return;
      this.#begin(`nobody was reached within ${FIRST_MS / 1_000} s of the start`);
    });
  }

  /** We leave: nobody is missed. */
  stop(): void {
    this.#over = true;
  }

  /** At the end of each step: what comes and goes within one is nothing to tell. */
  look(): void {
    if (this.#revision === this.#members.revision || this.#over) return;
    this.#revision = this.#members.revision;
    if (this.#members.presentCount > 0) {
      this.#met = true;
      this.#end();
    } else if (this.#met) {
      this.#begin("the last of the nodes that were there is gone");
    }
  }

  #begin(why: string): void {
    if (this.#sinceMs !== undefined) return;
    this.#sinceMs = this.#kernel.now.monotonicMs;
    const causes = [...this.#members.all()]
      .sort((a, b) => b.sinceMs - a.sinceMs)
      .flatMap(({ reason }) => reason ?? [])
      .slice(0, CAUSES_MAX);
    const reason = new DsnError("DSN_ISOLATED", "No other node is reached any more", {
      why,
      fix: ["check the network of this machine; this node keeps trying"],
      cause: causes[0],
      causes,
    });
    this.#kernel.event({ name: "isolated", reason });
  }

  #end(): void {
    if (this.#sinceMs === undefined) return;
    const isolatedMs = this.#kernel.now.monotonicMs - this.#sinceMs;
    this.#sinceMs = undefined;
    this.#kernel.event({ name: "connected", isolatedMs });
  }
}
