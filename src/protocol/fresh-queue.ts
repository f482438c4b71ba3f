/** Members of whom there is news, until it is passed on: what comes within a moment goes together. */
import type { Kernel } from "./kernel.ts";
import type { Member } from "./member.ts";

/** Whose state is to be passed on, and who brought it. */
export type Fresh = Map<Member, Member | undefined>;

export class FreshQueue {
  readonly #kernel: Kernel;
  readonly #ms: number;
  readonly #onDue: (fresh: Fresh) => void;
  #fresh: Fresh = new Map();

  constructor(kernel: Kernel, ms: number, onDue: (fresh: Fresh) => void) {
    this.#kernel = kernel;
    this.#ms = ms;
    this.#onDue = onDue;
  }

  has(member: Member): boolean {
    return this.#fresh.has(member);
  }

  add(member: Member, from: Member | undefined): void {
    if (this.#fresh.size === 0) {
      this.#kernel.after(this.#ms, () => {
        const fresh = this.#fresh;
        this.#fresh = new Map();
        this.#onDue(fresh);
      });
    }
    this.#fresh.set(member, from);
  }
}
