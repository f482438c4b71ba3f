/** What turns a framed message into the bytes of a carrier, and back. */
export interface Seal {
  /** False for the seal of a network without a key, which changes nothing. */
  readonly secret: boolean;
  /** Small messages are sealed at once; large ones on the thread pool, hence the promise. */
  seal(plaintext: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** The plaintext, or `undefined` when the bytes do not open. Never throws, never rejects. */
  open(sealed: Uint8Array): Uint8Array | undefined | Promise<Uint8Array | undefined>;
}
