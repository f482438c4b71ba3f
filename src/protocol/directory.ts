/**
 * MEMBERS in both directions: native peers show each other the signed HELLOs of all members, so
 * that one of them is enough to know everybody and to read every state.
 *
 * A HELLO that is shown proves a key and nothing else. Its node counts as `relayed` until we reach
 * it ourselves; and it is shown only by those who do.
 * @module
 */
import { sha256 } from "../crypto/sha256.ts";
import { type Address, type Reply, sameAddress } from "../wire/exchange.ts";
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
import { tellFeatures } from "./features.ts";
import { all, type Flow } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import {
  isAsked,
  isPresent,
  isReached,
  type Member,
  noteCandidate,
  SESSION_FEATURE,
  speaksNative,
  targetOf,
} from "./member.ts";
import type { Members } from "./members.ts";
import type { Overlay } from "./overlay.ts";
import type { Named } from "./peer-lists.ts";
import * as refusals from "./refusal.ts";
import type { RelayedGreeting } from "./relayed-greeting.ts";
import { LIMITS } from "./settings.ts";
import { entriesOf, HELLOS_MAX, type ReadEntry, readEntry } from "./shown-members.ts";
import { sameBytes, type Trust } from "./trust.ts";

const SUMMARY_BYTES = 8;
/** Members that one list makes us look at because they are not in it. */
const UNLISTED_MAX = 3;
/** Members of a large network that one who joins is shown: it hears of the others from them. */
const SHOWN_MAX = 64;

export interface DirectoryParts {
  readonly kernel: Kernel;
  readonly members: Members;
  readonly greeting: RelayedGreeting;
  readonly trust: Trust;
  readonly overlay: Overlay;
  /** Others say that a member is there, which is gone for us; with a newer word of it, or without. */
  readonly onGone: (member: Member, isNews: boolean) => void;
  /** Somebody does not reach a member that we do. */
  readonly onUnlisted: (member: Member) => void;
  /** They say so of nodes that have to be called. */
  readonly onNamed: (named: readonly Named[], namer: Member) => void;
  readonly me: { readonly nodeId: string; readonly incarnation: string };
}

export class Directory {
  readonly #parts: DirectoryParts;
  /** HELLOs that are being verified, by id and incarnation. */
  readonly #verifying = new Set<string>();

  constructor(parts: DirectoryParts) {
    this.#parts = parts;
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
    if (this.#isLarge(entries.length)) return yield* this.#takeIn(entries, namer);
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

  /**
   * Takes in members of a large network. They count as alive: those who showed them have seen so,
   * and our turn to ask them will come.
   */
  *#takeIn(entries: readonly ReadEntry[], namer: Member): Flow<Taken> {
    const taken = yield* all(entries.map((entry) => this.#takeInOne(entry, namer)));
    const named = taken.flatMap((one) => (typeof one === "object" ? [one] : []));
    return { isNews: taken.some((one) => one !== "known"), named };
  }

  *#takeInOne(entry: ReadEntry, namer: Member): Flow<Named | "news" | "known"> {
    const { members, trust, me, greeting } = this.#parts;
    const { nodeId, signed, endpoint, incarnation } = entry;
    if (nodeId === me.nodeId || !isNodeId(nodeId) || !trust.admitsId(nodeId)) return "known";
    if (endpoint === undefined) return "known";
    const known = members.get(nodeId);
    if (incarnation === undefined) {
      // A node without sessions has to be called.
      return known !== undefined && isPresent(known) ? "known" : { nodeId, endpoint };
    }
    if (this.#verifying.has(`${nodeId} ${incarnation}`)) return "known";
    if (known !== undefined) {
      const isSame = known.native?.incarnation === incarnation;
      if (isSame && (isPresent(known) || known.status === "left")) return "known";
      // Whoever refuses us may only be at a place that somebody made up.
      if (known.status === "refused") return this.#mayBeAt(known, endpoint);
      const isNewer = known.native === undefined || entry.issued > known.native.issued;
      if (!isNewer || (isSame && this.#wasSaidBefore(known, entry.issued))) {
        return isPresent(known) ? "known" : this.#mayBeAt(known, endpoint);
      }
    } else if (!members.mayShowInLarge(nodeId)) return "known";
    this.#verifying.add(`${nodeId} ${incarnation}`);
    try {
      const proven = yield* greeting.shown(signed);
      if (proven?.block?.features.includes(SESSION_FEATURE) !== true) return "known";
      const member = greeting.enter(proven)?.member;
      if (member === undefined || !speaksNative(member)) return "known";
      if (isPresent(member) && member.status !== "relayed") return "news";
      member.helper = namer.nodeId;
      member.endpoint ??= endpoint;
      // Nobody signs where it is. What answers PINGs at another place than before may be anybody.
      if (!sameAddress(member.endpoint, endpoint)) return this.#mayBeAt(member, endpoint, true);
      tellFeatures(this.#parts.kernel, member);
      members.setStatus(member, "alive", undefined);
      return "news";
    } finally {
      this.#verifying.delete(`${nodeId} ${incarnation}`);
    }
  }

  /** Others say that one is there which is not for us. */
  #mayBeAt(gone: Member, endpoint: Address, isNews = false): "news" | "known" {
    if (!sameAddress(gone.endpoint, endpoint)) noteCandidate(gone, endpoint);
    this.#parts.onGone(gone, isNews);
    return isNews ? "news" : "known";
  }

  /**
   * Whether the process that is gone for us may have said this while it was there: others who have
   * not noticed yet show what it told them.
   */
  #wasSaidBefore(gone: Member, issued: number): boolean {
    const { monotonicMs, unixSeconds } = this.#parts.kernel.now;
    const goneSeconds = unixSeconds - (monotonicMs - gone.sinceMs) / 1_000;
    return !isPresent(gone) && issued <= goneSeconds + (gone.clockOffsetSeconds ?? 0);
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

/** What came of members that were shown to us. */
interface Taken {
  readonly isNews: boolean;
  /** Those that are to be called. */
  readonly named: Named[];
}
