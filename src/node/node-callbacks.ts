/** The callbacks of the reference. */
import type { Emitter, Listener } from "./emitter.ts";
import type { DSNodeEvents, StateChange } from "./events.ts";
import type { PeerInfo } from "./peer-info.ts";

/**
 * Called when a peer is gone. The reference passes nothing; here it is given the peer.
 * What it throws, or its promise is rejected with, becomes a warning `DSN_CALLBACK_FAILED`.
 */
export type DisconnectCallback = (peer: PeerInfo) => unknown;
/**
 * Called after another node's state changed here. The reference passes nothing; here it is given
 * the change. What it throws becomes a warning `DSN_CALLBACK_FAILED`.
 */
export type UpdateCallback = (change: StateChange) => unknown;
/**
 * Called with the bytes that another node sent, and its id. The bytes are the callback's own, and
 * what is in them is as trustworthy as that node. What it throws becomes a warning
 * `DSN_CALLBACK_FAILED`; the sender does not hear of it.
 */
export type ReceiveCallback = (data: Uint8Array, from: string) => unknown;

/** The callbacks of the reference; `NodeFace.on()` does all that they do, and more. */
export interface NodeCallbacks {
  /** Called when a peer is gone. */
  readonly disconnect?: DisconnectCallback | undefined;
  /** Called after another node's state changed. */
  readonly update?: UpdateCallback | undefined;
  /** Called with what other nodes send. */
  readonly receive?: ReceiveCallback | undefined;
}

/** A callback that can be replaced: a listener while there is one, and nothing while there is none. */
export class CallbackSlot<Name extends keyof DSNodeEvents> {
  readonly #event: Name;
  #undo: () => void = () => undefined;

  constructor(event: Name) {
    this.#event = event;
  }

  set(events: Emitter<DSNodeEvents>, listener: Listener<DSNodeEvents[Name]> | undefined): void {
    this.#undo();
    this.#undo = listener === undefined ? () => undefined : events.on(this.#event, listener);
  }
}
