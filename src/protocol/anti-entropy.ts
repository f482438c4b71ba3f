/**
 * Two native peers compare what they hold of every owner, and each gets what it lacks.
 *
 * So a state reaches a node that does not reach its owner, a joiner needs one peer only, and what
 * was lost on its way is found. While nothing is missing, 8 bytes tell so.
 * @module
 */
import type { DigestEntry } from "../wire/digest-entry.ts";
import { differingBuckets, inBuckets, isNone, summaryOf } from "../wire/digest-summary.ts";
import type { Reply } from "../wire/exchange.ts";
import {
  type DigestAnswer,
  decodeDigestAnswer,
  decodeDigestRequest,
  encodeDigestAnswer,
  encodeDigestRequest,
} from "../wire/native-digest.ts";
import {
  decodeStateAcks,
  decodeStates,
  encodeStates,
  type StateItem,
} from "../wire/native-states.ts";
import { NativeType } from "../wire/native-type.ts";
import type { Flow } from "./flow.ts";
import { type HeldEntry, HeldStates } from "./held-states.ts";
import type { Kernel } from "./kernel.ts";
import { type Member, targetOf } from "./member.ts";
import { bytesOf, inBatches, type NativeItems, NO_ROOT } from "./native-items.ts";
import type { NativePush } from "./native-push.ts";
import type { NativeTake } from "./native-take.ts";
import type { News } from "./news.ts";
import * as refusals from "./refusal.ts";
import { LIMITS, requestTimeoutMs } from "./settings.ts";
import { sameBytes } from "./trust.ts";

/** Answers that one comparison takes at most; what is missing then comes with the next. */
const ROUNDS_MAX = 64;

const NOTHING = new Uint8Array();

/** One question of a comparison. */
interface Asking {
  readonly entries: readonly HeldEntry[];
  readonly summary: Uint8Array;
  readonly tell: boolean;
  readonly mask: Uint8Array | undefined;
}

type StatesAnswer = Extract<DigestAnswer, { kind: "states" }>;

export interface AntiEntropyParts {
  readonly kernel: Kernel;
  readonly items: NativeItems;
  readonly push: NativePush;
  readonly take: NativeTake;
  readonly news: News;
  readonly nodeId: string;
  /** Asks a peer for the HELLOs of those whom it has shown states of, and we do not know. */
  readonly meetThrough: (member: Member, nodeIds: readonly string[]) => Flow<unknown>;
}

export class AntiEntropy {
  readonly #parts: AntiEntropyParts;
  readonly #held = new HeldStates();

  constructor(parts: AntiEntropyParts) {
    this.#parts = parts;
  }

  // ---- asking ---------------------------------------------------------------------------------

  /**
   * Compares with one peer until neither lacks anything of the other.
   *
   * @param whole Tell at once what we hold: much will be different.
   * @returns the last reply, for callers that want to know why it failed.
   */
  *compare(member: Member, whole: boolean): Flow<Reply> {
    /** Owners whose changes did not fit what we hold: next time the state is told whole. */
    const unfit = new Set<string>();
    let tell = whole;
    let mask: Uint8Array | undefined;
    let before: Uint8Array = NOTHING;
    for (let round = 1; ; round += 1) {
      const held = this.#held.update(this.#parts.items.digest());
      const entries =
        unfit.size === 0 ? held.entries : held.entries.filter(({ owner }) => !unfit.has(owner));
      const summary = unfit.size === 0 ? held.summary() : summaryOf(entries);
      // A peer that always has more to say, and never anything new, ends it.
      const isStuck = sameBytes(summary, before);
      before = tell ? summary : NOTHING;
      const reply = yield* this.#ask(member, { entries, summary, tell, mask });
      if (reply.kind !== "answer") return reply;
      const answer = read(() => decodeDigestAnswer(reply.payload));
      if (answer?.kind === "same") this.#noteSame(member, entries);
      if (answer === undefined || answer.kind === "same" || round === ROUNDS_MAX) return reply;
      if (answer.kind !== "states") {
        if (tell) return reply;
        tell = true;
        mask = answer.kind === "buckets" ? answer.mask.slice() : undefined;
        continue;
      }
      tell = true;
      const taken = yield* this.#taken(member, answer, unfit);
      const sent = yield* this.#answerWanted(member, answer, entries);
      if (sent !== undefined && sent.kind !== "answer") return sent;
      if (!taken.again && (isStuck || !answer.more)) return reply;
    }
  }

  *#ask(member: Member, { entries, summary, tell, mask }: Asking): Flow<Reply> {
    const { kernel } = this.#parts;
    const isMany = entries.length > kernel.settings.meshMax;
    const some = mask === undefined ? entries : inBuckets(entries, mask, ({ bucket }) => bucket);
    const payload = encodeDigestRequest({
      summary,
      entries: tell ? some : undefined,
      mask: tell ? mask : undefined,
      buckets: isMany && !tell ? this.#held.buckets() : undefined,
    });
    return yield* kernel.request(targetOf(member), NativeType.DIGEST, payload, {
      answerBytesMax: LIMITS.nativeAnswerBytesMax,
      // What is told is answered with states.
      timeoutMs: requestTimeoutMs(
        kernel.settings,
        tell ? LIMITS.digestAnswerBytesMax : payload.length,
      ),
    });
  }

  #noteSame(member: Member, entries: readonly DigestEntry[]): void {
    const { nodeId, push } = this.#parts;
    const own = entries.find(({ owner }) => owner === nodeId);
    if (own !== undefined) push.noteHeld(member, own.version);
  }

  *#taken(
    member: Member,
    answer: StatesAnswer,
    unfit: Set<string>,
  ): Flow<{ readonly again: boolean }> {
    const { take, meetThrough } = this.#parts;
    const items = read(() => decodeStates(answer.states)) ?? [];
    const acks = yield* take.take(member, items);
    const unknown = new Set(acks.flatMap(({ owner, wants }) => (wants === "member" ? owner : [])));
    if (unknown.size > 0) {
      yield* meetThrough(member, [...unknown]);
      acks.push(
        ...(yield* take.take(
          member,
          items.filter(({ owner }) => unknown.has(owner)),
        )),
      );
    }
    const before = unfit.size;
    for (const { owner, wants } of acks) if (wants === "snapshot") unfit.add(owner);
    return { again: unfit.size > before };
  }

  /** Sends what the peer lacks. Undefined when that is nothing. */
  *#answerWanted(
    member: Member,
    { wanted }: StatesAnswer,
    entries: readonly DigestEntry[],
  ): Flow<Reply | undefined> {
    if (wanted.length === 0) {
      this.#noteSame(member, entries);
      return undefined;
    }
    const { kernel, items, push, news, nodeId } = this.#parts;
    let reply: Reply | undefined;
    // Our own goes the way that it always goes: nothing here has to wait for it.
    if (wanted.includes(nodeId)) push.lacks(member, 0);
    const others = wanted.filter((owner) => owner !== nodeId);
    const lacking = others.flatMap((owner) => items.lacking(owner, undefined, member.nodeId) ?? []);
    for (const batch of inBatches(lacking)) {
      reply = yield* kernel.request(targetOf(member), NativeType.STATES, encodeStates(batch), {
        answerBytesMax: LIMITS.nativeAnswerBytesMax,
      });
      if (reply.kind !== "answer") return reply;
      const { payload } = reply;
      const acks = read(() => decodeStateAcks(payload)) ?? [];
      const unknown = acks.filter(({ wants }) => wants === "member");
      // In a small network it meets them itself.
      if (unknown.length > 0 && news.passesOn) yield* news.deliver(member, unknown);
    }
    // Versions that were made meanwhile.
    push.pushAll();
    return reply;
  }

  // ---- answering ------------------------------------------------------------------------------

  /** Answers a digest: what the asker lacks, and what we do. */
  answer(member: Member, payload: Uint8Array): Uint8Array {
    const request = read(() => decodeDigestRequest(payload));
    if (request === undefined) throw refusals.malformed();
    const { items: source, push, nodeId } = this.#parts;
    const held = this.#held.update(source.digest());
    const all = held.entries;
    const { mask, buckets } = request;
    if (request.entries === undefined) {
      if (buckets === undefined) {
        const isSame = sameBytes(request.summary, held.summary());
        return encodeDigestAnswer({ kind: isSame ? "same" : "differs" });
      }
      const differing = differingBuckets(held.buckets(), buckets);
      return encodeDigestAnswer(
        isNone(differing) ? { kind: "same" } : { kind: "buckets", mask: differing },
      );
    }
    const own = mask === undefined ? all : inBuckets(all, mask, ({ bucket }) => bucket);
    const theirs = new Map(request.entries.map((entry) => [entry.owner, entry]));
    const ours = new Map(own.map((entry) => [entry.owner, entry]));
    const items: StateItem[] = [];
    let bytes = 0;
    let more = false;
    for (const { owner } of own) {
      const item = source.lacking(owner, theirs.get(owner), member.nodeId);
      if (item === undefined) continue;
      if (bytes >= LIMITS.digestAnswerBytesMax) {
        more = true;
        break;
      }
      items.push(item);
      bytes += bytesOf(item);
      if (owner === nodeId && item.form !== "python") push.noteSent(member, item.version);
    }
    const wanted = [...theirs.values()]
      .filter((entry) => this.#lack(ours.get(entry.owner), entry))
      .map(({ owner }) => owner);
    return encodeDigestAnswer({ kind: "states", wanted, more, states: encodeStates(items) });
  }

  #lack(ours: DigestEntry | undefined, theirs: DigestEntry): boolean {
    if (ours === undefined || theirs.version > ours.version) return true;
    if (theirs.version < ours.version || sameBytes(theirs.root, NO_ROOT)) return false;
    return !sameBytes(theirs.root, ours.root);
  }
}

/** What a peer wrote, or undefined when it cannot be read. */
function read<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}
