/**
 * One live session: requests and replies of both sides over one connection.
 *
 * It ends by draining, when another session with the same node has taken its place; by us; or by
 * the other side, or what lies between.
 * @module
 */
import type { TLSSocket } from "node:tls";
import { isAnyType } from "../wire/native-type.ts";
import type { ProvenPeer } from "./carrier.ts";
import { describe } from "./http-reading.ts";
import { SessionAnswering } from "./session-answering.ts";
import type { SessionAsk } from "./session-ask.ts";
import { SessionAsks } from "./session-asks.ts";
import type { SessionContext } from "./session-context.ts";
import { Deadline } from "./session-deadlines.ts";
import { type Drained, SessionDrain } from "./session-drain.ts";
import { CREDIT_BYTES, decodeRefusal, FrameKind, uint32At } from "./session-frame.ts";
import type { FrameReader, FrameSink } from "./session-frame-reader.ts";
import { type IncomingReceiver, SessionIncoming } from "./session-incoming.ts";
import { Lanes } from "./session-lanes.ts";
import { SessionLink } from "./session-link.ts";
import { Lane, Outgoing } from "./session-outgoing.ts";

/** A connection on which both sides have proved themselves. */
export interface LiveConnection {
  readonly socket: TLSSocket;
  readonly reader: FrameReader;
  readonly peer: ProvenPeer;
  /** IP address of the other side. */
  readonly from: string;
  /** It was us who dialled. */
  readonly dialled: boolean;
}

/** How a session ended. */
export interface SessionEnd {
  /** By us, or drained: no evidence that the other side died. */
  readonly ours: boolean;
  readonly why: string;
  /** Requests without a reply. */
  readonly asks: readonly SessionAsk[];
}

const NOTHING = new Uint8Array(0);

export class Session extends Deadline implements FrameSink, IncomingReceiver, Drained {
  readonly peer: ProvenPeer;
  readonly dialled: boolean;
  readonly sinceMs: number;
  readonly #context: SessionContext;
  readonly #link: SessionLink;
  readonly #asks: SessionAsks;
  readonly #answering: SessionAnswering;
  readonly #incoming: SessionIncoming;
  readonly #drain: SessionDrain;
  readonly #onEnd: (session: Session, end: SessionEnd) => void;
  #ended = false;
  /** Something has come since {@link rests} was asked. */
  #heard = true;
  #why = "the peer closed the session";

  constructor(
    context: SessionContext,
    connection: LiveConnection,
    onEnd: (session: Session, end: SessionEnd) => void,
  ) {
    super();
    const { socket, reader, peer, from, dialled } = connection;
    const lanes = new Lanes(context.limits, context.limits.creditBytesMin);
    this.peer = peer;
    this.dialled = dialled;
    this.sinceMs = context.monotonicMs();
    this.#context = context;
    this.#onEnd = onEnd;
    this.#link = new SessionLink(socket, lanes, context.turn);
    this.#asks = new SessionAsks(context, this.#link, (id) => this.#onForgotten(id));
    this.#answering = new SessionAnswering(context, this.#link, peer, from, () => this.#stuck());
    this.#incoming = new SessionIncoming(context, this);
    this.#drain = new SessionDrain(context, this);
    reader.sink = this;
    socket.on("data", (chunk: Uint8Array) => {
      this.#heard = true;
      this.#asks.heard();
      reader.read(chunk);
    });
    socket.on("error", (error) => {
      if (!this.#ended) this.#why = describe(error);
      // TLS that has failed leaves the connection open.
      this.#end(false);
    });
    socket.once("end", () => this.#end(false));
    socket.once("close", () => this.#closed());
  }

  /** New requests may be asked on it. */
  get usable(): boolean {
    return !this.#ended && !this.#drain.draining && !this.#asks.doubted;
  }

  get draining(): boolean {
    return this.#drain.draining;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Nothing is being asked, answered or sent. */
  get idle(): boolean {
    return this.#answering.size === 0 && this.#link.idle;
  }

  /** Whether nothing has come, and nothing is to be done, since this was asked last. */
  rests(): boolean {
    const heard = this.#heard;
    this.#heard = false;
    return !heard && this.idle && this.asking === 0;
  }

  /** Bytes that the peer may have on the way in slices. */
  get window(): number {
    return this.#incoming.window;
  }

  /** Bytes that wait to be sent. */
  get waitingBytes(): number {
    return this.#link.lanes.bytes;
  }

  /** @returns false, and takes nothing, when too much waits already. */
  ask(ask: SessionAsk): boolean {
    return this.#asks.send(ask);
  }

  /** Another session has taken its place. What is in flight here ends here. */
  drain(): void {
    if (!this.#ended) this.#drain.start();
  }

  /** The same, unless the other side has had it drained before that time. */
  drainLater(ms: number): void {
    if (!this.#ended) this.#drain.startLater(ms);
  }

  /** Requests that wait for a reply. */
  get asking(): number {
    return this.#asks.size;
  }

  /** For the drain alone. */
  sayDrained(): void {
    this.#link.send(new Outgoing(Lane.LIVENESS, FrameKind.DRAIN, 0, 0, NOTHING));
  }

  /** It has ended, and its connection has not. */
  onDue(): void {
    this.#link.destroy();
  }

  /** Requests in flight fail as closed. */
  stopAsking(detail: string): void {
    for (const ask of this.#asks.takeAll()) ask.fail("closed", detail);
  }

  /** Ends it. What is being sent still goes out, if the other side takes it soon. */
  end(why: string): void {
    this.#why = why;
    this.#end(true);
  }

  /** Closes the connection of a session that has ended, whatever is on its way. */
  destroy(): void {
    this.#link.destroy();
  }

  onFrame(kind: number, id: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#ended) return false;
    switch (kind) {
      case FrameKind.ANSWER:
        this.#asks.answered(id, viewOf(bytes, start, end));
        this.#drain.check();
        break;
      case FrameKind.REQUEST:
        if (start === end) return this.#malformed("a request without a type");
        this.#onRequest(id, bytes[start] ?? 0, viewOf(bytes, start + 1, end));
        break;
      case FrameKind.REFUSAL:
        return this.#onRefusal(id, viewOf(bytes, start, end));
      case FrameKind.BEGIN:
        if (!this.#incoming.begin(id, bytes, start, end)) return this.#malformed("a false begin");
        break;
      case FrameKind.CUT:
        if (!this.#incoming.cut()) return this.#malformed("a cut of nothing");
        break;
      case FrameKind.CREDIT:
        return this.#onCredit(bytes, start, end);
      case FrameKind.CANCEL:
        this.#answering.cancel(id);
        break;
      case FrameKind.DRAIN:
        this.#drain.heard();
        break;
      default:
        return this.#malformed(`a frame of kind ${kind}`);
    }
    return !this.#ended;
  }

  onSlice(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#ended) return false;
    const grant = this.#incoming.slice(bytes, start, end);
    if (grant < 0) return this.#malformed("a slice that was not announced, or not granted");
    if (grant > 0) {
      this.#link.lanes.grant(grant);
      this.#link.wake();
    }
    return !this.#ended;
  }

  onMalformed(why: string): void {
    this.#malformed(why);
  }

  wants(id: number, isRequest: boolean, type: number, bytes: number): boolean {
    if (!isRequest) {
      const bytesMax = this.#asks.answerBytesMax(id);
      if (bytesMax !== undefined && bytes > bytesMax) this.#asks.tooLarge(id);
      return bytesMax !== undefined && bytes <= bytesMax;
    }
    const status = isAnyType(type) ? this.#answering.refusalOf(type, bytes) : 501;
    if (status !== undefined) this.#answering.refuse(id, type, status, "");
    return status === undefined;
  }

  tooSlow(id: number, isRequest: boolean, type: number): void {
    // An answer is waited for as long as its asker likes, and then in vain.
    if (isRequest) this.#answering.refuse(id, type, 503, "");
  }

  spurned(id: number, isRequest: boolean, type: number): void {
    if (isRequest) this.#answering.refuse(id, type, 503, "");
    else this.#asks.tooLarge(id);
  }

  take(id: number, isRequest: boolean, type: number, payload: Uint8Array): void {
    if (isRequest) {
      this.#onRequest(id, type, payload);
      return;
    }
    this.#asks.answered(id, payload);
    this.#drain.check();
  }

  #onRequest(id: number, type: number, payload: Uint8Array): void {
    if (isAnyType(type)) this.#answering.handle(id, type, payload);
    else this.#answering.refuse(id, type, 501, "");
  }

  #onRefusal(id: number, content: Uint8Array): boolean {
    const refusal = decodeRefusal(content);
    if (refusal === undefined) return this.#malformed("a refusal without a status");
    this.#asks.refused(id, refusal.status, refusal.text);
    this.#link.wake();
    this.#drain.check();
    return !this.#ended;
  }

  #onCredit(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start !== CREDIT_BYTES) return this.#malformed("a false credit");
    const { creditBytesMax } = CREDIT_LIMITS;
    const sound = this.#link.lanes.credited(uint32At(bytes, start), creditBytesMax);
    if (!sound) return this.#malformed("too much credit");
    this.#link.wake();
    return true;
  }

  #onForgotten(id: number): void {
    this.#incoming.skipAnswer(id);
    this.#drain.check();
  }

  #malformed(why: string): false {
    if (!this.#ended) this.#why = `the peer sent ${why}`;
    this.#end(false);
    return false;
  }

  #stuck(): void {
    this.#why = "the peer asks more and more, and takes no answers";
    this.#end(false);
  }

  #closed(): void {
    this.#end(false);
    this.#context.lingering.delete(this);
    this.#context.deadlines.delete(this);
  }

  #end(ours: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    const { deadlines, monotonicMs, limits, lingering } = this.#context;
    this.#drain.stop();
    // Last words may be on their way, but not for ever.
    lingering.add(this);
    deadlines.add(this, monotonicMs() + limits.closeGraceMs);
    if (ours) this.#link.end();
    else this.#link.destroy();
    this.#incoming.release();
    this.#answering.end();
    this.#onEnd(this, { ours, why: this.#why, asks: this.#asks.takeAll() });
  }
}

/** What a receiver may grant at most: more is an attack, or a bug. */
const CREDIT_LIMITS = { creditBytesMax: 64 * 1024 * 1024 };

/** A plain view: its slice() copies, which a Buffer's does not. */
function viewOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
}
