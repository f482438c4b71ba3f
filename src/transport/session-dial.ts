/**
 * One attempt to open a session at an address, and the requests that wait for it.
 * @module
 */
import type { ClientRequest } from "node:http";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { ProvenPeer, Target } from "../wire/exchange.ts";
import type { Alarm, Waiting } from "./alarm.ts";
import type { FailureReason } from "./carrier.ts";
import { plainAddress } from "./connection-guard.ts";
import { describe } from "./http-reading.ts";
import type { LiveConnection } from "./session.ts";
import type { AskHolder, SessionAsk } from "./session-ask.ts";
import { type HandshakeResult, SessionHandshake } from "./session-handshake.ts";
import type { SessionIdentity } from "./session-identity.ts";
import type { SessionTls } from "./session-tls.ts";
import { askForSession } from "./session-upgrade.ts";

export type DialResult =
  | { readonly kind: "live"; readonly connection: LiveConnection }
  | Exclude<HandshakeResult, { kind: "live" }>;

export interface DialOptions {
  readonly tls: SessionTls;
  readonly identity: SessionIdentity;
  readonly alarm: Alarm;
  readonly monotonicMs: () => number;
  /** For the connection and both proofs together. */
  readonly msMax: number;
  readonly onFault: (error: unknown) => void;
  /** Called exactly once, never from within {@link SessionDial.start}. */
  readonly onResult: (dial: SessionDial, result: DialResult) => void;
}

const KEY_REFUSED: DialResult = {
  kind: "refused",
  status: 401,
  text: "Missing or incorrect encryption key",
};

export class SessionDial implements AskHolder, Waiting {
  readonly to: Target;
  readonly asks = new Set<SessionAsk>();
  readonly dueMs: number;
  readonly #options: DialOptions;
  #request: ClientRequest | undefined;
  #socket: Socket | undefined;
  #done = false;

  constructor(to: Target, options: DialOptions) {
    this.to = to;
    this.#options = options;
    this.dueMs = options.monotonicMs() + options.msMax;
  }

  start(): void {
    this.#options.alarm.add(this);
    try {
      // Node takes an empty host for this machine.
      if (this.to.address === "") throw new Error("the address is empty");
      this.#request = askForSession(
        this.to,
        (socket) => this.#secure(socket),
        ({ reason, detail }) => this.#fail(reason, detail),
      );
    } catch (error) {
      // A host name or port that cannot be one.
      queueMicrotask(() => this.#fail("unreachable", describe(error)));
    }
  }

  add(ask: SessionAsk): void {
    ask.holder = this;
    this.asks.add(ask);
  }

  forget(ask: SessionAsk): void {
    this.asks.delete(ask);
  }

  expired(ask: SessionAsk): { reason: FailureReason; detail: string } {
    return { reason: "unreachable", detail: `no session within ${ask.options.timeoutMs} ms` };
  }

  onDue(): void {
    this.#fail("unreachable", `no session within ${this.#options.msMax} ms`);
  }

  /** Gives up. */
  abort(detail: string): void {
    this.#fail("closed", detail);
  }

  #secure(raw: Socket): void {
    if (this.#done) {
      raw.destroy();
      return;
    }
    // It would take the connection with it.
    this.#request = undefined;
    const socket = this.#options.tls.dial(raw);
    this.#socket = socket;
    const onError = (error: Error) => this.#settle(resultOfTls(error));
    socket.on("error", onError);
    socket.once("close", () => this.#fail("unreachable", "it closed the connection"));
    socket.once("secureConnect", () => this.#prove(socket));
  }

  #prove(socket: TLSSocket): void {
    const { identity, onFault } = this.#options;
    try {
      new SessionHandshake(socket, {
        role: "dialler",
        identity,
        expected: this.to.peer,
        onFault,
        onResult: (result) => this.#onHandshake(socket, result),
      }).start();
    } catch (error) {
      this.#fail("unreachable", "this node could not prove itself");
      onFault(error);
    }
  }

  #onHandshake(socket: TLSSocket, result: HandshakeResult): void {
    const isLive = result.kind === "live";
    this.#settle(isLive ? { kind: "live", connection: connectionOf(socket, result) } : result);
  }

  #fail(reason: FailureReason, detail: string): void {
    this.#settle({ kind: "failed", reason, detail });
  }

  #settle(result: DialResult): void {
    if (this.#done) return;
    this.#done = true;
    this.#options.alarm.delete(this);
    if (result.kind !== "live") {
      // Last words may be on their way.
      this.#socket?.destroySoon();
      this.#request?.destroy();
    }
    this.#request = undefined;
    this.#socket = undefined;
    this.#options.onResult(this, result);
  }
}

function connectionOf(
  socket: TLSSocket,
  { peer, reader }: { peer: ProvenPeer; reader: LiveConnection["reader"] },
): LiveConnection {
  return { socket, peer, reader, from: plainAddress(socket.remoteAddress ?? ""), dialled: true };
}

/** An alert is the word of the other side: it does not know our network key. */
function resultOfTls(error: NodeJS.ErrnoException): DialResult {
  if (error.code?.includes("_ALERT_") === true) return KEY_REFUSED;
  const isTls = error.code?.startsWith("ERR_SSL_") === true;
  return { kind: "failed", reason: isTls ? "not-dsn" : "unreachable", detail: describe(error) };
}
