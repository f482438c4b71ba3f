/**
 * Somebody said HELLO to us: who it is was proven, where it is was not.
 *
 * A HELLO alone lists nobody and moves nobody (D02, D09); the node itself must answer there.
 * @module
 */
import { DsnError } from "../errors.ts";
import { type Address, formatAddress, sameAddress } from "../wire/exchange.ts";
import type { Greeted } from "./enrolment.ts";
import type { Flow } from "./flow.ts";
import { duplicate } from "./identity-troubles.ts";
import type { JoiningParts } from "./joining-parts.ts";
import type { Meetings } from "./meetings.ts";
import { isPresent, type Member, noteCandidate } from "./member.ts";
import { pingMember } from "./ping-member.ts";
import type { Pursuits } from "./pursuits.ts";

export class Moves {
  readonly #parts: JoiningParts;
  readonly #meetings: Meetings;
  readonly #pursuits: Pursuits;

  constructor(parts: JoiningParts, meetings: Meetings, pursuits: Pursuits) {
    this.#parts = parts;
    this.#meetings = meetings;
    this.#pursuits = pursuits;
  }

  /** Somebody said HELLO to us, with a valid signature, from `endpoint`. */
  greetedBy({ member, restarted, fresh }: Greeted, endpoint: Address | undefined): void {
    // A native peer keeps what it holds of us as long as its process lives.
    if (member.native === undefined) member.push.held = undefined;
    if (endpoint === undefined) return;
    if (this.#meetings.isMeeting(member)) {
      // We are just calling it ourselves, at an address that answers.
      member.endpoint ??= endpoint;
      return;
    }
    member.endpoint ??= endpoint;
    // Even a HELLO that is new to us may come from somebody who only passes it on.
    const elsewhere = !sameAddress(member.endpoint, endpoint);
    if (elsewhere) noteCandidate(member, endpoint);
    if (!isPresent(member)) {
      if (member.status !== "joining") this.#parts.members.setStatus(member, "joining", undefined);
      this.#pursuits.pursueNewcomer(member);
    } else if (elsewhere) {
      this.#considerMove(member, endpoint, restarted, fresh);
    } else if (member.native !== undefined) {
      // It may have restarted, or dropped us: it holds nothing of ours for sure. A Python peer
      // asks for our state next; one that came before our answer would make it list a ghost.
      this.#parts.replication.pushAll();
    }
  }

  /** D02, D09: a HELLO alone moves nobody. The node itself must answer at the new address. */
  #considerMove(member: Member, endpoint: Address, restarted: boolean, fresh: boolean): void {
    if (member.native !== undefined) {
      // Where others showed it may be anybody.
      const wasOnlyShown = member.provenIncarnation === undefined;
      if (fresh && (restarted || wasOnlyShown))
        this.#parts.kernel.spawn(this.#moveNative(member, endpoint));
      else this.#parts.replication.pushAll();
      return;
    }
    this.#parts.kernel.spawn(this.#movePython(member, endpoint));
  }

  *#moveNative(member: Member, endpoint: Address): Flow {
    try {
      yield* this.#parts.greeting.greet(endpoint, member.nodeId);
      yield* this.#meetings.meetAt(member, endpoint);
    } catch (error) {
      // It answers a HELLO there, and perhaps nothing more: two machines may have one identity.
      if (!(error instanceof DsnError)) throw error;
    }
  }

  *#movePython(member: Member, endpoint: Address): Flow {
    const old = member.endpoint;
    if (old !== undefined && (yield* this.#answersAt(member, old))) {
      this.#parts.replication.pushAll();
      if (!isLiteral(old.address)) return;
      if (!(yield* this.#answersAt(member, endpoint))) return;
      const why = `it says HELLO from ${formatAddress(endpoint)} while it answers at ${formatAddress(old)}; one machine with two addresses looks the same`;
      this.#parts.alerts.raise(duplicate(member.nodeId, why), member.nodeId);
      return;
    }
    try {
      yield* this.#parts.greeting.greet(endpoint, member.nodeId);
      yield* this.#meetings.meetAt(member, endpoint);
    } catch (error) {
      if (!(error instanceof DsnError)) throw error;
    }
  }

  *#answersAt(member: Member, endpoint: Address): Flow<boolean> {
    try {
      yield* pingMember(this.#parts, member, endpoint);
      return true;
    } catch (error) {
      if (!(error instanceof DsnError)) throw error;
      return false;
    }
  }
}

function isLiteral(address: string): boolean {
  return address.includes(":") || /^[0-9.]+$/.test(address);
}
