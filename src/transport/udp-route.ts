/**
 * A peer that takes datagrams: which way a message to it goes, and what its replies say of both.
 * @module
 */
import { MessageType } from "../wire/message-type.ts";
import { PING_REQUEST } from "../wire/ping.ts";
import type { Address, Carrier, Message, Reply, RequestOptions } from "./carrier.ts";
import type { UdpPath } from "./udp-path.ts";

/** After an answer that did not fit, messages of that type go over HTTP for this long. */
const ELSEWHERE_MS = 60_000;
/** HTTP is used at least this often, in milliseconds: less than idle connections live. */
const KEEP_HTTP_MS = 45_000;
/** A peer without time answers no datagram for seconds, and yet HTTP: that is no firewall. */
const DOUBTED_MS = 15_000;
const PING = { type: MessageType.PING, payload: PING_REQUEST };
const PING_OPTIONS: RequestOptions = { timeoutMs: 5_000, answerBytesMax: 4_096 };

export interface UdpRouteContext {
  readonly to: Address;
  readonly path: UdpPath;
  readonly http: Pick<Carrier, "broadcast">;
  readonly monotonicMs: () => number;
  /** Datagrams do not pass although HTTP does (`false`); they do again (`true`). */
  readonly onDatagrams: (pass: boolean) => void;
}

export class UdpRoute {
  readonly path: UdpPath;
  /** Whether an idle HTTP connection is to show the end of the process. */
  keepsHttp = true;
  readonly #context: UdpRouteContext;
  /** Until when a type goes over HTTP, because answers to it do not fit; milliseconds. */
  readonly #elsewhereUntilMs = new Map<MessageType, number>();
  /** Since when datagrams do not pass although HTTP works; they have been tried again since. */
  #doubtedMs: number | undefined;
  /** It was told that datagrams do not pass. */
  #told = false;
  #httpMs: number;

  constructor(context: UdpRouteContext) {
    this.#context = context;
    this.path = context.path;
    this.#httpMs = context.monotonicMs();
  }

  /** Whether this message can go by datagram now. */
  takes({ type, payload }: Message): boolean {
    if (!this.path.takes(payload.length)) return false;
    const untilMs = this.#elsewhereUntilMs.get(type) ?? -Infinity;
    return untilMs <= this.#context.monotonicMs();
  }

  /** Asks by datagram, and over HTTP in the time that is left. Call only what it {@link takes}. */
  ask(message: Message, options: RequestOptions, onReply: (reply: Reply) => void): void {
    const { monotonicMs, onDatagrams } = this.#context;
    const startMs = monotonicMs();
    if (this.keepsHttp && startMs - this.#httpMs > KEEP_HTTP_MS) this.#keepHttp();
    this.path.ask(message, options, (reply) => {
      if (reply.kind === "silent" || reply.kind === "elsewhere") {
        const nowMs = monotonicMs();
        const timeoutMs = Math.max(1, options.timeoutMs - (nowMs - startMs));
        if (reply.kind === "elsewhere") {
          this.#elsewhereUntilMs.set(message.type, nowMs + ELSEWHERE_MS);
        }
        this.#askOverHttp(message, { ...options, timeoutMs }, onReply);
        return;
      }
      if (reply.kind !== "failed") this.#doubtedMs = undefined;
      if (this.#told && reply.kind !== "failed") {
        this.#told = false;
        onDatagrams(true);
      }
      onReply(reply);
    });
  }

  /** A peer is invited when HTTP works: if datagrams do not pass then, it is their way. */
  noteHttp(reply: Reply): void {
    if (reply.kind === "failed") {
      this.#doubtedMs = undefined;
      if (reply.reason === "unreachable") this.path.reset();
      if (reply.reason === "no-answer") this.path.excuse();
      return;
    }
    this.#httpMs = this.#context.monotonicMs();
    if (this.path.isOpen) this.#doubtedMs = undefined;
    const { blockedMs } = this.path;
    if (blockedMs !== undefined && !this.#told) this.#doubt(blockedMs);
    this.path.invite();
  }

  /** The peer may have been stopped until now: the way is tried again before it is called blocked. */
  #doubt(blockedMs: number): void {
    if (this.#doubtedMs === undefined) {
      this.#doubtedMs = this.#context.monotonicMs();
      this.path.reset();
    } else if (blockedMs - this.#doubtedMs >= DOUBTED_MS) {
      this.#told = true;
      this.#context.onDatagrams(false);
    }
  }

  /** The process there has ended, and what it had agreed on with us. */
  reset(): void {
    this.#elsewhereUntilMs.clear();
    this.#doubtedMs = undefined;
    this.path.reset();
  }

  #askOverHttp(message: Message, options: RequestOptions, onReply: (reply: Reply) => void): void {
    const { http, to } = this.#context;
    http.broadcast([to], message, options, (_, reply) => {
      this.noteHttp(reply);
      const unreachable = reply.kind === "failed" && reply.reason === "unreachable";
      // The datagram may have been delivered, whatever becomes of HTTP. Only a message must know:
      // for all else a refused connection is news.
      const mayBeThere = unreachable && message.type === MessageType.DATA;
      onReply(mayBeThere ? { ...reply, reason: "no-answer" } : reply);
    });
  }

  /**
   * An idle connection that the other side closes is how the end of a process is noticed at once;
   * so there has to be one.
   */
  #keepHttp(): void {
    const { http, to, monotonicMs } = this.#context;
    this.#httpMs = monotonicMs();
    http.broadcast([to], PING, PING_OPTIONS, (_, reply) => this.noteHttp(reply));
  }
}
