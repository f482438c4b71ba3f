/**
 * The session carrier: native nodes talk on connections that both have proved themselves on.
 *
 * A session is reached on the port of HTTP, and serves both sides: whoever dialled, each asks the
 * other on it. There is one for each pair of nodes.
 * @module
 */
import type { Server } from "node:http";
import type { Socket } from "node:net";
import { deriveSessionKey } from "../crypto/session-key.ts";
import type { AnyType } from "../wire/native-type.ts";
import { Alarm } from "./alarm.ts";
import { ByteBudget } from "./body.ts";
import type {
  Address,
  CarrierListener,
  Message,
  Reply,
  RequestOptions,
  Target,
} from "./carrier.ts";
import { DEFAULT_SESSION_LIMITS, type SessionLimits } from "./limits.ts";
import { type LiveConnection, Session, type SessionEnd } from "./session.ts";
import { SessionAcceptor } from "./session-acceptor.ts";
import { SessionAsk } from "./session-ask.ts";
import { guarded, type SessionContext } from "./session-context.ts";
import { Deadlines } from "./session-deadlines.ts";
import { SessionDials } from "./session-dials.ts";
import type { SessionIdentity } from "./session-identity.ts";
import { SendingTurn } from "./session-link.ts";
import { SessionTable, type TableIdentity } from "./session-table.ts";
import { SessionTls } from "./session-tls.ts";
import { unheldAfter } from "./timers.ts";

export type { SessionIdentity } from "./session-identity.ts";

export interface SessionCarrierOptions {
  /** 16 bytes; undefined for a network without a key. */
  readonly networkKey: Uint8Array | undefined;
  /** Milliseconds on a clock that never steps back. @default performance.now */
  readonly monotonicMs?: (() => number) | undefined;
  /** Replaces single limits. */
  readonly limits?: Partial<SessionLimits> | undefined;
}

/** What is there now. */
export interface SessionLoad {
  /** Sessions, those being drained among them. */
  readonly sessions: number;
  /** Connections on which somebody who dialled us has not proved himself yet. */
  readonly handshakes: number;
  readonly dials: number;
  /** Connections of sessions that have ended. */
  readonly lingering: number;
  /** Requests that wait for a reply, and those that wait for our answer; sessions that end. */
  readonly deadlines: number;
  /** Bytes of messages that are coming in, in slices. */
  readonly incomingBytes: number;
  /** Bytes that wait to be sent. */
  readonly waitingBytes: number;
}

const CLOSED = "the carrier is closed";
const GIVEN_UP: Reply = { kind: "failed", reason: "closed", detail: "given up by the caller" };
const TOO_LARGE: Reply = { kind: "refused", status: 413, text: "" };

export class SessionCarrier {
  readonly name = "session";
  readonly #context: SessionContext;
  readonly #alarm: Alarm;
  readonly #tls: SessionTls;
  readonly #table: SessionTable;
  readonly #dials: SessionDials;
  readonly #acceptor: SessionAcceptor;
  readonly #servers = new WeakSet<Server>();
  readonly #secret: boolean;
  #identity: SessionIdentity | undefined;
  #us: TableIdentity = { nodeId: "", incarnation: "" };
  #listener: CarrierListener<AnyType> | undefined;
  #onProven: ((connection: Socket) => void) | undefined;
  #closing: Promise<void> | undefined;
  #cancelRest: (() => void) | undefined;

  constructor(options: SessionCarrierOptions) {
    const { networkKey, monotonicMs = () => performance.now() } = options;
    const limits = { ...DEFAULT_SESSION_LIMITS, ...options.limits };
    this.#secret = networkKey !== undefined;
    this.#context = {
      limits,
      monotonicMs,
      deadlines: new Deadlines(monotonicMs),
      budget: new ByteBudget(limits.incomingBytesMax),
      turn: new SendingTurn(),
      lingering: new Set(),
      listener: () => this.#listener,
    };
    this.#alarm = new Alarm(monotonicMs);
    this.#tls = new SessionTls(deriveSessionKey(networkKey));
    this.#table = new SessionTable(limits.tieMsMax, (peer) => {
      if (this.#closing !== undefined) return;
      guarded(this.#context, () => this.#listener?.onSessionLost?.(peer));
    });
    this.#dials = this.#createDials();
    this.#acceptor = this.#createAcceptor();
  }

  /** What is held now. */
  get load(): SessionLoad {
    let waitingBytes = 0;
    for (const session of this.#table.sessions()) waitingBytes += session.waitingBytes;
    return {
      sessions: this.#table.size,
      handshakes: this.#acceptor.size,
      dials: this.#dials.size,
      lingering: this.#context.lingering.size,
      deadlines: this.#context.deadlines.size,
      incomingBytes: this.#context.budget.taken,
      waitingBytes,
    };
  }

  /**
   * Takes the `upgrade` requests of this server. Call before it listens.
   *
   * @param onProven Called with a connection of the server once the node at its other end has
   *   proved itself: `HttpCarrier.proven`, so that it is not closed in favour of strangers.
   */
  attach(
    server: Server,
    listener: CarrierListener<AnyType>,
    onProven?: (connection: Socket) => void,
  ): void {
    this.#listener = listener;
    this.#onProven = onProven;
    if (this.#servers.has(server)) return;
    this.#servers.add(server);
    this.#acceptor.attach(server);
  }

  /** Who we are; before this, nobody is let in and nobody can be asked. */
  identify(identity: SessionIdentity): void {
    const incarnation = Buffer.from(identity.incarnation).toString("hex");
    this.#identity = identity;
    this.#us = { nodeId: identity.nodeId, incarnation };
  }

  /** Sends one request and waits for its reply. Resolves exactly once, within `timeoutMs`. */
  request(to: Target, message: Message<AnyType>, options: RequestOptions): Promise<Reply> {
    return new Promise((resolve) => {
      this.#ask(to, message, options, 0, (_, reply) => resolve(reply));
    });
  }

  /** Sends one message to many. Each reply is told on its own; never from within the call. */
  broadcast(
    to: readonly Target[],
    message: Message<AnyType>,
    options: RequestOptions,
    onReply: (index: number, reply: Reply) => void,
  ): void {
    const guardedReply = (index: number, reply: Reply) => {
      guarded(this.#context, () => onReply(index, reply));
    };
    for (const [index, target] of to.entries()) {
      this.#ask(target, message, options, index, guardedReply);
    }
  }

  /** Whether a request to this node would find a session open. */
  hasSession(nodeId: string): boolean {
    return this.#table.has(nodeId);
  }

  /** Ends all sessions with this node: its key was forgotten, or it lied. */
  end(nodeId: string): void {
    for (const session of this.#table.of(nodeId)) session.end("this node ended the session");
  }

  /** Ends what is asked as closed, lets running answers finish for a moment, then closes. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    // First of all `#closing` is set: what ends below must know.
    await Promise.resolve();
    this.#acceptor.close();
    this.#cancelRest?.();
    this.#dials.close(CLOSED);
    for (const session of this.#table.sessions()) session.stopAsking(CLOSED);
    await this.#graceful(() => this.#isBusy());
    for (const session of this.#table.sessions()) session.end(CLOSED);
    const { lingering, deadlines } = this.#context;
    await this.#graceful(() => lingering.size > 0);
    for (const session of lingering) session.destroy();
    deadlines.close();
    this.#alarm.close();
  }

  /** Waits while something is still to be done, but not for long. */
  async #graceful(isBusy: () => boolean): Promise<void> {
    const { monotonicMs, limits } = this.#context;
    const untilMs = monotonicMs() + limits.closeGraceMs;
    while (isBusy() && monotonicMs() < untilMs) {
      await new Promise((resolve) => setTimeout(resolve, CLOSE_STEP_MS));
    }
  }

  #isBusy(): boolean {
    for (const session of this.#table.sessions()) if (!session.idle) return true;
    return false;
  }

  #ask(
    to: Target,
    message: Message<AnyType>,
    options: RequestOptions,
    index: number,
    onReply: (index: number, reply: Reply) => void,
  ): void {
    const reply = this.#replyAtOnce(message, options);
    if (reply !== undefined) {
      queueMicrotask(() => onReply(index, reply));
      return;
    }
    const { deadlines, monotonicMs } = this.#context;
    const dueMs = monotonicMs() + options.timeoutMs;
    this.#send(new SessionAsk(to, message, options, deadlines, dueMs, index, onReply));
  }

  /** To what need not be sent. */
  #replyAtOnce(message: Message<AnyType>, { signal }: RequestOptions): Reply | undefined {
    if (this.#closing !== undefined) return { kind: "failed", reason: "closed", detail: CLOSED };
    if (signal?.aborted === true) return GIVEN_UP;
    // As its receiver would: the limits are the protocol's.
    const bytesMax = this.#context.limits.requestBytesMax[message.type];
    const { head, payload } = message;
    return payload.length + (head?.length ?? 0) > bytesMax ? TOO_LARGE : undefined;
  }

  #send(ask: SessionAsk): void {
    const session = this.#table.find(ask.to);
    if (session === undefined) this.#dials.add(ask);
    else if (!session.ask(ask)) {
      const detail = `${session.waitingBytes} bytes wait for this peer already`;
      queueMicrotask(() => ask.fail("full", detail));
    }
  }

  #createDials(): SessionDials {
    const { limits, monotonicMs } = this.#context;
    return new SessionDials({
      options: () => {
        const identity = this.#identity;
        if (identity === undefined) return undefined;
        const onFault = (error: unknown) => this.#listener?.onFault?.(error);
        const msMax = limits.handshakeMsMax;
        return { tls: this.#tls, identity, alarm: this.#alarm, monotonicMs, msMax, onFault };
      },
      onLive: (to, { connection }, asks) => {
        this.#open(connection, to);
        for (const ask of asks) this.#send(ask);
      },
      onOther: (ask) => this.#send(ask),
    });
  }

  #createAcceptor(): SessionAcceptor {
    const { limits, monotonicMs } = this.#context;
    return new SessionAcceptor({
      tls: this.#tls,
      alarm: this.#alarm,
      limits,
      monotonicMs,
      identity: () => this.#identity,
      hasRoom: () => this.#table.size < limits.sessionsMax,
      onLive: (connection, raw) => {
        this.#onProven?.(raw);
        this.#open(connection, undefined);
      },
      onStranger: (from) => {
        if (this.#secret) guarded(this.#context, () => this.#listener?.onStranger?.(from));
      },
      onFault: (error) => this.#listener?.onFault?.(error),
    });
  }

  #open(connection: LiveConnection, dialledAt: Address | undefined): void {
    const session = new Session(this.#context, connection, (one, end) => this.#onEnd(one, end));
    this.#table.add(session, this.#us, dialledAt);
    for (const ask of this.#dials.take(session.peer.nodeId)) this.#send(ask);
    this.#restLater();
  }

  /** In a large network sessions with any but a few are for one message. */
  #restLater(): void {
    if (this.#cancelRest !== undefined || this.#closing !== undefined) return;
    this.#cancelRest = unheldAfter(this.#context.limits.restMsMax, () => {
      this.#cancelRest = undefined;
      for (const session of this.#table.sessions()) {
        if (session.rests() && this.#identity?.keeps(session.peer.nodeId) !== true) session.drain();
      }
      if (this.#table.size > 0) this.#restLater();
    });
  }

  #onEnd(session: Session, { ours, why, asks }: SessionEnd): void {
    this.#table.delete(session, ours);
    for (const ask of asks) {
      if (ask.outgoing?.written === true) ask.fail("no-answer", why);
      else if (ask.retried || ours || this.#closing !== undefined) ask.fail("unreachable", why);
      else {
        ask.retried = true;
        this.#send(ask);
      }
    }
  }
}

/** How often a carrier that closes looks whether its answers are out. */
const CLOSE_STEP_MS = 5;
