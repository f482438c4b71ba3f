/**
 * Versions of a state that others bring are looked at one by one for each owner: a change finds the
 * one before it then, and who brings many takes no more memory than who brings one.
 * @module
 */
import { type Flow, wait } from "./flow.ts";
import { sameBytes } from "./trust.ts";

/** Of one owner so many wait. What is left out comes up again when digests are compared. */
const WAITING_MAX = 8;
/** Others that brought the same, and wait for what comes of it. */
const ECHOES_MAX = 32;

/** A version that a peer has brought. */
export interface Brought {
  readonly owner: string;
  /** Who brought it. */
  readonly from: string;
  /** It is kept. */
  readonly signature: Uint8Array;
}

interface Looked extends Brought {
  readonly echoes: (() => void)[];
}

interface Waiting extends Looked {
  /** With false when it is left out. */
  readonly resume: (isItsTurn: boolean) => void;
}

interface Queue {
  current: Looked;
  readonly waiting: Waiting[];
}

export class OneByOne {
  readonly #queues = new Map<string, Queue>();

  /** Whether the same version is looked at already, or will be. */
  has(brought: Brought): boolean {
    return this.#find(brought) !== undefined;
  }

  /**
   * Waits until the same version has been looked at: what another peer brought under its signature
   * may be something else. False when too many wait for that.
   */
  *verdict(brought: Brought): Flow<boolean> {
    const echoes = this.#find(brought)?.echoes;
    if (echoes === undefined) return true;
    if (echoes.length >= ECHOES_MAX) return false;
    yield* wait<void>((resume) => echoes.push(() => resume()));
    return true;
  }

  /**
   * Waits until nothing else of that owner is looked at; {@link end} must follow. False for one that
   * is left out: too many came meanwhile.
   */
  *begin(brought: Brought): Flow<boolean> {
    const queue = this.#queues.get(brought.owner);
    if (queue === undefined) {
      this.#queues.set(brought.owner, { current: { ...brought, echoes: [] }, waiting: [] });
      return true;
    }
    const { waiting } = queue;
    const isItsTurn = yield* wait<boolean>((resume) => {
      waiting.push({ ...brought, echoes: [], resume });
      if (waiting.length > WAITING_MAX) leaveOneOut(waiting);
    });
    return isItsTurn;
  }

  end(owner: string): void {
    const queue = this.#queues.get(owner);
    if (queue === undefined) return;
    const { echoes } = queue.current;
    const next = queue.waiting.shift();
    if (next === undefined) this.#queues.delete(owner);
    else {
      queue.current = next;
      next.resume(true);
    }
    for (const echo of echoes) echo();
  }

  #find({ owner, signature }: Brought): Looked | undefined {
    const queue = this.#queues.get(owner);
    if (queue === undefined) return undefined;
    return [queue.current, ...queue.waiting].find((one) => sameBytes(one.signature, signature));
  }
}

/** The oldest of whoever brought most: nobody keeps others out. */
function leaveOneOut(waiting: Waiting[]): void {
  const countOf = ({ from }: Waiting) => waiting.filter((one) => one.from === from).length;
  const most = Math.max(...waiting.map(countOf));
  const index = waiting.findIndex((one) => countOf(one) === most);
  const [left] = waiting.splice(index, 1);
  left?.resume(false);
  for (const echo of left?.echoes ?? []) echo();
}
