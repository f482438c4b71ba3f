/**
 * Typed events whose listeners cannot harm each other.
 * @module
 */

/** Called with what an event brings. What it throws or rejects with becomes a warning. */
export type Listener<Payload> = (payload: Payload) => unknown;

/** Told of what a listener threw, or what its promise was rejected with. */
export type OnListenerError = (event: string, error: unknown) => void;

/** Typed events: a map of names to payloads. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();
  readonly #onError: OnListenerError;

  /** @param onError Told of what listeners throw. */
  constructor(onError: OnListenerError) {
    this.#onError = onError;
  }

  /**
   * Calls `listener` at each `event`, until the function that this returns is called. As with
   * `EventEmitter`, an event that is being told reaches all who listened when it came.
   */
  on<Name extends keyof Events>(event: Name, listener: Listener<Events[Name]>): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    // A wrapper of its own, so that adding one function twice gives two independent undos.
    const own: Listener<Events[Name]> = (payload) => listener(payload);
    this.#listeners.set(event, listeners.add(own));
    return () => void listeners.delete(own);
  }

  /** Whether anybody listens to that event. */
  hasListeners(event: keyof Events): boolean {
    return (this.#listeners.get(event)?.size ?? 0) > 0;
  }

  /**
   * Tells all who listen now, in the order in which they began to. Never throws.
   *
   * @param copy Makes what each listener but the last is given, where it must be its own.
   */
  emit<Name extends keyof Events>(
    event: Name,
    payload: Events[Name],
    copy: (payload: Events[Name]) => Events[Name] = (same) => same,
  ): void {
    const listeners = [...(this.#listeners.get(event) ?? [])] as Listener<Events[Name]>[];
    const last = listeners.at(-1);
    for (const listener of listeners) {
      // The last one of all: earlier ones have changed their copies at most.
      const own = listener === last ? payload : copy(payload);
      callSafely(
        () => listener(own),
        (error) => this.#onError(String(event), error),
      );
    }
  }
}

/** Calls application code; what it throws, now or later, goes to `onError`. */
export function callSafely(call: () => unknown, onError: (error: unknown) => void): void {
  try {
    const result = call();
    if (result instanceof Promise) result.catch(onError);
  } catch (error) {
    onError(error);
  }
}
