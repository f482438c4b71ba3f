/**
 * Sessions that others begin: from the `upgrade` request to the proof of who they are.
 *
 * What strangers can hold is bounded in number and time. Where there is no room for another one,
 * the oldest that has proved nothing goes: so who holds connections open keeps nobody out.
 * @module
 */
import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Alarm, Waiting } from "./alarm.ts";
import { plainAddress } from "./connection-guard.ts";
import type { SessionLimits } from "./limits.ts";
import type { LiveConnection } from "./session.ts";
import { type HandshakeResult, SessionHandshake } from "./session-handshake.ts";
import type { SessionIdentity } from "./session-identity.ts";
import type { AcceptedTls, SessionTls } from "./session-tls.ts";
import { refuseUpgrade, switchToSession, upgradeRefusal } from "./session-upgrade.ts";

export interface AcceptorOptions {
  readonly tls: SessionTls;
  readonly alarm: Alarm;
  readonly limits: SessionLimits;
  readonly monotonicMs: () => number;
  /** Who we are; undefined as long as nobody is let in. */
  readonly identity: () => SessionIdentity | undefined;
  /** Whether there is room for another session. */
  readonly hasRoom: () => boolean;
  /** `raw` is the connection below TLS. */
  readonly onLive: (connection: LiveConnection, raw: Socket) => void;
  readonly onStranger: (from: string) => void;
  readonly onFault: (error: unknown) => void;
}

export class SessionAcceptor {
  readonly #options: AcceptorOptions;
  /** Oldest first. */
  readonly #handshakes = new Set<Accepting>();
  #closed = false;

  constructor(options: AcceptorOptions) {
    this.#options = options;
  }

  /** Connections on which nobody has proved himself yet. */
  get size(): number {
    return this.#handshakes.size;
  }

  /** Takes the `upgrade` requests of a server. */
  attach(server: Server): void {
    server.on("upgrade", (request, socket, head) => this.#onUpgrade(request, socket, head));
  }

  close(): void {
    this.#closed = true;
    for (const accepting of [...this.#handshakes]) accepting.end();
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { identity, hasRoom } = this.#options;
    const us = identity();
    const busy = this.#closed || us === undefined || !hasRoom();
    const status = upgradeRefusal(request) ?? (busy ? 503 : undefined);
    if (status !== undefined || us === undefined) {
      refuseUpgrade(socket, status ?? 503);
      return;
    }
    const raw = socket as Socket;
    const from = plainAddress(raw.remoteAddress ?? "");
    this.#makeRoom(from);
    switchToSession(raw, head);
    const accepting = new Accepting(this.#options, us, raw, from, () => {
      this.#handshakes.delete(accepting);
    });
    this.#handshakes.add(accepting);
  }

  #makeRoom(from: string): void {
    const { handshakesMax, handshakesPerSourceMax } = this.#options.limits;
    const ofSource = [...this.#handshakes].filter((accepting) => accepting.from === from);
    if (ofSource.length >= handshakesPerSourceMax) ofSource[0]?.end();
    else if (this.#handshakes.size >= handshakesMax) this.#handshakes.values().next().value?.end();
  }
}

/** One connection that somebody has begun. */
class Accepting implements Waiting {
  readonly from: string;
  readonly dueMs: number;
  readonly #options: AcceptorOptions;
  readonly #identity: SessionIdentity;
  readonly #raw: Socket;
  readonly #tls: AcceptedTls;
  readonly #onDone: () => void;
  #done = false;

  constructor(
    options: AcceptorOptions,
    identity: SessionIdentity,
    raw: Socket,
    from: string,
    onDone: () => void,
  ) {
    this.from = from;
    this.dueMs = options.monotonicMs() + options.limits.handshakeMsMax;
    this.#options = options;
    this.#identity = identity;
    this.#raw = raw;
    this.#onDone = onDone;
    this.#tls = options.tls.accept(raw);
    const { socket } = this.#tls;
    socket.on("error", (error) => this.#onError(error));
    socket.once("end", () => this.end());
    socket.once("close", () => this.end());
    socket.once("secure", () => this.#prove());
    options.alarm.add(this);
  }

  onDue(): void {
    this.end();
  }

  /** Nothing comes of it. */
  end(): void {
    if (this.#finish()) this.#tls.socket.destroy();
  }

  #onError(error: NodeJS.ErrnoException): void {
    if (this.#done) return;
    const { strange, named } = this.#tls;
    // Who names our key and does not have it has learnt the name on the wire.
    const stranger = strange() || (named() && error.code?.startsWith("ERR_SSL_") === true);
    this.end();
    if (stranger) this.#options.onStranger(this.from);
  }

  #prove(): void {
    const { onFault } = this.#options;
    // A session ticket, or whatever else went past the network key.
    if (!this.#tls.named()) {
      this.end();
      return;
    }
    try {
      new SessionHandshake(this.#tls.socket, {
        role: "acceptor",
        identity: this.#identity,
        expected: undefined,
        onFault,
        onResult: (result) => this.#onResult(result),
      }).start();
    } catch (error) {
      this.end();
      onFault(error);
    }
  }

  #onResult(result: HandshakeResult): void {
    if (!this.#finish()) return;
    const { socket } = this.#tls;
    if (result.kind !== "live") {
      // Its refusal is on its way.
      socket.destroySoon();
      return;
    }
    const { peer, reader } = result;
    this.#options.onLive({ socket, reader, peer, from: this.from, dialled: false }, this.#raw);
  }

  #finish(): boolean {
    if (this.#done) return false;
    this.#done = true;
    this.#options.alarm.delete(this);
    this.#onDone();
    return true;
  }
}
