/**
 * Whom others suspect, and who is told whom we do: so that all begin to ask a silent node together,
 * however seldom each does in its rounds.
 *
 * Of a member that has never answered there is no word: everybody asks those first, and whoever
 * invents a thousand must not make a million words.
 * @module
 */
import { encodeAlive } from "../wire/native-alive.ts";
import { NativeType } from "../wire/native-type.ts";
import type { Kernel } from "./kernel.ts";
import { isAsked, isUnanswered, type Member, targetOf } from "./member.ts";
import type { Members } from "./members.ts";
import type { Overlay } from "./overlay.ts";
import { LIMITS } from "./settings.ts";

/** What others say of a node is old when it has answered since. */
const RUMOUR_MS = 300;
/** So long it need not be said to all again that a node is suspected. */
const TOLD_MS = 3_000;
/** Others that are told again. */
const TOLD_AGAIN = 5;

export class Rumours {
  readonly #kernel: Kernel;
  readonly #members: Members;
  readonly #overlay: Overlay;
  readonly #ask: (member: Member) => void;

  /** @param ask Has one member asked on its session; nothing happens while it is. */
  constructor(kernel: Kernel, members: Members, overlay: Overlay, ask: (member: Member) => void) {
    this.#kernel = kernel;
    this.#members = members;
    this.#overlay = overlay;
    this.#ask = ask;
  }

  /**
   * Others say that they suspect these nodes: a reason to look, never a verdict. In a large network
   * it is passed on, once.
   */
  hear(suspects: readonly string[], from: Member): void {
    const nowMs = this.#kernel.now.monotonicMs;
    const news: Member[] = [];
    for (const nodeId of suspects) {
      const member = this.#members.get(nodeId);
      if (member === undefined || !isAsked(member)) continue;
      if (nowMs - member.answeredMs < RUMOUR_MS) continue;
      const isNew = !isUnanswered(member) && nowMs - member.rumouredMs >= TOLD_MS;
      if (this.#overlay.isSparse && isNew) news.push(member);
      member.rumouredMs = nowMs;
      this.#ask(member);
    }
    this.#passOn(news, from);
  }

  /** In one message for each neighbour, as it came: one for each suspect would make many of few. */
  #passOn(suspects: readonly Member[], from: Member): void {
    if (suspects.length === 0) return;
    const others = this.#overlay.reached().filter((other) => other !== from);
    this.#tell(
      others.filter((other) => !suspects.includes(other)),
      suspects,
    );
    for (const one of others.filter((other) => suspects.includes(other))) {
      this.#tell(
        [one],
        suspects.filter((other) => other !== one),
      );
    }
  }

  /** The member is suspected: all others hear of it, unless they have told us so. */
  tellAll(member: Member): void {
    const nowMs = this.#kernel.now.monotonicMs;
    if (isUnanswered(member) || nowMs - member.rumouredMs < TOLD_MS) return;
    member.rumouredMs = nowMs;
    this.#tell(this.#othersThan(member), [member]);
  }

  /** Words get lost: whoever suspects a node tells some others again and again. */
  tellSome(member: Member): void {
    if (isUnanswered(member)) return;
    const others = this.#othersThan(member);
    const some: Member[] = [];
    while (some.length < TOLD_AGAIN && others.length > 0) {
      some.push(...others.splice(Math.floor(this.#kernel.random() * others.length), 1));
    }
    this.#tell(some, [member]);
  }

  #othersThan(member: Member): Member[] {
    return this.#overlay.reached().filter((other) => other !== member);
  }

  #tell(to: readonly Member[], suspects: readonly Member[]): void {
    // Who is slow accuses nobody.
    if (to.length === 0 || suspects.length === 0 || this.#kernel.isLate()) return;
    const options = { answerBytesMax: LIMITS.smallAnswerBytesMax };
    const payload = encodeAlive(suspects.map(({ nodeId }) => nodeId));
    this.#kernel.broadcast(to.map(targetOf), NativeType.ALIVE, payload, options, () => undefined);
  }
}
