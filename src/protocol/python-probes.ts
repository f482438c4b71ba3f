/**
 * Whether a Python node is there: a PING, several times before it is given up.
 *
 * Source: the reference's tick; `docs/protocol.md`, Life.
 * @module
 */
import { DsnError } from "../errors.ts";
import type { Reply, Target } from "../wire/exchange.ts";
import { MessageType } from "../wire/message-type.ts";
import { PING_REQUEST } from "../wire/ping.ts";
import { begin, type Flow } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import { isPresent, type Member, noteRoundTrip } from "./member.ts";
import type { Members } from "./members.ts";
import type { FailedTries } from "./native-probes.ts";
import { PROOF_MS } from "./native-question.ts";
import { noteFailure } from "./push-state.ts";
import type { Relays } from "./relays.ts";
import { LIMITS } from "./settings.ts";
import { troubleOf } from "./troubles.ts";

export interface PythonProbesParts {
  readonly kernel: Kernel;
  readonly members: Members;
  readonly relays: Relays;
  readonly me: { readonly nodeId: string; readonly keyId: string | undefined };
  /** Has a native node sign that it is the one who answers at an address. */
  readonly prove: (member: Member, endpoint: Target) => Flow<unknown>;
  /** It answered. */
  readonly onAnswered: (member: Member) => void;
}

export class PythonProbes {
  readonly #parts: PythonProbesParts;

  constructor(parts: PythonProbesParts) {
    this.#parts = parts;
  }

  /**
   * Asks the member for a sign of life.
   *
   * @param isCurrent False once verdicts of before count for nothing: we were suspended.
   * @returns what failed, or undefined once a try was answered.
   */
  *tries(member: Member, isCurrent: () => boolean): Flow<FailedTries | undefined> {
    const { kernel, members, relays, onAnswered } = this.#parts;
    const { probeAttempts, probePauseMs, requestTimeoutMs } = kernel.settings;
    let sinceMs = kernel.now.monotonicMs;
    const heldUntilMs = sinceMs + members.damping.holdMs(member);
    let others: Flow<boolean> | undefined;
    for (let attempt = 1; ; attempt += 1) {
      const { endpoint } = member;
      if (endpoint === undefined) return undefined;
      const sentMs = kernel.now.monotonicMs;
      const reply = yield* kernel.request(endpoint, MessageType.PING, PING_REQUEST, {
        answerBytesMax: LIMITS.smallAnswerBytesMax,
        timeoutMs: requestTimeoutMs,
      });
      if (!isCurrent() || !isPresent(member)) return undefined;
      const trouble = yield* this.#troubleOf(member, endpoint, reply);
      if (trouble === undefined) {
        noteRoundTrip(member, kernel.now.monotonicMs - sentMs);
        if (reply.kind === "answer" && reply.peerUnixSeconds !== undefined) {
          member.clockOffsetSeconds = reply.peerUnixSeconds - Math.floor(kernel.now.unixSeconds);
        }
        onAnswered(member);
        return undefined;
      }
      if (!isCurrent() || !isPresent(member)) return undefined;
      noteFailure(member, kernel.now.monotonicMs);
      if (member.status === "alive") members.setStatus(member, "suspect", trouble);
      others ??= begin(relays.reach(member));
      // A refused connection is news at once; silence has already cost its time-out.
      const refused = reply.kind === "failed" && reply.reason === "unreachable";
      // A process that died while its last words were under way refuses, and is heard after that.
      if (refused) sinceMs = sentMs;
      const isHeld = kernel.now.monotonicMs < heldUntilMs;
      if (attempt >= probeAttempts && !isHeld) return { trouble, sinceMs, others };
      yield* kernel.sleep(refused ? probePauseMs / 2 : probePauseMs);
    }
  }

  /** What is wrong with the reply to a PING, or undefined when the member is there. */
  *#troubleOf(member: Member, endpoint: Target, reply: Reply): Flow<DsnError | undefined> {
    const { kernel, me, prove } = this.#parts;
    if (reply.kind !== "answer") {
      return troubleOf(reply, {
        what: `reach ${member.nodeId}`,
        to: endpoint,
        nodeId: member.nodeId,
        me: me.nodeId,
        keyId: me.keyId,
      });
    }
    const nowMs = kernel.now.monotonicMs;
    if (member.native === undefined || nowMs - member.provenMs < PROOF_MS) return undefined;
    // D10: the answer to a PING may be a recording, played by whoever took the address of a dead
    // node. A native HELLO answers our nonce.
    try {
      yield* prove(member, endpoint);
      return undefined;
    } catch (error) {
      if (error instanceof DsnError) return error;
      throw error;
    }
  }
}
