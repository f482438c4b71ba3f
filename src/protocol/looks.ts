/**
 * Looking after members that no session is kept with: those that are gone may be back, and behind
 * the address of one that answers may be another node.
 *
 * Constant work for each tick, however many there are; and a look whenever others say that a node
 * is there that we do not see.
 * @module
 */
import { DsnError } from "../errors.ts";
import type { Address } from "../wire/exchange.ts";
import type { Flow } from "./flow.ts";
import type { Greeting } from "./greeting.ts";
import type { Kernel } from "./kernel.ts";
import { isPresent, isReached, type Member, speaksNative } from "./member.ts";
import type { Members } from "./members.ts";
import type { Overlay } from "./overlay.ts";

/** Members that are gone, and are called in a tick. */
const GONE_PER_TICK = 3;
/** HELLOs under way at once. */
const LOOKS_MAX = 8;
/** A node that did not answer is not called again before that because others name it. */
const AGAIN_MS = 3_000;
/** Who has said goodbye answers a moment longer. */
const LEAVER_MS = 5_000;
/** Members that wait to be called. */
const WAITING_MAX = 4_096;

/** Of those that are there, who may be doubted by chance. */
const FALSE_DOUBTS = 1e-4;

export interface LooksParts {
  readonly kernel: Kernel;
  readonly members: Members;
  readonly greeting: Greeting;
  readonly overlay: Overlay;
  /** It answered, and was gone. */
  readonly onBack: (member: Member) => void;
  /** Whether somebody else reaches it, as it has just proved to us. */
  readonly reachThroughOthers: (member: Member) => Flow<boolean>;
  /** Somebody does, and we do not. */
  readonly onRelayed: (member: Member) => void;
  /** How many questions in a row go unanswered so seldom, 0 to 1. */
  readonly tries: (falseShare: number) => number;
  /** It is listed, and has not signed what it was asked to. */
  readonly onDoubted: (member: Member) => void;
}

export class Looks {
  readonly #parts: LooksParts;
  readonly #waiting = new Set<Member>();
  readonly #lastMs = new WeakMap<Member, number>();
  /** The same of newer words: whoever signs one after the other must not have us call without end. */
  readonly #lastNewsMs = new WeakMap<Member, number>();
  /** How often those that are listed were called in vain, one after the other. */
  readonly #silences = new WeakMap<Member, number>();
  /** Those that are still to be called before all are called again. */
  #gone: Member[] = [];
  #far: Member[] = [];
  #open = 0;

  constructor(parts: LooksParts) {
    this.#parts = parts;
  }

  /**
   * Others say that a member is there, which is gone for us.
   *
   * @param isNews They have a word of it that is newer than all that we had: it is called at once.
   */
  at(member: Member, isNews = false): void {
    const { monotonicMs } = this.#parts.kernel.now;
    const last = isNews ? this.#lastNewsMs : this.#lastMs;
    if (monotonicMs - (last.get(member) ?? Number.NEGATIVE_INFINITY) < AGAIN_MS) return;
    if (!isNews && member.status === "left" && monotonicMs - member.sinceMs < LEAVER_MS) return;
    if (isNews) last.set(member, monotonicMs);
    if (this.#waiting.size < WAITING_MAX) this.#waiting.add(member);
    this.#next();
  }

  /** Each tick: some of those that are gone, in turn, and one that is there. */
  tick(): void {
    const { members, overlay } = this.#parts;
    if (!overlay.isSparse) return;
    const isFar = (member: Member) =>
      isReached(member) && speaksNative(member) && !overlay.reaches(member);
    if (this.#gone.length === 0) this.#gone = members.all().filter(isAway);
    if (this.#far.length === 0) this.#far = members.all().filter(isFar);
    for (let count = 0; count < GONE_PER_TICK; count += 1) {
      const gone = this.#drawn(this.#gone);
      if (gone !== undefined && isAway(gone)) this.at(gone);
    }
    const far = this.#drawn(this.#far);
    if (far !== undefined && isFar(far)) this.at(far);
  }

  #drawn(from: Member[]): Member | undefined {
    return from.splice(Math.floor(this.#parts.kernel.random() * from.length), 1)[0];
  }

  #next(): void {
    for (const member of this.#waiting) {
      if (this.#open >= LOOKS_MAX) return;
      this.#waiting.delete(member);
      this.#open += 1;
      this.#lastMs.set(member, this.#parts.kernel.now.monotonicMs);
      this.#parts.kernel.spawn(this.#look(member));
    }
  }

  *#look(member: Member): Flow {
    const { greeting, members, onBack } = this.#parts;
    // Where others reach it now, where HELLOs of it came from, where it was.
    const [elsewhere] = isHere(member) ? [] : member.candidates;
    try {
      if (elsewhere !== undefined) yield* this.#lookAt(member, elsewhere);
      const { endpoint } = member;
      if (endpoint === undefined || (elsewhere !== undefined && isHere(member))) return;
      yield* greeting.greet(endpoint, member.nodeId);
      this.#silences.delete(member);
      if (members.has(member) && !isHere(member)) onBack(member);
    } catch (error) {
      if (!(error instanceof DsnError)) throw error;
      if (isReached(member) && members.has(member)) this.#notSigned(member, error);
      else yield* this.#throughOthers(member, error);
    } finally {
      this.#open -= 1;
      this.#next();
    }
  }
  /**
   * It answers PINGs, and not this: perhaps something else is at its address. It has to answer on a
   * session now, which nobody can fake. Over bad links silence alone says little: it is called again.
   */
  #notSigned(member: Member, { code }: DsnError): void {
    const silences = code === "DSN_UNREACHABLE" ? (this.#silences.get(member) ?? 0) + 1 : 0;
    this.#silences.set(member, silences);
    if (silences > 0 && silences < this.#parts.tries(FALSE_DOUBTS)) {
      this.#parts.kernel.after(AGAIN_MS, () => {
        if (isReached(member) && this.#parts.members.has(member)) this.at(member);
      });
      return;
    }
    this.#silences.delete(member);
    member.doubted = true;
    this.#parts.onDoubted(member);
  }

  /** Who has named it may reach it where we do not. */
  *#throughOthers(member: Member, reason: DsnError): Flow {
    const { members, reachThroughOthers, onRelayed } = this.#parts;
    if (isPresent(member) || member.helper === undefined) return;
    if (!(yield* reachThroughOthers(member))) return;
    if (!members.has(member) || isPresent(member)) return;
    members.setStatus(member, "relayed", reason);
    onRelayed(member);
  }

  /** It may have moved. */
  *#lookAt(member: Member, elsewhere: Address): Flow {
    const { greeting, members, onBack } = this.#parts;
    try {
      yield* greeting.greet(elsewhere, member.nodeId);
      if (!members.has(member) || isHere(member)) return;
      member.endpoint = elsewhere;
      member.candidates = [];
      onBack(member);
    } catch (error) {
      if (!(error instanceof DsnError)) throw error;
    }
  }
}

/** It need not be looked for: not one that only others reach. */
function isHere(member: Member): boolean {
  return isPresent(member) && member.status !== "relayed";
}

/** It may be back: nobody else may tell us. */
function isAway({ status }: Member): boolean {
  return status === "down" || status === "left" || status === "refused";
}
