/**
 * Nodes whose program is busy: a worker answers for it by datagram, and says since when.
 *
 * Such a node is neither suspected nor left alone. It is asked again twice a second, until it
 * answers itself, or until its last proof is so old that datagrams count for nothing.
 *
 * Source: Lifeguard (Dadgar et al. 2018): a slow member is not a dead one.
 * @module
 */
import { BUSY_FEATURE, decodeBusy } from "../wire/ping.ts";
import type { Kernel } from "./kernel.ts";
import type { Member } from "./member.ts";
import type { Members } from "./members.ts";

/**
 * What is said by datagram, busy or not, counts for so long after the last proof, in milliseconds.
 * It proves the network key alone: another member that took the address of a dead node could go on
 * for ever. So a program that blocks is given up after this and a suspicion, and never before half
 * of it: it is asked for a proof every 30 s.
 */
export const VOUCHED_MS = 60_000;
/** A shorter pause is told to nobody. */
const SHOWN_MS = 1_000;
/** From one question to the next while a program is busy. */
const AGAIN_MS = 500;

/** Whether what comes from the member by datagram is a sign of its life. */
export function countsByDatagram({ vouchedMs }: Member, nowMs: number): boolean {
  return nowMs - vouchedMs < VOUCHED_MS;
}

/** Whether its worker has said so last, and counts. */
export function isBusy(member: Member, nowMs: number): boolean {
  return member.busySinceMs !== undefined && countsByDatagram(member, nowMs);
}

/** Whether somebody answers for the member while its program does not. */
export function hasWorker({ native }: Member): boolean {
  return native?.features.includes(BUSY_FEATURE) === true;
}

/** What the answer to a PING by datagram says of the member's program. */
export function noteAnswer(member: Member, answer: Uint8Array, nowMs: number): void {
  const ms = hasWorker(member) ? decodeBusy(answer) : undefined;
  // When it proved itself it was not busy, whatever is said now.
  member.busySinceMs = ms === undefined ? undefined : Math.max(nowMs - ms, member.vouchedMs);
}

export class BusyNodes {
  readonly #kernel: Kernel;
  readonly #members: Members;
  readonly #probe: (member: Member) => void;
  /** Those that are asked again soon. */
  readonly #waiting = new Set<Member>();

  /** @param probe Has one member asked; nothing happens while it is. */
  constructor(kernel: Kernel, members: Members, probe: (member: Member) => void) {
    this.#kernel = kernel;
    this.#members = members;
    this.#probe = probe;
  }

  /** After a sign of life. @returns whether the member has been busy for so long that it shows. */
  note(member: Member): boolean {
    const { busySinceMs, status } = member;
    if (busySinceMs === undefined) return false;
    this.#askAgain(member);
    if (this.#kernel.now.monotonicMs - busySinceMs < SHOWN_MS) return false;
    if (status === "alive" || status === "suspect") {
      this.#members.setStatus(member, "busy", undefined);
    }
    return true;
  }

  #askAgain(member: Member): void {
    if (this.#waiting.has(member)) return;
    this.#waiting.add(member);
    this.#kernel.after(AGAIN_MS, () => {
      this.#waiting.delete(member);
      // A word on its session says that it goes on; only an answer shows it as alive.
      if (member.busySinceMs !== undefined || member.status === "busy") this.#probe(member);
    });
  }
}
