/**
 * Conversations that read from top to bottom, without promises.
 *
 * A flow is a generator that yields each time it must wait for something outside: a reply, a
 * signature, a moment in time. Promises would hide *when* code runs in the microtask queue; a flow
 * runs exactly inside the step that brought what it waited for, so a run repeats to the byte.
 * @module
 */

/** Begins to wait; calls one of the two, once, in this step or a later one. */
export type Wait = (resume: (value: unknown) => void, fail: (error: unknown) => void) => void;

export type Flow<T = void> = Generator<Wait, T, unknown>;

/** Waits inside a flow: `const reply = yield* wait<Reply>((resume) => …)`. */
export function* wait<T>(
  start: (resume: (value: T) => void, fail: (error: unknown) => void) => void,
): Flow<T> {
  return (yield start as Wait) as T;
}

/** Runs a flow until its end; it starts at once. */
export function run<T>(
  flow: Flow<T>,
  onDone: (value: T) => void,
  onError: (error: unknown) => void,
): void {
  const advance = (step: () => IteratorResult<Wait, T>): void => {
    let result: IteratorResult<Wait, T>;
    try {
      result = step();
    } catch (error) {
      onError(error);
      return;
    }
    if (result.done === true) {
      onDone(result.value);
      return;
    }
    let settled = false;
    const once = (step: () => IteratorResult<Wait, T>) => {
      if (settled) return;
      settled = true;
      advance(step);
    };
    const fail = (error: unknown) => once(() => flow.throw(error));
    try {
      result.value((value) => once(() => flow.next(value)), fail);
    } catch (error) {
      fail(error);
    }
  };
  advance(() => flow.next());
}

/** Starts a flow now; what is returned waits for its end, once. */
export function begin<T>(flow: Flow<T>): Flow<T> {
  let ended: (() => void) | undefined;
  let onEnd: { resume: (value: T) => void; fail: (error: unknown) => void } | undefined;
  const end = (tell: (waiting: NonNullable<typeof onEnd>) => void) => {
    ended = () => onEnd !== undefined && tell(onEnd);
    ended();
  };
  run(
    flow,
    (value) => end(({ resume }) => resume(value)),
    (error) => end(({ fail }) => fail(error)),
  );
  return wait<T>((resume, fail) => {
    onEnd = { resume, fail };
    ended?.();
  });
}

/** Runs flows side by side and waits for all; the first error wins. */
export function* all<T>(flows: readonly Flow<T>[]): Flow<T[]> {
  if (flows.length === 0) return [];
  return yield* wait<T[]>((resume, fail) => {
    const results: T[] = [];
    let missing = flows.length;
    for (const [index, flow] of flows.entries()) {
      run(
        flow,
        (value) => {
          results[index] = value;
          missing -= 1;
          if (missing === 0) resume(results);
        },
        fail,
      );
    }
  });
}
