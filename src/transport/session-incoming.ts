/**
 * Messages that come in slices, one after the other, within the credit that is granted for them.
 * @module
 */
import { Assembly } from "./session-assembly.ts";
import type { SessionContext } from "./session-context.ts";
import { CreditGranter } from "./session-credit.ts";
import { BEGIN_BYTES, byteAt, Purpose, uint32At } from "./session-frame.ts";
import { Pace } from "./session-pace.ts";

/** Who takes messages that have come in slices. */
export interface IncomingReceiver {
  /** It comes too slowly for the memory that it holds: it is not taken. */
  tooSlow(id: number, isRequest: boolean, type: number): void;
  /** @returns false for one that is not wanted: it has been refused, or nobody waits for it. */
  wants(id: number, isRequest: boolean, type: number, bytes: number): boolean;
  /** There is no memory for it. */
  spurned(id: number, isRequest: boolean, type: number): void;
  /** @param payload Its owner is the receiver. */
  take(id: number, isRequest: boolean, type: number, payload: Uint8Array): void;
}

export class SessionIncoming {
  readonly #context: SessionContext;
  readonly #receiver: IncomingReceiver;
  readonly #credit: CreditGranter;
  readonly #pace: Pace;
  #assembly: Assembly | undefined;

  constructor(context: SessionContext, receiver: IncomingReceiver) {
    this.#context = context;
    this.#receiver = receiver;
    this.#credit = new CreditGranter(context.limits);
    this.#pace = new Pace(context, () => this.#giveUp());
  }

  /** What the other side may have on the way, in bytes. */
  get window(): number {
    return this.#credit.window;
  }

  /** @returns false when it is malformed. */
  begin(id: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#assembly !== undefined || end - start !== BEGIN_BYTES) return false;
    const purpose = byteAt(bytes, start);
    const type = byteAt(bytes, start + 1);
    const size = uint32At(bytes, start + 2);
    const isRequest = purpose === Purpose.REQUEST;
    if (size === 0 || (!isRequest && purpose !== Purpose.ANSWER)) return false;
    const assembly = new Assembly(id, isRequest, type, size, this.#context.budget);
    this.#assembly = assembly;
    if (this.#receiver.wants(id, isRequest, type, size)) this.#pace.begin();
    else assembly.skip();
    return true;
  }

  /** @returns the credit to grant, mostly 0; -1 when the bytes were not announced or granted. */
  slice(bytes: Uint8Array, start: number, end: number): number {
    const assembly = this.#assembly;
    if (assembly === undefined) return -1;
    this.#pace.came(end - start);
    const grant = this.#credit.came(end - start, this.#context.monotonicMs());
    if (grant < 0) return grant;
    const refusal = assembly.add(bytes, start, end);
    if (refusal === "too-large") return -1;
    if (refusal === "no-memory") this.#spurn(assembly, bytes, start, end);
    if (assembly.complete) this.#complete(assembly);
    return grant;
  }

  /** @returns false when nothing had been begun. */
  cut(): boolean {
    if (this.#assembly === undefined) return false;
    this.release();
    return true;
  }

  /** Nobody waits for this answer any more. */
  skipAnswer(id: number): void {
    const assembly = this.#assembly;
    if (assembly?.id === id && !assembly.isRequest) this.#skip(assembly);
  }

  /** The asker does not wait any more, or the session has ended. */
  release(): void {
    this.#pace.end();
    this.#assembly?.release();
    this.#assembly = undefined;
    this.#credit.pause();
  }

  /** What holds no memory may come as slowly as it likes. */
  #skip(assembly: Assembly): void {
    this.#pace.end();
    assembly.skip();
  }

  #giveUp(): void {
    const assembly = this.#assembly;
    if (assembly === undefined) return;
    this.#skip(assembly);
    this.#receiver.tooSlow(assembly.id, assembly.isRequest, assembly.type);
  }

  #spurn(assembly: Assembly, bytes: Uint8Array, start: number, end: number): void {
    this.#skip(assembly);
    assembly.add(bytes, start, end);
    this.#receiver.spurned(assembly.id, assembly.isRequest, assembly.type);
  }

  #complete(assembly: Assembly): void {
    const { id, isRequest, type, skipping } = assembly;
    const payload = assembly.finish();
    this.#pace.end();
    this.#assembly = undefined;
    this.#credit.pause();
    if (!skipping) this.#receiver.take(id, isRequest, type, payload);
  }
}
