/**
 * Answers kept for a while in case their requests come again: all associations share one memory,
 * from which the oldest go first.
 * @module
 */

/** The answers of one association by request id. */
export type AnswersById = Map<number, Uint8Array>;

interface Slot {
  readonly answers: AnswersById;
  readonly id: number;
  readonly bytes: number;
}

export class RememberedAnswers {
  readonly #countMax: number;
  readonly #bytesMax: number;
  /** A ring: the oldest is at `#first`. */
  readonly #slots: (Slot | undefined)[] = [];
  #first = 0;
  #count = 0;
  #bytes = 0;

  constructor(countMax: number, bytesMax: number) {
    this.#countMax = countMax;
    this.#bytesMax = bytesMax;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @param id Not in `answers` yet. */
  add(answers: AnswersById, id: number, answer: Uint8Array): void {
    while (this.#count >= this.#countMax || this.#bytes + answer.length > this.#bytesMax) {
      if (!this.#dropOldest()) return;
    }
    answers.set(id, answer);
    this.#slots[(this.#first + this.#count) % this.#countMax] = {
      answers,
      id,
      bytes: answer.length,
    };
    this.#count++;
    this.#bytes += answer.length;
  }

  #dropOldest(): boolean {
    const slot = this.#slots[this.#first];
    if (this.#count === 0 || slot === undefined) return false;
    this.#slots[this.#first] = undefined;
    this.#first = (this.#first + 1) % this.#countMax;
    this.#count--;
    this.#bytes -= slot.bytes;
    slot.answers.delete(slot.id);
    return true;
  }
}
