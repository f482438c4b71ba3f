/**
 * Who is entered into the table of members, by the HELLO that it has proved to have said.
 *
 * No key is pinned for what was only shown, and what a recording may bring back counts for nothing
 * that an answer to us has proved (D02, D03).
 * @module
 */
import { toHex } from "../bytes/hex.ts";
import type { DsnError } from "../errors.ts";
import { isHostAddress, isPort } from "../wire/address.ts";
import { formatAddress } from "../wire/exchange.ts";
import type { HelloBlock } from "../wire/hello-block.ts";
import type { Alerts } from "./alerts.ts";
import { tellFeatures } from "./features.ts";
import type { ProvenHello } from "./hello-proof.ts";
import { duplicate } from "./identity-troubles.ts";
import type { Kernel } from "./kernel.ts";
import {
  isPresent,
  isReached,
  isUnanswered,
  isUnproven,
  type Member,
  SESSION_FEATURE,
  type SignedHello,
  speaksNative,
} from "./member.ts";
import type { Members } from "./members.ts";
import { resetPush } from "./push-state.ts";
import type { Self } from "./self.ts";
import { sameBytes, type Trust } from "./trust.ts";

/** More live incarnations than this are not told apart. */
const FORMER_INCARNATIONS_MAX = 8;
/** What a process said on a session comes this much later at most, in milliseconds. */
const LATE_WORDS_MS = 60_000;

export interface Greeted {
  readonly member: Member;
  /** The process behind the id is another one than we knew. */
  readonly restarted: boolean;
  /** For requests: the HELLO is newer than any before, so a replay is ruled out. */
  readonly fresh: boolean;
  /** What was said is of a process whose heir has shown itself meanwhile: nothing of it counts. */
  readonly isOver?: true;
}

/** How we come by a HELLO. */
type Meeting = "asks" | "answers us" | "is shown";

export class Enrolment {
  readonly #kernel: Kernel;
  readonly #self: Self;
  readonly #members: Members;
  readonly #trust: Trust;
  readonly #alerts: Alerts;

  constructor(kernel: Kernel, self: Self, members: Members, trust: Trust, alerts: Alerts) {
    this.#kernel = kernel;
    this.#self = self;
    this.#members = members;
    this.#trust = trust;
    this.#alerts = alerts;
  }

  /**
   * Who has the name that this HELLO claims, if it is a node that others have shown us under another
   * key, and that we have not called yet: first it is asked itself. Whoever answers us where it is
   * has the name. One that we do not reach, and that proves itself through others, keeps it for as
   * long as it does; and against a HELLO without a block, which may be a recording, whoever has once
   * been there keeps it.
   */
  holderOf({ hello: { nodeId, publicKey }, block }: ProvenHello): Member | undefined {
    const known = this.#members.get(nodeId);
    if (known === undefined || sameBytes(known.publicKey, publicKey)) return undefined;
    // Its key was proven to us. Where no pin says so, there was no room for one.
    if (!known.provisional) return known;
    const isThere = isReached(known) || (isPresent(known) && !isUnproven(known));
    const wasThere = block === undefined && !isUnanswered(known);
    return isThere || wasThere ? known : undefined;
  }

  /**
   * Enters a proven HELLO into the table. Undefined when the table is full.
   *
   * @param how An answer signs a nonce of ours, so it is fresh whatever its clock says. One that
   *   is shown was said to somebody else: its key is not pinned.
   * @param askedMs When the question was sent that it answers; infinity for none.
   */
  enter(
    { hello, block, signed }: ProvenHello,
    how: Meeting,
    askedMs = Number.POSITIVE_INFINITY,
  ): Greeted | undefined {
    const { nodeId, publicKey } = hello;
    const answersUs = how === "answers us";
    let member = this.#members.get(nodeId);
    if (member !== undefined && !sameBytes(member.publicKey, publicKey)) {
      // A key that was proven to us beats one that we were told, never the other way round.
      if (how === "is shown") return undefined;
      this.#members.remove(member);
      member = undefined;
    }
    const unknown = member === undefined;
    member ??= this.#members.add(nodeId, publicKey);
    if (member === undefined) return undefined;
    if (how === "is shown") {
      if (unknown) member.provisional = true;
      return this.#enterShown(member, block, signed);
    }
    // A node with sessions proves itself on one, or when it answers us; what asks may be a recording
    // of an identity that was given up.
    const proves = answersUs || block?.features.includes(SESSION_FEATURE) !== true;
    if (proves) {
      member.provisional = false;
      this.#trust.pin(nodeId, publicKey);
    } else if (unknown) member.provisional = this.#trust.keyOf(nodeId) === undefined;
    if (block !== undefined && isOfEndedProcess(block, member, askedMs)) {
      return { member, restarted: false, fresh: false, isOver: true };
    }
    // What asks may be a recording: it is shown to others, so it must not hide a newer one.
    if (answersUs || isNewer(block, member)) member.hello = signed;
    // Who greets us need not get our answer: it may have given up before we read its HELLO.
    if (answersUs) member.push.needsHello = false;
    this.#alerts.clear(nodeId, "DSN_PEER_IDENTITY_CHANGED", "DSN_VERSION_MISMATCH");
    if (block !== undefined) this.#alerts.clear(nodeId, "DSN_NATIVE_DOWNGRADE");
    if (block === undefined) return this.#enterPython(member, answersUs);
    const greeted = this.#enterBlock(member, block, answersUs);
    if (speaksNative(member) && !member.provisional) this.#trust.pinNative(nodeId);
    return greeted;
  }

  /** What others show counts only when it is newer than what we know; it is no word to us. */
  #enterShown(member: Member, block: HelloBlock | undefined, signed: SignedHello): Greeted {
    const known = member.native?.issued ?? Number.NEGATIVE_INFINITY;
    if (block === undefined || block.issued <= known) {
      member.hello ??= signed;
      return { member, restarted: false, fresh: false };
    }
    const { heardMs } = member;
    member.hello = signed;
    const greeted = this.#enterBlock(member, block, false);
    member.heardMs = heardMs;
    return greeted;
  }

  /**
   * A node that was native and comes back without its block runs another implementation now. A
   * recording may say so as well, so it is believed only of one that was gone, where it answers us.
   */
  #enterPython(member: Member, answersUs: boolean): Greeted {
    const became = answersUs && member.native !== undefined && !isPresent(member);
    if (became) {
      member.native = undefined;
      resetPush(member);
    }
    return { member, restarted: became, fresh: false };
  }

  #enterBlock(member: Member, block: HelloBlock, answersUs: boolean): Greeted {
    const known = member.native;
    const issued = Math.max(block.issued, known?.issued ?? Number.NEGATIVE_INFINITY);
    if (!answersUs && known !== undefined && block.issued <= known.issued) {
      return { member, restarted: false, fresh: false };
    }
    const incarnation = toHex(block.incarnation);
    const restarted = known !== undefined && known.incarnation !== incarnation;
    if (known?.incarnation !== incarnation) member.incarnationMs = this.#kernel.now.monotonicMs;
    if (restarted) {
      resetPush(member);
      if (member.replica?.kind === "native") member.replica.orphan();
    }
    if (answersUs) this.proved(member, incarnation, "answers us");
    const addresses = block.addresses.filter(
      ({ address, port }) => isHostAddress(address) && isPort(port),
    );
    const { features } = block;
    // Only its answer to us shows that a node has given up sessions: all else may be a recording.
    const offers =
      features.includes(SESSION_FEATURE) || (!answersUs && this.#trust.isNative(member.nodeId));
    const sessions = offers && this.#self.features.includes(SESSION_FEATURE);
    member.native = { incarnation, issued, features, sessions, addresses };
    member.heardMs = this.#kernel.now.monotonicMs;
    // Another process of it may do more, or less.
    if (restarted) {
      tellFeatures(this.#kernel, member);
      if (isPresent(member)) this.#members.onNews(member);
    }
    return { member, restarted, fresh: true };
  }

  /**
   * The process has answered us, or has proved itself on a session. Nothing else counts: recordings
   * bring back incarnations that have long ended. What comes on a session may be as late as a
   * connection holds it up, which for a while says nothing of a process whose heir is there.
   */
  proved(member: Member, incarnation: string, how: "answers us" | "on a session"): void {
    const { nodeId, provenIncarnation: last, formerIncarnations: formers } = member;
    if (last === incarnation) return;
    const nowMs = this.#kernel.now.monotonicMs;
    const former = formers.find((one) => one.incarnation === incarnation);
    if (former !== undefined) {
      // One that stood still itself reads late what came meanwhile.
      const sinceMs = Math.max(former.sinceMs, this.#kernel.lastLateMs);
      if (how === "on a session" && nowMs - sinceMs < LATE_WORDS_MS) return;
      this.#alerts.raise(turnsTaken(member), nodeId);
    }
    member.provenIncarnation = incarnation;
    member.formerIncarnations = [
      ...formers.filter((one) => one !== former),
      ...(last === undefined ? [] : [{ incarnation: last, sinceMs: nowMs }]),
    ].slice(-FORMER_INCARNATIONS_MAX);
  }
}

/** Whether a HELLO says more than the one that a member is known by. */
function isNewer(block: HelloBlock | undefined, { native }: Member): boolean {
  return native === undefined || (block !== undefined && block.issued > native.issued);
}

/**
 * Whether its heir has shown itself while the answer was under way: whoever gave it has ended. Its
 * clock says nothing, as that of the heir may have been set back; and if it is the heir of the heir,
 * it answers the next question as well.
 */
function isOfEndedProcess(
  { incarnation }: HelloBlock,
  { native, incarnationMs }: Member,
  askedMs: number,
): boolean {
  return askedMs < incarnationMs && native?.incarnation !== toHex(incarnation);
}

function turnsTaken({ nodeId, endpoint, source }: Member): DsnError {
  const [here, there] = [endpoint && formatAddress(endpoint), source].map(
    (where) => where ?? "an unknown address",
  );
  return duplicate(
    nodeId,
    `two processes take turns as "${nodeId}", one at ${here}, one at ${there}`,
  );
}
