/**
 * Peers of an earlier life: sought where they answered last, for ever, until they are met.
 *
 * They let nobody in by being remembered: whoever answers there is checked as anybody is.
 * @module
 */
import { DsnError } from "../errors.ts";
import { type Address, sameAddress } from "../wire/exchange.ts";
import { MessageType } from "../wire/message-type.ts";
import { PING_REQUEST } from "../wire/ping.ts";
import { all, type Flow } from "./flow.ts";
import type { JoiningParts } from "./joining-parts.ts";
import type { Meetings } from "./meetings.ts";
import { isPresent } from "./member.ts";
import { createPauses, type Pauses } from "./pauses.ts";
import type { RememberedPeer } from "./peer-memory.ts";
import { LIMITS } from "./settings.ts";
import { Turn, type Turns } from "./turns.ts";

export class Remembered {
  readonly #parts: JoiningParts;
  readonly #meetings: Meetings;
  readonly #turns: Turns;
  readonly #onMet: (at: Address) => void;

  /** @param onMet Somebody answered, and is listed. */
  constructor(parts: JoiningParts, meetings: Meetings, turns: Turns, onMet: (at: Address) => void) {
    this.#parts = parts;
    this.#meetings = meetings;
    this.#turns = turns;
    this.#onMet = onMet;
  }

  /**
   * Seeks them all, newest first. What is returned waits until the first few have been tried once;
   * the rest, and all further attempts, go on on their own.
   */
  *seek(peers: readonly RememberedPeer[]): Flow {
    const { kernel } = this.#parts;
    const first = peers.slice(0, LIMITS.attemptsMax);
    const begun = first.map((peer) => this.#begin(peer));
    for (const peer of peers.slice(first.length)) {
      kernel.spawn(this.#keepSeeking(peer, createPauses(kernel)));
    }
    yield* all(begun);
  }

  *#begin(peer: RememberedPeer): Flow {
    const { kernel } = this.#parts;
    const pauses = createPauses(kernel);
    const startedMs = kernel.now.monotonicMs;
    if (yield* this.#attempt(peer)) return;
    kernel.spawn(this.#keepSeeking(peer, pauses, pauses.afterAttempt(startedMs)));
  }

  *#keepSeeking(peer: RememberedPeer, pauses: Pauses, firstPauseMs = 0): Flow {
    const { kernel } = this.#parts;
    if (firstPauseMs > 0) yield* kernel.sleep(firstPauseMs);
    while (!this.#isMet(peer)) {
      const turn = new Turn(false);
      yield* this.#turns.take(turn);
      const startedMs = kernel.now.monotonicMs;
      try {
        if (yield* this.#attempt(peer)) return;
      } finally {
        turn.end();
      }
      yield* kernel.sleep(pauses.afterAttempt(startedMs));
    }
  }

  /** From then on it is pursued as any member that is gone. */
  #isMet({ nodeId, endpoint }: RememberedPeer): boolean {
    const { members, trust } = this.#parts;
    if (!trust.admitsId(nodeId)) return true;
    return members
      .present()
      .some((member) => member.nodeId === nodeId || sameAddress(member.endpoint, endpoint));
  }

  /** True when it need not be sought any more. */
  *#attempt(peer: RememberedPeer): Flow<boolean> {
    const { greeting } = this.#parts;
    const { endpoint } = peer;
    if (this.#isMet(peer)) return true;
    try {
      // A HELLO makes a Python peer enter us and tell its application: not before it is there.
      if (!peer.native && !(yield* this.#answersPing(endpoint))) return false;
      if (this.#isMet(peer)) return true;
      const greeted = yield* greeting.greet(endpoint);
      this.#meetings.settleEndpoint(greeted, endpoint);
      yield* this.#meetings.meet(greeted.member);
      if (!isPresent(greeted.member)) return false;
      this.#onMet(endpoint);
      return true;
    } catch (error) {
      if (!(error instanceof DsnError)) throw error;
      return error.code === "DSN_SELF";
    }
  }

  *#answersPing(endpoint: Address): Flow<boolean> {
    const { kernel } = this.#parts;
    const reply = yield* kernel.request(endpoint, MessageType.PING, PING_REQUEST, {
      answerBytesMax: LIMITS.smallAnswerBytesMax,
    });
    return reply.kind === "answer";
  }
}
