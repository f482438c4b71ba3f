/**
 * Members that are not reached, and the attempts to reach them: one flow for each, for ever.
 * @module
 */
import { DsnError } from "../errors.ts";
import type { Address } from "../wire/exchange.ts";
import { type Flow, wait } from "./flow.ts";
import type { JoiningParts } from "./joining-parts.ts";
import type { Meetings } from "./meetings.ts";
import { hasCalled, isPresent, type Member, speaksNative } from "./member.ts";
import { createPauses } from "./pauses.ts";
import { pingMember } from "./ping-member.ts";
import { isShy } from "./push-state.ts";
import { isRefusal } from "./troubles.ts";
import { Turn, type Turns } from "./turns.ts";

/** By then a Python peer has surely read our answer to its HELLO and pinned our key. */
const PYTHON_PINS_MS = 2_000;

/** A node with sessions that has said HELLO begins one next, and so proves itself. */
const CONTACT_MS = 500;

/** A node that said goodbye needs a moment to come back. */
const LEAVER_MS = 5_000;

export class Pursuits {
  readonly #parts: JoiningParts;
  readonly #meetings: Meetings;
  readonly #turns: Turns;
  /** By member; `hurry` ends a pause, and shortens a wait. */
  readonly #pursuits = new Map<Member, { hurry: () => void }>();
  /** Those of them that are expected to make the next step. */
  readonly #awaited = new Set<Member>();

  constructor(parts: JoiningParts, meetings: Meetings, turns: Turns) {
    this.#parts = parts;
    this.#meetings = meetings;
    this.#turns = turns;
  }

  /** Keeps trying to reach a member that is not present, starting now. */
  pursue(member: Member): void {
    const pursuit = this.#pursuits.get(member);
    if (pursuit === undefined) this.#begin(member, 0);
    else pursuit.hurry();
  }

  /** The member is one no more: nobody waits for its next turn. */
  forget(member: Member): void {
    this.#pursuits.get(member)?.hurry();
  }

  /**
   * The same for a member whose HELLO we have just answered.
   *
   * A Python peer writes our key to a file when it reads our answer, and again when it reads a
   * HELLO of ours. If both happen at once, one reads the file that the other has just emptied, and
   * refuses the key. Its next request, a state, shows that it is past that, and ends the pause.
   */
  pursueNewcomer(member: Member): void {
    if (this.#awaited.has(member)) return;
    if (this.#pursuits.has(member)) this.pursue(member);
    else if (speaksNative(member)) this.#begin(member, CONTACT_MS);
    else this.#begin(member, member.native === undefined ? PYTHON_PINS_MS : 0);
  }

  /** The same for a member that has said goodbye, or that there is no hurry to reach. */
  pursueLeaver(member: Member): void {
    if (!this.#pursuits.has(member)) this.#begin(member, LEAVER_MS);
  }

  #begin(member: Member, firstPauseMs: number): void {
    this.#pursuits.set(member, { hurry: () => undefined });
    this.#parts.kernel.spawn(this.#pursuit(member, firstPauseMs));
  }

  *#pursuit(member: Member, firstPauseMs: number): Flow {
    const { kernel } = this.#parts;
    const pause = createPauses(kernel);
    let urgent = true;
    try {
      if (firstPauseMs > 0) {
        this.#awaited.add(member);
        yield* this.#pause(member, firstPauseMs);
        this.#awaited.delete(member);
      }
      while (this.#isPursued(member)) {
        const turn = yield* this.#turn(member, urgent);
        const sinceMs = kernel.now.monotonicMs;
        try {
          if (!this.#isPursued(member) || (yield* this.#reach(member))) return;
        } finally {
          turn.end();
        }
        if (member.status === "joining" && this.#unreachedTooLong(member)) {
          if (!member.joinedBefore) {
            this.#parts.members.remove(member);
            return;
          }
          // Whoever repeats an old HELLO must not make us forget a node that we knew.
          this.#parts.members.setStatus(member, "down", member.reason);
        }
        urgent = yield* this.#pause(member, pause.afterAttempt(sinceMs, isShy(member)));
      }
    } finally {
      this.#pursuits.delete(member);
      this.#awaited.delete(member);
    }
  }

  #isPursued(member: Member): boolean {
    return this.#parts.members.has(member) && member.status !== "alive";
  }

  /** Its turn, sooner when there is news of it meanwhile. */
  *#turn(member: Member, urgent: boolean): Flow<Turn> {
    const turn = new Turn(urgent);
    this.#pursuits.set(member, {
      hurry: () => {
        turn.urgent = true;
      },
    });
    yield* this.#turns.take(turn);
    this.#pursuits.set(member, { hurry: () => undefined });
    return turn;
  }

  /** True when something has ended it before its time. */
  *#pause(member: Member, ms: number): Flow<boolean> {
    const hurried = yield* wait<boolean>((resume) => {
      const cancel = this.#parts.kernel.after(ms, () => resume(false));
      this.#pursuits.set(member, {
        hurry: () => {
          cancel();
          resume(true);
        },
      });
    });
    this.#pursuits.set(member, { hurry: () => undefined });
    return hurried;
  }

  #unreachedTooLong(member: Member): boolean {
    return (
      this.#parts.kernel.now.monotonicMs - member.sinceMs > this.#parts.kernel.settings.joiningMs
    );
  }

  /** One attempt to reach a member, wherever it may be. True when it is present again. */
  *#reach(member: Member): Flow<boolean> {
    const { endpoint, candidates } = member;
    for (const candidate of candidates) {
      if ((yield* this.#reachAt(member, candidate)) === "reached") return true;
      if (member.status === "alive") return true;
    }
    if (endpoint === undefined) return false;
    const error = yield* this.#reachAt(member, endpoint);
    if (error === "reached" || member.status === "alive") return true;
    member.reason = error;
    // Of one that proves itself through others, whoever is at its address says nothing.
    if (isRefusal(error) && member.status !== "one-way" && member.status !== "relayed") {
      this.#parts.members.setStatus(member, "refused", error);
    } else {
      yield* this.#reachThroughOthers(member, error);
    }
    return false;
  }

  /** On a session, since it has its status; in a large network nobody asks on one then. */
  #hasProved(member: Member): boolean {
    const { kernel, overlay } = this.#parts;
    const isNew = member.calledMs >= member.sinceMs;
    return isNew && !overlay.isSparse && hasCalled(member, kernel.now.monotonicMs);
  }

  /** A link may stay broken after its node is back: then others pass on what it says. */
  *#reachThroughOthers(member: Member, reason: DsnError): Flow {
    const { relays, members } = this.#parts;
    // Whoever reaches it has named it to us.
    if (isPresent(member) || member.helper === undefined) return;
    if (!(yield* relays.reach(member))) return;
    if (!members.has(member) || isPresent(member)) return;
    members.setStatus(member, "relayed", reason);
  }

  *#reachAt(member: Member, endpoint: Address): Flow<"reached" | DsnError> {
    try {
      // A PING wakes nobody; a HELLO makes a Python peer enter us and tell its application.
      if (member.native === undefined) yield* pingMember(this.#parts, member, endpoint);
      // Who meets it hears on a session from that very node, and whoever is in the way cannot answer.
      if (this.#hasProved(member)) yield* pingMember(this.#parts, member, endpoint);
      else yield* this.#parts.greeting.greet(endpoint, member.nodeId);
      yield* this.#meetings.meetAt(member, endpoint);
      return "reached";
    } catch (error) {
      if (!(error instanceof DsnError)) throw error;
      return error;
    }
  }
}
