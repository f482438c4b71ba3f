/**
 * Changes as an async iterator that a slow reader cannot make grow.
 *
 * While the reader is busy, later changes of the same key replace earlier ones that wait; there is
 * at most one waiting change per key, and at most `highWaterMark` in all.
 * @module
 */

import type { Emitter } from "./emitter.ts";
import type { DSNodeEvents, State, StateChange } from "./events.ts";
import { globMatcher } from "./glob.ts";

/** What to watch. */
export interface WatchOptions {
  /** Only these owners; `*` stands for any text. @default "*" */
  readonly node?: string | undefined;
  /** Only these keys; `*` stands for any text. @default "*" */
  readonly key?: string | undefined;
  /** Leave out what is there when watching begins. @default false */
  readonly updatesOnly?: boolean | undefined;
  /** Ends the iteration at once, whatever waits, without an error. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Most changes that wait for a slow reader; beyond it the oldest are dropped. Nothing is dropped
   * of what is there when watching begins, nor of one change of many keys that comes while the
   * reader waits for it. @default 10000
   */
  readonly highWaterMark?: number | undefined;
}

/** One change of one key. */
export interface WatchEvent {
  /** Whether the key has a value now, or is there no more. */
  readonly type: "set" | "delete";
  /** The owner of the key. */
  readonly nodeId: string;
  /** Which key of its state. */
  readonly key: string;
  /** The value now; undefined for a deletion. */
  readonly value: string | undefined;
  /** The value before; undefined for a new key. */
  readonly previous: string | undefined;
  /** It was there when watching began. */
  readonly initial: boolean;
  /** Changes of the same key that this one replaced while the reader was busy. */
  readonly merged: number;
}

const HIGH_WATER_MARK = 10_000;

/**
 * @param present What is there now.
 * @param isNew Inside a listener: whether its event is not part of `present`.
 */
export function watch(
  events: Emitter<DSNodeEvents>,
  present: () => Iterable<readonly [nodeId: string, state: State]>,
  isNew: () => boolean,
  options: WatchOptions,
): ChangeQueue {
  const queue = new ChangeQueue(options.highWaterMark ?? HIGH_WATER_MARK);
  const wantsNode = globMatcher(options.node);
  const wantsKey = globMatcher(options.key);

  const onChange = (change: StateChange) => {
    if (wantsNode(change.nodeId) && isNew()) queue.addAll(changesOf(change, wantsKey));
  };
  if (options.updatesOnly !== true) {
    // Nobody has been slow yet.
    for (const [nodeId, state] of present()) {
      if (wantsNode(nodeId)) queue.addAll(initialOf(nodeId, state, wantsKey), false);
    }
  }
  const undo = [
    events.on("state:update", onChange),
    events.on("state:local", onChange),
    events.on("close", () => queue.end()),
  ];
  const { signal } = options;
  // Whoever aborts has no use for what waits.
  const abort = () => void queue.return();
  queue.onEnd = () => {
    for (const step of undo) step();
    signal?.removeEventListener("abort", abort);
  };
  if (signal?.aborted === true) abort();
  else signal?.addEventListener("abort", abort, { once: true });
  return queue;
}

type Change = Omit<WatchEvent, "merged">;

function initialOf(nodeId: string, state: State, wantsKey: (key: string) => boolean): Change[] {
  return Object.entries(state)
    .filter(([key]) => wantsKey(key))
    .map(([key, value]) => {
      return { type: "set", nodeId, key, value, previous: undefined, initial: true };
    });
}

function changesOf(
  { nodeId, current, previous, removed }: StateChange,
  wantsKey: (key: string) => boolean,
): Change[] {
  const toChange = (type: Change["type"], key: string, value: string | undefined): Change => {
    return { type, nodeId, key, value, previous: previous[key], initial: false };
  };
  return [
    ...Object.entries(current).map(([key, value]) => toChange("set", key, value)),
    ...removed.map((key) => toChange("delete", key, undefined)),
  ].filter(({ key }) => wantsKey(key));
}

/** Changes that wait for their reader. */
export class ChangeQueue implements AsyncIterableIterator<WatchEvent> {
  /** Called once, when nothing more is taken. */
  onEnd: () => void = () => undefined;
  readonly #max: number;
  /** How many may wait: more while what came at once is not read. */
  #room: number;
  readonly #waiting = new Map<string, WatchEvent>();
  #reader: ((result: IteratorResult<WatchEvent>) => void) | undefined;
  #ended = false;

  constructor(max: number) {
    this.#max = Math.max(1, max);
    this.#room = this.#max;
  }

  /** @param isSlow The reader is busy with what came before: of too much the oldest is dropped. */
  addAll(changes: readonly Change[], isSlow = this.#reader === undefined): void {
    if (this.#ended) return;
    for (const change of changes) this.#add(change);
    if (!isSlow) this.#room = Math.max(this.#room, this.#waiting.size);
    while (this.#waiting.size > this.#room) this.#dropOldest();
  }

  #add(change: Change): void {
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      reader({ done: false, value: { ...change, merged: 0 } });
      return;
    }
    const slot = JSON.stringify([change.nodeId, change.key]);
    const waiting = this.#waiting.get(slot);
    const merged = waiting === undefined ? 0 : waiting.merged + 1;
    const previous = waiting === undefined ? change.previous : waiting.previous;
    // Moves to the end: changes are read in the order in which the latest of each key came.
    this.#waiting.delete(slot);
    this.#waiting.set(slot, { ...change, previous, merged });
  }

  #dropOldest(): void {
    for (const slot of this.#waiting.keys()) {
      this.#waiting.delete(slot);
      return;
    }
  }

  /** Takes nothing more. What waits can still be read. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.onEnd();
    this.#reader?.({ done: true, value: undefined });
    this.#reader = undefined;
  }

  next(): Promise<IteratorResult<WatchEvent>> {
    for (const [slot, change] of this.#waiting) {
      this.#waiting.delete(slot);
      if (this.#waiting.size <= this.#max) this.#room = this.#max;
      return Promise.resolve({ done: false, value: change });
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    if (this.#reader !== undefined) {
      return Promise.reject(new TypeError("Cannot read a watch twice at the same time"));
    }
    return new Promise((resolve) => {
      this.#reader = resolve;
    });
  }

  return(): Promise<IteratorResult<WatchEvent>> {
    this.#waiting.clear();
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<WatchEvent> {
    return this;
  }
}
