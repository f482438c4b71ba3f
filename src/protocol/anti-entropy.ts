/**
 * Two native peers compare what they hold of every owner, and each gets what it lacks.
 *
 * So a state reaches a node that does not reach its owner, a joiner needs one peer only, and what
 * was lost on its way is found. While nothing is missing, 8 bytes tell so.
 * @module
 */
import type { Reply } from "../wire/exchange.ts";
import {
  type DigestAnswer,
  type DigestEntry,
  decodeDigestAnswer,
  decodeDigestRequest,
  encodeDigestAnswer,
  encodeDigestRequest,
  summaryOf,
} from "../wire/native-digest.ts";
import { decodeStates, encodeStates, type StateItem } from "../wire/native-states.ts";
import { NativeType } from "../wire/native-type.ts";
import type { Flow } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import { type Member, targetOf } from "./member.ts";
import { type NativeItems, NO_ROOT } from "./native-items.ts";
import type { NativePush } from "./native-push.ts";
import type { NativeTake } from "./native-take.ts";
import * as refusals from "./refusal.ts";
import { LIMITS } from "./settings.ts";
import { sameBytes } from "./trust.ts";

/** Answers that one comparison takes at most; what is missing then comes with the next. */
const ROUNDS_MAX = 64;

const NOTHING = new Uint8Array();

type StatesAnswer = Extract<DigestAnswer, { kind: "states" }>;

export class AntiEntropy {
  readonly #kernel: Kernel;
  readonly #items: NativeItems;
  readonly #push: NativePush;
  readonly #take: NativeTake;
  readonly #nodeId: string;

  constructor(
    kernel: Kernel,
    items: NativeItems,
    push: NativePush,
    take: NativeTake,
    nodeId: string,
  ) {
    this.#kernel = kernel;
    this.#items = items;
    this.#push = push;
    this.#take = take;
    this.#nodeId = nodeId;
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
    let before: Uint8Array = NOTHING;
    for (let round = 1; ; round += 1) {
      const entries = this.#items.digest().filter(({ owner }) => !unfit.has(owner));
      const summary = summaryOf(entries);
      // A peer that always has more to say, and never anything new, ends it.
      const isStuck = sameBytes(summary, before);
      before = tell ? summary : NOTHING;
      const reply = yield* this.#ask(member, entries, tell);
      if (reply.kind !== "answer") return reply;
      const answer = read(() => decodeDigestAnswer(reply.payload));
      if (answer?.kind === "same") this.#noteSame(member, entries);
      if (answer === undefined || answer.kind === "same" || round === ROUNDS_MAX) return reply;
      if (answer.kind === "differs") {
        if (tell) return reply;
        tell = true;
        continue;
      }
      tell = true;
      const taken = yield* this.#taken(member, answer, unfit);
      const sent = yield* this.#answerWanted(member, answer, entries);
      if (sent !== undefined && sent.kind !== "answer") return sent;
      if (!taken.again && (isStuck || !answer.more)) return reply;
    }
  }

  *#ask(member: Member, entries: readonly DigestEntry[], whole: boolean): Flow<Reply> {
    const request = { summary: summaryOf(entries), entries: whole ? entries : undefined };
    const payload = encodeDigestRequest(request);
    const answerBytesMax = LIMITS.nativeAnswerBytesMax;
    return yield* this.#kernel.request(targetOf(member), NativeType.DIGEST, payload, {
      answerBytesMax,
    });
  }

  #noteSame(member: Member, entries: readonly DigestEntry[]): void {
    const own = entries.find(({ owner }) => owner === this.#nodeId);
    if (own !== undefined) this.#push.noteHeld(member, own.version);
  }

  *#taken(
    member: Member,
    answer: StatesAnswer,
    unfit: Set<string>,
  ): Flow<{ readonly again: boolean }> {
    const items = read(() => decodeStates(answer.states)) ?? [];
    const acks = yield* this.#take.take(member, items);
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
    let reply: Reply | undefined;
    // Our own goes the way that it always goes: nothing here has to wait for it.
    if (wanted.includes(this.#nodeId)) this.#push.noteLacking(member);
    const others = wanted.filter((owner) => owner !== this.#nodeId);
    for (const items of this.#batches(others, member.nodeId)) {
      reply = yield* this.#kernel.request(
        targetOf(member),
        NativeType.STATES,
        encodeStates(items),
        { answerBytesMax: LIMITS.smallAnswerBytesMax },
      );
      if (reply.kind !== "answer") return reply;
    }
    // Versions that were made meanwhile.
    this.#push.pushAll();
    return reply;
  }

  *#batches(owners: readonly string[], asker: string): Generator<StateItem[]> {
    let batch: StateItem[] = [];
    let bytes = 0;
    for (const owner of owners) {
      const item = this.#items.lacking(owner, undefined, asker);
      if (item === undefined) continue;
      batch.push(item);
      bytes += bytesOf(item);
      if (bytes < LIMITS.digestAnswerBytesMax) continue;
      yield batch;
      batch = [];
      bytes = 0;
    }
    if (batch.length > 0) yield batch;
  }

  // ---- answering ------------------------------------------------------------------------------

  /** Answers a digest: what the asker lacks, and what we do. */
  answer(member: Member, payload: Uint8Array): Uint8Array {
    const request = read(() => decodeDigestRequest(payload));
    if (request === undefined) throw refusals.malformed();
    const own = this.#items.digest();
    if (request.entries === undefined) {
      const same = sameBytes(request.summary, summaryOf(own));
      return encodeDigestAnswer({ kind: same ? "same" : "differs" });
    }
    const theirs = new Map(request.entries.map((entry) => [entry.owner, entry]));
    const ours = new Map(own.map((entry) => [entry.owner, entry]));
    const items: StateItem[] = [];
    let bytes = 0;
    let more = false;
    for (const { owner } of own) {
      const item = this.#items.lacking(owner, theirs.get(owner), member.nodeId);
      if (item === undefined) continue;
      if (bytes >= LIMITS.digestAnswerBytesMax) {
        more = true;
        break;
      }
      items.push(item);
      bytes += bytesOf(item);
      if (owner === this.#nodeId && item.form !== "python") {
        this.#push.noteSent(member, item.version);
      }
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

/** About as many as it takes on the wire. */
function bytesOf(item: StateItem): number {
  let bytes = 128;
  if (item.form === "python") bytes += item.packet.length;
  if (item.form === "snapshot") {
    for (const [key, value] of item.entries) bytes += key.length + value.length + 8;
  } else if (item.form === "delta") {
    for (const [key, value = ""] of item.changes) bytes += key.length + value.length + 9;
  }
  return bytes;
}

/** What a peer wrote, or undefined when it cannot be read. */
function read<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}
