/**
 * Signs and verifies for a core, in order, without holding up the event loop.
 *
 * A few are done in the turn that asks for them; a thousand at once are spread over turns.
 * @module
 */
import type { SignatureEngine } from "../crypto/signatures.ts";
import type { Effect, Input } from "../protocol/index.ts";

type Work = Extract<Effect, { kind: "sign" | "verify" }>;

/** Longest time in milliseconds that one turn of the event loop spends here. */
const TURN_MS = 5;

export class Crypto {
  readonly #engine: SignatureEngine;
  readonly #privateKey: Uint8Array;
  readonly #onDone: (inputs: readonly Input[]) => void;
  #waiting: Work[] = [];
  #scheduled = false;
  #stopped = false;
  #turnEndsMs = 0;

  constructor(
    engine: SignatureEngine,
    privateKey: Uint8Array,
    onDone: (inputs: readonly Input[]) => void,
  ) {
    this.#engine = engine;
    this.#privateKey = privateKey;
    this.#onDone = onDone;
  }

  add(work: Work): void {
    if (this.#waiting.length === 0 && this.#mayWorkNow()) {
      this.#onDone([this.#perform(work)]);
      return;
    }
    this.#waiting.push(work);
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    this.#waiting = [];
  }

  /** True while this turn of the event loop has time left. */
  #mayWorkNow(): boolean {
    const nowMs = performance.now();
    if (this.#turnEndsMs === 0) {
      this.#turnEndsMs = nowMs + TURN_MS;
      setImmediate(() => {
        this.#turnEndsMs = 0;
      });
    }
    return nowMs < this.#turnEndsMs;
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#turn();
    });
  }

  #turn(): void {
    const endMs = performance.now() + TURN_MS;
    const done: Input[] = [];
    while (performance.now() < endMs) {
      const work = this.#waiting.shift();
      if (work === undefined) break;
      done.push(this.#perform(work));
    }
    if (this.#stopped) return;
    if (this.#waiting.length > 0) this.#schedule();
    this.#onDone(done);
  }

  #perform(work: Work): Input {
    const { operation, scheme, message } = work;
    if (work.kind === "verify") {
      const valid = this.#engine.verify(work.publicKey, scheme, message, work.signature);
      return { kind: "verified", operation, valid };
    }
    const signature = this.#engine.sign(this.#privateKey, scheme, message, work.entropy);
    return { kind: "signed", operation, signature };
  }
}
