/**
 * Our signature over the root of our state: what makes a version of ours one that others may pass
 * on.
 *
 * A version is on its way before it is signed. The signature follows a moment later, and of many
 * versions in a row only some get one: the newest always does.
 * @module
 */
import { rootSignedPart } from "../wire/native-states.ts";
import type { Flow } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import type { Proof } from "./native-replica.ts";
import type { OwnState } from "./own-state.ts";

/** From a version to its signature, so that it holds up nobody who waits for the version itself. */
const SIGN_AFTER_MS = 5;

export class OwnProofs {
  readonly #kernel: Kernel;
  readonly #own: OwnState;
  readonly #nodeId: string;
  readonly #onProved: () => void;
  #newest: Proof | undefined;
  #due = false;
  #signing = false;

  /** @param onProved A version was signed, and is still the newest. */
  constructor(kernel: Kernel, own: OwnState, nodeId: string, onProved: () => void) {
    this.#kernel = kernel;
    this.#own = own;
    this.#nodeId = nodeId;
    this.#onProved = onProved;
  }

  /** While a version is signed none may follow it: its proof must find it where it goes. */
  get isSigning(): boolean {
    return this.#signing;
  }

  /** Of the newest version that has one. */
  get newest(): Proof | undefined {
    return this.#newest;
  }

  /** Of the newest version; undefined while there is none. */
  get current(): Proof | undefined {
    return this.#newest?.version === this.#own.version ? this.#newest : undefined;
  }

  /** There may be a version without a signature. */
  signSoon(): void {
    if (this.#due || this.#signing || this.current !== undefined) return;
    this.#due = true;
    this.#kernel.after(SIGN_AFTER_MS, () => {
      this.#due = false;
      this.#kernel.spawn(this.#sign());
    });
  }

  *#sign(): Flow {
    this.#own.commit(this.#kernel.now.unixSeconds);
    const { version } = this.#own;
    const root = this.#own.root();
    this.#signing = true;
    const message = rootSignedPart(this.#nodeId, version, root);
    const signature = yield* this.#kernel.sign("native", message);
    this.#signing = false;
    this.#newest = { version, root, signature };
    this.#onProved();
  }
}
