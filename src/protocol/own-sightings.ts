/**
 * States of ours that others show us: after a restart on a slower clock, or from a restored disk,
 * the network remembers versions that we do not (D21, D22).
 *
 * Only our own valid signature makes us step above such a version, at most once a second. A node
 * that has to do so again and again has a living twin.
 * @module
 */
import { DsnError } from "../errors.ts";
import type { Alerts } from "./alerts.ts";
import { compareEntries, type Entries, isEmptyChange } from "./entries.ts";
import type { Kernel } from "./kernel.ts";
import type { Member } from "./member.ts";
import { above, type OwnState } from "./own-state.ts";

const LEAP_PAUSE_MS = 1_000;
const LEAPS_PER_MINUTE_MAX = 3;
/** Python peers tell their clock in whole seconds; a little more is surely above it. */
const CLOCK_SLACK_SECONDS = 2;

export class OwnSightings {
  readonly #kernel: Kernel;
  readonly #own: OwnState;
  readonly #alerts: Alerts;
  readonly #nodeId: string;
  #leapsMs: number[] = [];
  #leaptForClock = false;
  /** Whether we would have stepped for the last refusal, and had just moved. */
  isLeapDue = false;

  constructor(kernel: Kernel, own: OwnState, alerts: Alerts, nodeId: string) {
    this.#kernel = kernel;
    this.#own = own;
    this.#alerts = alerts;
    this.#nodeId = nodeId;
  }

  /** A peer showed this state, and our signature on it is valid. True when we stepped above it. */
  shown(version: number, entries: Entries): boolean {
    if (!this.isNews(version)) return false;
    const ours = this.#own;
    if (version === ours.version && isEmptyChange(compareEntries(ours.entries, entries)))
      return false;
    return this.#leap(version);
  }

  /** Whether a state of ours with this version would be one that we may have to step over. */
  isNews(version: number): boolean {
    return Number.isFinite(above(version)) && version >= this.#own.version;
  }

  /**
   * A Python peer refused changed content without a word: it holds a newer time of ours.
   *
   * @param peerUnixSeconds Its clock, from the `Date` header.
   * @returns true when we stepped above its clock and must publish again.
   */
  refusedAsOld(member: Member, peerUnixSeconds: number | undefined): boolean {
    if (this.#leapForClock(peerUnixSeconds)) return true;
    const { nodeId } = member;
    const behind =
      peerUnixSeconds === undefined ? 0 : peerUnixSeconds - this.#kernel.now.unixSeconds;
    this.#alerts.raise(
      new DsnError("DSN_CLOCK_BEHIND", `Our changes do not arrive at "${nodeId}"`, {
        why:
          behind > 1
            ? `this clock is about ${Math.round(behind)} s behind it; the newer time wins there`
            : "it holds a state of ours with a newer time; the newer time wins there",
        fix: ["set the clock of this machine; changes arrive again when it has caught up"],
        nodeId,
      }),
      nodeId,
    );
    return false;
  }

  /**
   * A Python peer refused the first state that it was shown: it holds the same content, or a newer
   * time. Without a mark we cannot tell, and step above its clock to be heard (D22).
   *
   * @returns as {@link refusedAsOld}.
   */
  refusedAtFirst(peerUnixSeconds: number | undefined): boolean {
    return this.#leapForClock(this.#own.forgetful ? peerUnixSeconds : undefined);
  }

  /** Once: a peer must not be able to drive our versions ahead by its mere clock. */
  #leapForClock(peerUnixSeconds: number | undefined): boolean {
    const target = peerUnixSeconds === undefined ? 0 : peerUnixSeconds + CLOCK_SLACK_SECONDS;
    this.isLeapDue = false;
    if (this.#leaptForClock || target <= this.#own.version) return false;
    const leapt = this.#leap(target);
    this.#leaptForClock = leapt;
    this.isLeapDue = !leapt;
    return leapt;
  }

  #leap(target: number): boolean {
    const { monotonicMs, unixSeconds } = this.#kernel.now;
    this.#leapsMs = this.#leapsMs.filter((leap) => monotonicMs - leap < 60_000);
    if (this.#leapsMs.length >= LEAPS_PER_MINUTE_MAX) {
      this.#alerts.raise(this.#twin(), this.#nodeId);
      return false;
    }
    const last = this.#leapsMs.at(-1);
    if (last !== undefined && monotonicMs - last < LEAP_PAUSE_MS) return false;
    this.#leapsMs.push(monotonicMs);
    this.#own.leapAbove(target, unixSeconds);
    return true;
  }

  #twin(): DsnError {
    return new DsnError("DSN_DUPLICATE_IDENTITY", `Another node writes as "${this.#nodeId}"`, {
      why: "peers show us states that carry our signature and are not ours, again and again",
      fix: ["stop one of the two", "give the clone a new identity: delete its credentials folder"],
      nodeId: this.#nodeId,
    });
  }
}
