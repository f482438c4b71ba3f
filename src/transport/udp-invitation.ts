/**
 * How an association begins: INIT, CHALLENGE, FIRST, and an ANSWER that confirms it. Each step is
 * repeated until the next one comes. Nothing waits for it.
 *
 * FIRST and its ANSWER are of full size, sealed and filled with zeros. So what becomes of an
 * invitation says whether the network key is the same and whether datagrams pass, large ones and
 * both ways.
 * @module
 */
import type { Alarm, Waiting } from "./alarm.ts";
import { RoundTrip } from "./round-trip.ts";
import { UdpAssociation } from "./udp-association.ts";
import { decodeContent, encodeConfirm } from "./udp-content.ts";
import {
  type AnswerDatagram,
  encodeInit,
  FIRST_CONTENT_BYTES,
  nameOfBytes,
  SALT_BYTES,
} from "./udp-datagram.ts";
import type { UdpEndpoint, UdpSwitch } from "./udp-switch.ts";

/** Waits before a step is repeated, and all of them together; milliseconds. */
const WAIT_MS = { min: 80, max: 640 };
const INVITATION_MS_MAX = 3_000;

/** What comes of it. */
export interface Invited {
  readonly association: UdpAssociation;
  readonly to: UdpEndpoint;
  readonly roundTrip: RoundTrip;
}

export interface UdpInvitationContext {
  readonly networkKey: Uint8Array | undefined;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly monotonicMs: () => number;
  readonly alarm: Alarm;
  readonly switch: UdpSwitch;
  /** Called once; `undefined` when nobody answered. Not after {@link UdpInvitation.cancel}. */
  readonly onEnd: (invited: Invited | undefined) => void;
}

export class UdpInvitation implements Waiting {
  dueMs: number;
  readonly #context: UdpInvitationContext;
  readonly #endMs: number;
  /** One salt per address that the peer may have; the one that is challenged first is taken. */
  readonly #salts: ReadonlyMap<Uint8Array, UdpEndpoint>;
  #invited: Invited | undefined;
  /** When each FIRST was sent, in milliseconds. */
  readonly #firstsMs: number[] = [];
  #waitMs = WAIT_MS.min;

  constructor(context: UdpInvitationContext, candidates: readonly UdpEndpoint[]) {
    this.#context = context;
    this.dueMs = context.monotonicMs();
    this.#endMs = this.dueMs + INVITATION_MS_MAX;
    this.#salts = new Map(candidates.map((to) => [context.randomBytes(SALT_BYTES), to]));
    for (const [saltA, to] of this.#salts) {
      context.switch.expectChallenge(nameOfBytes(saltA), (saltB) =>
        this.#challenged(saltA, saltB, to),
      );
    }
    this.onDue(this.dueMs);
    context.alarm.add(this);
  }

  onDue(nowMs: number): void {
    if (nowMs >= this.#endMs) {
      this.cancel();
      this.#context.onEnd(undefined);
      return;
    }
    this.#send(nowMs);
    this.dueMs = Math.min(this.#endMs, nowMs + this.#waitMs);
    this.#waitMs = Math.min(WAIT_MS.max, this.#waitMs * 2);
  }

  /** Ends it without a word. */
  cancel(): void {
    this.#context.alarm.delete(this);
    this.#forgetSalts();
    if (this.#invited !== undefined) this.#context.switch.forget(this.#invited.association.name);
  }

  #send(nowMs: number): void {
    const {
      switch: { send },
    } = this.#context;
    if (this.#invited === undefined) {
      for (const [saltA, to] of this.#salts) send(encodeInit(saltA), to);
    } else {
      const { association, to } = this.#invited;
      const id = this.#firstsMs.push(nowMs) - 1;
      send(association.sealFirst(encodeConfirm(id, FIRST_CONTENT_BYTES)), to);
    }
  }

  #challenged(saltA: Uint8Array, saltB: Uint8Array, to: UdpEndpoint): void {
    const { networkKey, alarm, monotonicMs } = this.#context;
    // The first challenge counts: a later one is a repeat, or somebody else's.
    this.#forgetSalts();
    const roundTrip = new RoundTrip();
    const association = new UdpAssociation(networkKey, saltA, saltB, "asker");
    this.#invited = { association, to, roundTrip };
    this.#context.switch.expectAnswers(association.name, (datagram) => this.#confirmed(datagram));
    this.#waitMs = WAIT_MS.min;
    const nowMs = monotonicMs();
    this.onDue(nowMs);
    // Due earlier than it was, unless that was its end.
    if (nowMs < this.#endMs) alarm.add(this);
  }

  #confirmed(datagram: AnswerDatagram): void {
    const invited = this.#invited;
    const bytes = invited?.association.open(datagram);
    if (invited === undefined || bytes === undefined) return;
    const content = decodeContent(bytes);
    const sentMs = content?.what === "confirm" ? this.#firstsMs[content.id] : undefined;
    if (sentMs === undefined) return;
    const nowMs = this.#context.monotonicMs();
    invited.roundTrip.answered(nowMs - sentMs, nowMs);
    this.#context.alarm.delete(this);
    this.#context.onEnd(invited);
  }

  #forgetSalts(): void {
    for (const saltA of this.#salts.keys()) {
      this.#context.switch.forgetChallenge(nameOfBytes(saltA));
    }
  }
}
