/**
 * Our state as one packet with our signature, as Python peers take it.
 *
 * It is signed once somebody can take it: of the versions that come while all are busy, only the
 * last needs a signature.
 * @module
 */
import { encodeStatePacket, stateSignedPart } from "../wire/state-packet.ts";
import { type Flow, wait } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import type { OwnState } from "./own-state.ts";

export interface SignedState {
  readonly version: number;
  readonly text: string;
  readonly packet: Uint8Array;
}

export interface OwnPacketHooks {
  /** Whether a peer can take a packet now. */
  readonly isWanted: () => boolean;
  /** A version has been signed; newer ones may have been written meanwhile. */
  readonly onSigned: (signed: SignedState) => void;
}

export class OwnPacket {
  readonly #kernel: Kernel;
  readonly #own: OwnState;
  readonly #nodeId: string;
  readonly #hooks: OwnPacketHooks;
  #signed: SignedState | undefined;
  #signing = false;
  #waiting: ((signed: SignedState) => void)[] = [];

  constructor(kernel: Kernel, own: OwnState, nodeId: string, hooks: OwnPacketHooks) {
    this.#kernel = kernel;
    this.#own = own;
    this.#nodeId = nodeId;
    this.#hooks = hooks;
  }

  /** Of the newest version; undefined until it is signed. */
  get current(): SignedState | undefined {
    return this.#signed?.version === this.#own.version ? this.#signed : undefined;
  }

  /** Signs the newest version, once somebody can take it. */
  publish(): void {
    if (this.#signing || this.current !== undefined) return;
    if (this.#waiting.length === 0 && !this.#hooks.isWanted()) return;
    this.#signing = true;
    this.#kernel.spawn(this.#sign());
  }

  /** Waits for the signature of the newest version. */
  *newest(): Flow<SignedState> {
    const { current } = this;
    if (current !== undefined) return current;
    return yield* wait<SignedState>((resume) => {
      this.#waiting.push(resume);
      this.publish();
    });
  }

  *#sign(): Flow {
    // What is written in this turn is in the text already, so it is a version of its own.
    this.#own.commit(this.#kernel.now.unixSeconds);
    const { version, text } = this.#own;
    const unsigned = { nodeId: this.#nodeId, version, text };
    const signature = yield* this.#kernel.sign("python", stateSignedPart(unsigned));
    const signed = { version, text, packet: encodeStatePacket({ ...unsigned, signature }) };
    this.#signed = signed;
    this.#signing = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume(signed);
    // Even if writes came meanwhile: who sent only the newest might never send anything.
    this.#hooks.onSigned(signed);
    this.publish();
  }
}
