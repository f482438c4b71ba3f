/**
 * The way to one peer by datagrams: open, being tried, or left alone for a while.
 * @module
 */
import type { Alarm } from "./alarm.ts";
import type { Address, Message, RequestOptions } from "./carrier.ts";
import type { UdpReply } from "./udp-exchange.ts";
import { type Invited, UdpInvitation } from "./udp-invitation.ts";
import { UdpLink } from "./udp-link.ts";
import type { UdpSwitch } from "./udp-switch.ts";

/** First and longest pause after datagrams did not pass. */
const PAUSE_MS = { min: 5_000, max: 60_000 };
/** Addresses of one name that are tried. */
const CANDIDATES_MAX = 4;

export interface UdpPathContext {
  readonly networkKey: Uint8Array | undefined;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly monotonicMs: () => number;
  readonly alarm: Alarm;
  readonly switch: UdpSwitch;
  readonly inFlightMax: number;
  /** IP addresses of a host, those that our socket can send to; none when there are none. */
  readonly resolve: (host: string, onFound: (addresses: readonly string[]) => void) => void;
}

export class UdpPath {
  readonly #context: UdpPathContext;
  readonly #to: Address;
  #link: UdpLink | undefined;
  #inviting = false;
  #invitation: UdpInvitation | undefined;
  /** Requests without any answer since the last one that was answered. */
  #silences = 0;
  #pauseMs = PAUSE_MS.min;
  #pausedUntilMs = -Infinity;
  #blockedMs: number | undefined;
  #closed = false;

  constructor(context: UdpPathContext, to: Address) {
    this.#context = context;
    this.#to = to;
  }

  /**
   * When it was found, on the monotonic clock in milliseconds, that datagrams do not pass; undefined
   * when they did when last tried. If HTTP does, that is worth saying.
   */
  get blockedMs(): number | undefined {
    return this.#blockedMs;
  }

  /** There is an association: large datagrams have passed, both ways. */
  get isOpen(): boolean {
    return this.#link !== undefined;
  }

  /** Begins an association in the background, unless there is one or the path is left alone. */
  invite(): void {
    if (this.#link?.isSpent === true) this.#drop();
    if (this.#closed || this.#inviting || this.#link !== undefined) return;
    if (this.#context.monotonicMs() < this.#pausedUntilMs) return;
    this.#inviting = true;
    this.#context.resolve(this.#to.address, (addresses) => this.#invite(addresses));
  }

  /** Whether a request with a payload of this size can go by datagram now. */
  takes(payloadBytes: number): boolean {
    if (this.#link?.isSpent === true) this.#drop();
    return this.#link?.takes(payloadBytes) === true;
  }

  /** Sends one request. Call only when the path {@link takes} it. */
  ask(message: Message, options: RequestOptions, onReply: (reply: UdpReply) => void): void {
    if (this.#link === undefined) queueMicrotask(() => onReply({ kind: "silent" }));
    else this.#link.ask(message, options, onReply);
  }

  /** The process there is gone, and with it all that was agreed on. A next one starts afresh. */
  reset(): void {
    this.#invitation?.cancel();
    this.#invitation = undefined;
    this.#inviting = false;
    this.#silences = 0;
    this.#pauseMs = PAUSE_MS.min;
    this.#pausedUntilMs = -Infinity;
    this.#blockedMs = undefined;
    const link = this.#link;
    this.#drop();
    link?.giveUp();
  }

  /** HTTP is not answered either: silence says nothing of the way. The next sign of life tells. */
  excuse(): void {
    if (this.#link !== undefined) return;
    this.reset();
  }

  /** Ends what is in flight as closed. */
  close(detail: string): void {
    this.#closed = true;
    this.#invitation?.cancel();
    const link = this.#link;
    this.#drop();
    link?.close(detail);
  }

  #invite(addresses: readonly string[]): void {
    if (this.#closed || !this.#inviting || this.#invitation !== undefined) return;
    const candidates = addresses
      .slice(0, CANDIDATES_MAX)
      .map((address) => ({ address, port: this.#to.port }));
    if (candidates.length === 0) {
      // Our socket cannot send there, which says nothing of the way.
      this.#inviting = false;
      this.#pause();
      return;
    }
    this.#invitation = new UdpInvitation(
      { ...this.#context, onEnd: (invited) => this.#invited(invited) },
      candidates,
    );
  }

  #invited(invited: Invited | undefined): void {
    this.#inviting = false;
    this.#invitation = undefined;
    this.#blockedMs = invited === undefined ? this.#context.monotonicMs() : undefined;
    if (invited === undefined) this.#pause();
    else this.#link = this.#linkOf(invited);
  }

  #linkOf({ association, to, roundTrip }: Invited): UdpLink {
    const { alarm, inFlightMax, monotonicMs, switch: hub } = this.#context;
    const link = new UdpLink({
      association,
      roundTrip,
      alarm,
      inFlightMax,
      monotonicMs,
      send: (bytes) => hub.send(bytes, to),
      onAnswer: () => {
        this.#silences = 0;
        this.#pauseMs = PAUSE_MS.min;
      },
      onSilent: () => this.#silent(link),
      onEnd: () => hub.forget(association.name),
    });
    hub.expectAnswers(association.name, (datagram) => link.receive(datagram));
    return link;
  }

  #silent(link: UdpLink): void {
    if (link !== this.#link) return;
    this.#drop();
    this.#silences++;
    // Once may be a restart or a bad moment: an invitation finds out. Twice in a row is not.
    if (this.#silences === 1) {
      this.invite();
    } else {
      this.#blockedMs = this.#context.monotonicMs();
      this.#pause();
    }
  }

  #pause(): void {
    this.#pausedUntilMs = this.#context.monotonicMs() + this.#pauseMs;
    this.#pauseMs = Math.min(this.#pauseMs * 2, PAUSE_MS.max);
  }

  #drop(): void {
    const link = this.#link;
    this.#link = undefined;
    link?.retire();
  }
}
