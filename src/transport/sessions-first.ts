/**
 * Sessions for native messages, another carrier for the Python wire, and one port for both.
 * @module
 */
import { type AnyType, isNativeType } from "../wire/native-type.ts";
import type {
  Address,
  Carrier,
  CarrierListener,
  Message,
  Reply,
  RequestOptions,
  Target,
} from "./carrier.ts";
import type { HttpCarrier } from "./http-carrier.ts";
import type { SessionCarrier, SessionIdentity } from "./session-carrier.ts";

/** What the signed HELLO of a node that takes sessions lists. */
const FEATURE = "session";

export interface SessionsFirstOptions {
  /** What carries the five messages of the Python wire. */
  readonly base: Carrier;
  /** The server whose port sessions share. */
  readonly http: Pick<HttpCarrier, "httpServer" | "proven">;
  readonly sessions: SessionCarrier;
}

export function createSessionsFirst(options: SessionsFirstOptions): Carrier<AnyType> {
  return new SessionsFirst(options);
}

class SessionsFirst implements Carrier<AnyType> {
  readonly name: string;
  readonly #options: SessionsFirstOptions;

  constructor(options: SessionsFirstOptions) {
    this.name = `session+${options.base.name}`;
    this.#options = options;
  }

  listen(at: Address, listener: CarrierListener<AnyType>): Promise<Address> {
    const { base, http, sessions } = this.#options;
    sessions.attach(http.httpServer, listener, (connection) => http.proven(connection));
    return base.listen(at, listener);
  }

  get features(): readonly string[] {
    return [...(this.#options.base.features ?? []), FEATURE];
  }

  identify(identity: SessionIdentity): void {
    this.#options.sessions.identify(identity);
  }

  endSession(nodeId: string): void {
    this.#options.sessions.end(nodeId);
  }

  speaksDatagrams(to: Address, speaks: boolean, sessions?: boolean): void {
    this.#options.base.speaksDatagrams?.(to, speaks, sessions);
  }

  request(to: Target, message: Message<AnyType>, options: RequestOptions): Promise<Reply> {
    return new Promise((resolve) => {
      this.broadcast([to], message, options, (_, reply) => resolve(reply));
    });
  }

  broadcast(
    to: readonly Target[],
    message: Message<AnyType>,
    options: RequestOptions,
    onReply: (index: number, reply: Reply) => void,
  ): void {
    const { base, sessions } = this.#options;
    const { type, payload } = message;
    if (isNativeType(type)) sessions.broadcast(to, message, options, onReply);
    else base.broadcast(to, { type, payload }, options, onReply);
  }

  async close(): Promise<void> {
    await this.#options.sessions.close();
    await this.#options.base.close();
  }
}
