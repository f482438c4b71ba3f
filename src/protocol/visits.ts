/**
 * Calls on members that are present but may not list us: they dropped us, or cannot call us back.
 * @module
 */
import { DsnError } from "../errors.ts";
import { type Address, formatAddress, sameAddress } from "../wire/exchange.ts";
import type { Flow } from "./flow.ts";
import type { JoiningParts } from "./joining-parts.ts";
import type { Meetings } from "./meetings.ts";
import { isPresent, type Member, speaksNative } from "./member.ts";
import type { Pursuits } from "./pursuits.ts";
import { isShy, noteFailure } from "./push-state.ts";
import { isForgotten } from "./refusal.ts";
import { isRefusal } from "./troubles.ts";

export class Visits {
  readonly #parts: JoiningParts;
  readonly #meetings: Meetings;
  readonly #pursuits: Pursuits;
  /** Members being visited, and whether once more after that. */
  readonly #visits = new Map<Member, { again: boolean }>();

  constructor(parts: JoiningParts, meetings: Meetings, pursuits: Pursuits) {
    this.#parts = parts;
    this.#meetings = meetings;
    this.#pursuits = pursuits;
  }

  /** A peer answered as to a stranger: it dropped us. Say HELLO, then report if it repeats. */
  forgotten(member: Member): void {
    this.#noteForgotten(member);
    this.visit(member);
  }

  #noteForgotten(member: Member): void {
    const nowMs = this.#parts.kernel.now.monotonicMs;
    const lastMs = member.forgottenMs.at(-1);
    member.push.needsHello = true;
    if (lastMs !== undefined && nowMs - lastMs < this.#parts.kernel.settings.tickMs / 2) return;
    member.forgottenMs = [...member.forgottenMs, nowMs]
      .filter((ms) => nowMs - ms < 300_000)
      .slice(-8);
    member.push.held = undefined;
    if (member.forgottenMs.length > 2) this.#raiseOneWay(member);
  }

  /**
   * Makes sure that a present member lists us, sends it our state and takes its own.
   *
   * One at a time for each member; asked for meanwhile, it is done once more if it must be.
   */
  visit(member: Member): void {
    const visit = this.#visits.get(member);
    if (visit !== undefined) {
      visit.again = true;
      return;
    }
    this.#visits.set(member, { again: false });
    this.#parts.kernel.spawn(this.#visit(member));
  }

  /** Compares with a new neighbour, which may not know us yet. */
  *link(member: Member): Flow {
    const { endpoint } = member;
    if (endpoint === undefined) return;
    const reply = yield* this.#parts.replication.exchange(member, endpoint);
    if (isForgotten(reply)) this.visit(member);
  }

  *#visit(member: Member): Flow {
    try {
      yield* this.#greetAgain(member);
    } finally {
      const again = this.#visits.get(member)?.again === true;
      this.#visits.delete(member);
      if (again) this.#parts.replication.pushAll();
    }
  }

  *#greetAgain(member: Member): Flow {
    const { endpoint } = member;
    if (endpoint === undefined || !isPresent(member)) return;
    try {
      if (member.native === undefined && (yield* this.#askedPython(member, endpoint))) return;
      yield* this.#greetAnywhere(member, endpoint);
      yield* this.#parts.replication.exchange(member, endpoint);
      if (member.seesUs === false) yield* this.#meetings.listen(member, endpoint);
    } catch (error) {
      if (!(error instanceof DsnError)) throw error;
      noteFailure(member, this.#parts.kernel.now.monotonicMs);
      // Whoever refuses us at its address is another while it answers on its session.
      if (!isRefusal(error) || (yield* this.#answersOnSession(member, endpoint))) return;
      // It may have left or moved meanwhile.
      if (
        this.#parts.members.has(member) &&
        isPresent(member) &&
        sameAddress(member.endpoint, endpoint)
      ) {
        this.#parts.alerts.raise(error, member.nodeId);
        this.#parts.members.setStatus(member, "refused", error);
        this.#pursuits.pursue(member);
      }
    }
  }

  *#answersOnSession(member: Member, endpoint: Address): Flow<boolean> {
    if (!speaksNative(member)) return false;
    const reply = yield* this.#parts.replication.exchange(member, endpoint);
    if (reply.kind !== "answer") return false;
    // So it lists us.
    member.push.needsHello = false;
    return true;
  }

  /** Where it is known to be, or else where HELLOs of it came from: it may have moved. */
  *#greetAnywhere(member: Member, endpoint: Address): Flow {
    try {
      yield* this.#parts.greeting.greet(endpoint, member.nodeId);
    } catch (error) {
      const [candidate] = member.candidates;
      if (!(error instanceof DsnError) || isRefusal(error) || candidate === undefined) throw error;
      yield* this.#parts.greeting.greet(candidate, member.nodeId);
      member.endpoint = candidate;
    }
  }

  /**
   * Asks a Python peer for its list, which changes nothing there, and greets it only if it dropped
   * us: each HELLO to one that cannot call us back ends in a call of its disconnect callback.
   *
   * @returns true when no HELLO is due.
   */
  *#askedPython(member: Member, endpoint: Address): Flow<boolean> {
    const heard = yield* this.#parts.peerLists.ask(member, endpoint);
    const nowMs = this.#parts.kernel.now.monotonicMs;
    if (heard.kind === "list") {
      yield* this.#parts.replication.exchange(member, endpoint);
      yield* this.#meetings.heard(member, heard.named);
      return true;
    }
    if (!isForgotten(heard.reply)) {
      noteFailure(member, nowMs);
      return true;
    }
    this.#noteForgotten(member);
    const { retryIdleMs } = this.#parts.kernel.settings;
    if (isShy(member) && nowMs - member.greetedAgainMs < retryIdleMs) return true;
    member.greetedAgainMs = nowMs;
    return false;
  }

  #raiseOneWay(member: Member): void {
    member.seesUs = false;
    const { nodeId, endpoint } = member;
    this.#parts.alerts.raise(
      new DsnError(
        "DSN_ONE_WAY",
        `"${nodeId}" cannot call us back, so it drops us again and again`,
        {
          why: `we reach it, but it does not reach us at ${formatAddress(this.#parts.self.advertised)}`,
          fix: [
            `open TCP ${this.#parts.self.port} to that machine (firewall, container port)`,
            "set network_ip to an address that it can reach",
          ],
          nodeId,
          endpoint: endpoint === undefined ? undefined : formatAddress(endpoint),
        },
      ),
      nodeId,
    );
  }

  /** We were suspended: nobody is to blame, and everybody may have dropped us (D15). */
  greetEverybody(): void {
    const { members, overlay } = this.#parts;
    for (const member of members.all()) {
      // In a large network the neighbours tell what has happened.
      if (speaksNative(member) && !overlay.reaches(member)) continue;
      if (isPresent(member)) {
        member.push.needsHello = true;
        this.visit(member);
      } else this.#pursuits.pursue(member);
    }
  }
}
