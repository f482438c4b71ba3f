/**
 * MEMBERS in both directions: native peers show each other the signed HELLOs of all members, so
 * that one of them is enough to know everybody and to read every state.
 *
 * A HELLO that is shown proves a key and nothing else. Its node counts as `relayed` until we reach
 * it ourselves; and it is shown only by those who do.
 * @module
 */
import { sha256 } from "../crypto/sha256.ts";
import type { Reply } from "../wire/exchange.ts";
import { nodeIdOfHello } from "../wire/hello.ts";
import {
  decodeIntroduce,
  decodeMembersAnswer,
  decodeMembersRequest,
  encodeMembersAnswer,
  encodeMembersRequest,
  type MemberEntry,
} from "../wire/native-members.ts";
import { NativeType } from "../wire/native-type.ts";
import { isNodeId } from "../wire/node-id.ts";
import { all, type Flow } from "./flow.ts";
import {
  isAsked,
  isReached,
  type Member,
  SESSION_FEATURE,
  speaksNative,
  targetOf,
} from "./member.ts";
import type { Overlay } from "./overlay.ts";
import type { Named } from "./peer-lists.ts";
import * as refusals from "./refusal.ts";
import { LIMITS } from "./settings.ts";
import { entriesOf, HELLOS_MAX, type ReadEntry, readEntry } from "./shown-members.ts";
import { type Taken, TakingIn, type TakingInParts } from "./taking-in.ts";
import { sameBytes } from "./trust.ts";

const SUMMARY_BYTES = 8;
/** Members that one list makes us look at because they are not in it. */
const UNLISTED_MAX = 3;
/** Members of a large network that one who joins is shown: it hears of the others from them. */
const SHOWN_MAX = 64;

export interface DirectoryParts extends TakingInParts {
  readonly overlay: Overlay;
  /** Somebody does not reach a member that we do. */
  readonly onUnlisted: (member: Member) => void;
  /** They say so of nodes that have to be called. */
  readonly onNamed: (named: readonly Named[], namer: Member) => void;
}

export class Directory {
  readonly #parts: DirectoryParts;
  readonly #takingIn: TakingIn;

  constructor(parts: DirectoryParts) {
    this.#parts = parts;
    this.#takingIn = new TakingIn(parts);
  }

  /** Asks one native peer whom it reaches. Also tells us whether it reaches us. */
  *ask(member: Member): Flow<{ readonly reply: Reply; readonly named: readonly Named[] }> {
    const { kernel } = this.#parts;
    const payload = encodeMembersRequest({ summary: this.#summary(member) });
    const reply = yield* kernel.request(targetOf(member), NativeType.MEMBERS, payload, {
      answerBytesMax: LIMITS.membersAnswerBytesMax,
    });
    if (reply.kind !== "answer") return { reply, named: [] };
    let answer: ReturnType<typeof decodeMembersAnswer>;
    try {
      answer = decodeMembersAnswer(reply.payload);
    } catch {
      return { reply, named: [] };
    }
    if (answer.kind === "same") {
      member.seesUs = true;
      return { reply, named: [] };
    }
    const entries = answer.members.flatMap((entry) => readEntry(entry));
    member.seesUs = entries.some(({ nodeId }) => nodeId === this.#parts.me.nodeId);
    this.#lookAtUnlisted(entries);
    const { named } = yield* this.#take(entries, member);
    return { reply, named };
  }

  /**
   * Whom others have given up may be gone, and we have not heard of it: all are asked in turn, but
   * that takes a while.
   */
  #lookAtUnlisted(entries: readonly ReadEntry[]): void {
    const { members, overlay, kernel, onUnlisted } = this.#parts;
    if (overlay.isSparse) return;
    const listed = new Set(entries.map(({ nodeId }) => nodeId));
    const oldMs = kernel.now.monotonicMs - kernel.settings.tickMs;
    const unlisted = members
      .present()
      .filter((other) => isAsked(other) && !listed.has(other.nodeId))
      .filter(({ provenMs }) => provenMs < oldMs);
    for (const other of unlisted.slice(0, UNLISTED_MAX)) onUnlisted(other);
  }

  /** Of a large network, nobody calls all. Of a small one, whoever is shown is to be called. */
  *#take(entries: readonly ReadEntry[], namer: Member): Flow<Taken> {
    if (this.#isLarge(entries.length)) return yield* this.#takingIn.take(entries, namer);
    const named = yield* all(entries.map((entry) => this.#consider(entry, namer.nodeId)));
    return { isNews: named.length > 0, named: named.flat() };
  }

  #isLarge(shown: number): boolean {
    return this.#parts.overlay.isSparse || shown >= this.#parts.kernel.settings.meshMax;
  }

  /** Asks a peer for the HELLOs of some whom it knows and we do not. */
  *meetThrough(member: Member, nodeIds: readonly string[]): Flow {
    const summary = this.#summary(member);
    for (let index = 0; index < nodeIds.length; index += HELLOS_MAX) {
      const some = nodeIds.slice(index, index + HELLOS_MAX);
      const payload = encodeMembersRequest({ summary, nodeIds: some });
      const reply = yield* this.#parts.kernel.request(
        targetOf(member),
        NativeType.MEMBERS,
        payload,
        { answerBytesMax: LIMITS.membersAnswerBytesMax },
      );
      if (reply.kind !== "answer") return;
      let answer: ReturnType<typeof decodeMembersAnswer>;
      try {
        answer = decodeMembersAnswer(reply.payload);
      } catch {
        return;
      }
      if (answer.kind === "same") return;
      const { named } = yield* this.#take(this.#readNew(answer.members), member);
      this.#parts.onNamed(named, member);
    }
  }

  /** Takes an INTRODUCE. @returns whether any of it was news. */
  *introduced(member: Member, payload: Uint8Array): Flow<boolean> {
    let shown: MemberEntry[];
    try {
      shown = decodeIntroduce(payload);
    } catch {
      throw refusals.malformed();
    }
    const { isNews, named } = yield* this.#take(this.#readNew(shown), member);
    this.#parts.onNamed(named, member);
    return isNews;
  }

  /** Links show the same HELLO one after the other; to read it costs more than to see that. */
  #readNew(shown: readonly MemberEntry[]): ReadEntry[] {
    return shown.filter(({ hello }) => !this.#isKnown(hello)).flatMap(readEntry);
  }

  #isKnown(hello: Uint8Array): boolean {
    let nodeId: string;
    try {
      nodeId = nodeIdOfHello(hello);
    } catch {
      return false;
    }
    const known = this.#parts.members.get(nodeId);
    return known?.hello !== undefined && isReached(known) && sameBytes(known.hello.bytes, hello);
  }

  /** Who is to be called because of an entry. Nodes that are new to us are readable from now on. */
  *#consider({ nodeId, signed, endpoint }: ReadEntry, namer: string): Flow<Named[]> {
    const { members, trust, me, greeting } = this.#parts;
    if (nodeId === me.nodeId || !isNodeId(nodeId) || !trust.admitsId(nodeId)) return [];
    const known = members.get(nodeId);
    if (known !== undefined && (isReached(known) || known.status === "suspect")) return [];
    if (known !== undefined) known.helper ??= namer;
    const named = endpoint === undefined ? [] : [{ nodeId, endpoint }];
    if (known !== undefined && known.status !== "relayed") return named;
    if (known === undefined) {
      // Before its signatures are verified, which takes longest.
      if (!members.mayShow(nodeId)) return named;
      const proven = yield* greeting.shown(signed);
      if (proven === undefined) return [];
      if (proven.block === undefined) return named;
      if (members.get(nodeId) !== undefined || !members.mayShow(nodeId)) return named;
      if (!proven.block.features.includes(SESSION_FEATURE)) return named;
      const member = greeting.enter(proven)?.member;
      if (member === undefined || !speaksNative(member)) return named;
      member.endpoint ??= endpoint;
      member.helper = namer;
      members.setStatus(member, "relayed", undefined);
    }
    return named;
  }

  /** Answers a MEMBERS request: all whom we reach, the asker among them: so it learns that we do. */
  answer(member: Member, payload: Uint8Array): Uint8Array {
    let request: ReturnType<typeof decodeMembersRequest>;
    try {
      request = decodeMembersRequest(payload);
    } catch {
      throw refusals.malformed();
    }
    const { members, trust } = this.#parts;
    if (request.nodeIds !== undefined) {
      const asked = request.nodeIds.flatMap((nodeId) => members.get(nodeId) ?? []);
      const shown = trust.isClosed ? [] : asked.slice(0, HELLOS_MAX);
      return encodeMembersAnswer({ kind: "members", members: entriesOf(shown) });
    }
    if (Buffer.compare(request.summary, this.#summary(member)) === 0) {
      return encodeMembersAnswer({ kind: "same" });
    }
    // A node with a whitelist passes nothing on.
    const shown = trust.isClosed ? [member] : this.#shownTo(member);
    return encodeMembersAnswer({ kind: "members", members: entriesOf(shown) });
  }

  /** All, the asker first; of a large network enough to begin with. */
  #shownTo(member: Member): readonly Member[] {
    const { members, overlay, kernel } = this.#parts;
    const present = members.present();
    if (!overlay.isSparse) return [member, ...present.filter((other) => other !== member)];
    const shown = new Set([member]);
    while (shown.size < Math.min(SHOWN_MAX, present.length)) {
      const other = kernel.pick(present);
      if (other !== undefined) shown.add(other);
    }
    return [...shown];
  }

  /**
   * Of all nodes that are there: the same at two nodes that see the same, but for each other. Not
   * of those that we have only been told of: what others say of them is still news.
   */
  #summary(other: Member): Uint8Array {
    const { members, me } = this.#parts;
    const names = members
      .present()
      .filter(({ nodeId, provisional }) => nodeId !== other.nodeId && !provisional)
      .map(({ nodeId, native }) => `${nodeId} ${native?.incarnation ?? ""}`);
    names.push(`${me.nodeId} ${me.incarnation}`);
    names.push(`${other.nodeId} ${other.native?.incarnation ?? ""}`);
    return sha256(new TextEncoder().encode(names.sort().join("\n"))).slice(0, SUMMARY_BYTES);
  }
}
