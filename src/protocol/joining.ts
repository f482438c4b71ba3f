/**
 * Getting in, finding everybody, and coming back: for ever.
 *
 * Each of its parts has a file: bootstrap nodes, meetings, pursuits, visits, moves. Dial-back
 * never delays an answer: it decides who is listed.
 * @module
 */
import { DsnError } from "../errors.ts";
import { type Address, formatAddress } from "../wire/exchange.ts";
import { Bootstrap } from "./bootstrap.ts";
import type { Greeted } from "./enrolment.ts";
import type { Flow } from "./flow.ts";
import type { JoiningParts } from "./joining-parts.ts";
import { Meetings } from "./meetings.ts";
import { isPresent, type Member, speaksNative } from "./member.ts";
import { Moves } from "./moves.ts";
import type { Named } from "./peer-lists.ts";
import type { RememberedPeer } from "./peer-memory.ts";
import { Pursuits } from "./pursuits.ts";
import { Remembered } from "./remembered.ts";
import { Turns } from "./turns.ts";
import { Visits } from "./visits.ts";

export class Joining {
  readonly #parts: JoiningParts;
  readonly #bootstrap: Bootstrap;
  readonly #meetings: Meetings;
  readonly #pursuits: Pursuits;
  readonly #visits: Visits;
  readonly #moves: Moves;

  constructor(parts: JoiningParts) {
    this.#parts = parts;
    this.#meetings = new Meetings(parts, {
      onForgotten: (member) => this.forgotten(member),
      onNamed: (member) => this.pursue(member),
    });
    const turns = new Turns(parts.kernel);
    this.#pursuits = new Pursuits(parts, this.#meetings, turns);
    parts.members.onForgotten = (member) => this.#pursuits.forget(member);
    this.#visits = new Visits(parts, this.#meetings, this.#pursuits);
    this.#moves = new Moves(parts, this.#meetings, this.#pursuits);
    const remembered = new Remembered(parts, this.#meetings, turns, (at) =>
      this.#bootstrap.noteJoined(at),
    );
    this.#bootstrap = new Bootstrap(parts, this.#meetings, remembered, turns);
  }

  /** Joins through these nodes, and those of an earlier life, and goes on trying. */
  start(bootstrap: readonly Address[], remembered: readonly RememberedPeer[]): void {
    this.#bootstrap.start(bootstrap, remembered);
  }

  /** Somebody said HELLO to us, with a valid signature, from `endpoint`. */
  greetedBy(greeted: Greeted, endpoint: Address | undefined): void {
    this.#moves.greetedBy(greeted, endpoint);
  }

  /**
   * Keeps trying to reach a member that is not present, starting now. In a large network its
   * neighbours do, and the others look for it now and then; one that others reach, and we do not, is
   * nobody else's concern.
   */
  pursue(member: Member): void {
    const isOnlyOurs = member.status === "joining" || member.status === "relayed";
    if (isOnlyOurs || this.#isOurs(member)) this.#pursuits.pursue(member);
  }

  /** Whether we are about to call it, because others name it. */
  isDialling(member: Member): boolean {
    return this.#meetings.isDialling(member);
  }

  #isOurs(member: Member): boolean {
    const { overlay } = this.#parts;
    return !speaksNative(member) || !overlay.isSparse || overlay.isMissed(member);
  }

  /** Others name nodes: those that have to be called are. */
  named(named: readonly Named[], namer: Member): void {
    if (named.length > 0) this.#parts.kernel.spawn(this.#meetings.heard(namer, named));
  }

  /** A member that was gone has answered us. */
  meet(member: Member): void {
    this.#parts.kernel.spawn(this.#tryToMeet(member));
  }

  *#tryToMeet(member: Member): Flow {
    try {
      yield* this.#meetings.meet(member);
    } catch (error) {
      // It is gone again.
      if (!(error instanceof DsnError)) throw error;
    }
  }

  /** A new neighbour in a large network: both find out what they lack. */
  link(member: Member): void {
    this.#parts.kernel.spawn(this.#visits.link(member));
  }

  /**
   * The network is small again: we get to know all others, and call those that are gone, whom
   * nobody looks for now and then any more.
   */
  linkAll(): void {
    for (const member of this.#parts.members.all()) {
      if (!isPresent(member)) this.#pursuits.pursueLeaver(member);
      else if (speaksNative(member) && member.sync.held === undefined) this.visit(member);
    }
  }

  /** {@link pursue} for one that has said goodbye. */
  awaitReturn(member: Member): void {
    if (this.#isOurs(member)) this.#pursuits.pursueLeaver(member);
  }

  /** Makes sure that a present member lists us, sends it our state and takes its own. */
  visit(member: Member): void {
    this.#visits.visit(member);
  }

  /** A peer answered as to a stranger: it dropped us. */
  forgotten(member: Member): void {
    this.#visits.forgotten(member);
  }

  /** We were suspended: nobody is to blame, and everybody may have dropped us (D15). */
  greetEverybody(): void {
    this.#visits.greetEverybody();
  }

  /**
   * Asks a native member for an answer that can be no recording (D10).
   *
   * @throws {DsnError} when there is none.
   */
  *prove(member: Member, endpoint: Address): Flow {
    const sinceMs = member.provenMs;
    yield* this.#parts.greeting.greet(endpoint, member.nodeId);
    if (member.provenMs > sinceMs) return;
    const { nodeId } = member;
    throw new DsnError("DSN_BAD_SIGNATURE", `Cannot tell whether "${nodeId}" still lives`, {
      why: "its answers may be recordings: it was a node of this project and does not sign our nonce",
      fix: ["if it runs another implementation now, it is taken back at once"],
      nodeId,
      endpoint: formatAddress(endpoint),
    });
  }

  /** Asks a member for its list and dials whoever is new. */
  listen(member: Member, endpoint: Address): Flow {
    return this.#meetings.listen(member, endpoint);
  }
}
