/** Watching: nothing is lost to a reader who is not slow, and a slow one makes nothing grow. */
import { describe, expect, it } from "vitest";
import { Emitter } from "../../../src/node/emitter.ts";
import { type DSNodeEvents, type State, toStateChange } from "../../../src/node/events.ts";
import { type WatchOptions, watch } from "../../../src/node/watch.ts";

/** A watch that begins with this state of the node "a", and what writes to that. */
function setUp(options: WatchOptions = {}, state: State = {}) {
  const events = new Emitter<DSNodeEvents>(() => undefined);
  const queue = watch(
    events,
    () => [["a", state]],
    () => true,
    options,
  );
  const write = (...keys: string[]) => {
    const current = new Map(keys.map((key) => [key, "v"]));
    const change = { added: keys, updated: [], removed: [], previous: new Map(), current };
    events.emit("state:update", toStateChange("a", change, 0, false));
  };
  return { events, queue, write };
}

function keys(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => `k${from + index}`);
}

function stateOf(names: readonly string[]): State {
  return Object.fromEntries(names.map((key) => [key, "v"]));
}

/** The keys of all that waits; the watch has ended then. */
async function rest({ events, queue }: ReturnType<typeof setUp>): Promise<string[]> {
  events.emit("close", undefined);
  const read: string[] = [];
  for await (const { key } of queue) read.push(key);
  return read;
}

describe("watch()", () => {
  it("begins with all that is there, however much it is", async () => {
    const watching = setUp({ highWaterMark: 3 }, stateOf(keys(0, 10)));
    expect(await rest(watching)).toEqual(keys(0, 10));
  });

  it("holds no more than that, and no more than it may once that has been read", async () => {
    const more = setUp({ highWaterMark: 3 }, stateOf(keys(0, 10)));
    more.write("x", "y");
    expect(await rest(more)).toEqual([...keys(2, 10), "x", "y"]);
    const read = setUp({ highWaterMark: 3 }, stateOf(keys(0, 10)));
    for (const _ of keys(0, 10)) await read.queue.next();
    for (const key of keys(10, 20)) read.write(key);
    expect(await rest(read)).toEqual(keys(17, 20));
  });

  it("gives a reader who waits for it all of one change, and what comes while that is read", async () => {
    const watching = setUp({ highWaterMark: 3 });
    const first = watching.queue.next();
    watching.write(...keys(0, 10));
    expect((await first).value?.key).toBe("k0");
    await watching.queue.next();
    watching.write("x");
    expect(await rest(watching)).toEqual([...keys(2, 10), "x"]);
  });

  it("drops the oldest for a reader who is slow", async () => {
    const watching = setUp({ highWaterMark: 3 });
    watching.write(...keys(0, 5));
    watching.write(...keys(5, 10));
    expect(await rest(watching)).toEqual(keys(7, 10));
  });

  it("ends when its signal aborts, whatever waits", async () => {
    const control = new AbortController();
    const { queue } = setUp({ signal: control.signal }, stateOf(["a", "b", "c"]));
    expect((await queue.next()).value?.key).toBe("a");
    control.abort();
    expect(await queue.next()).toEqual({ done: true, value: undefined });
  });

  it("whose signal was aborted before it began ends at once and leaves no listener", async () => {
    const { events, queue } = setUp({ signal: AbortSignal.abort() }, stateOf(["k"]));
    expect(await queue.next()).toEqual({ done: true, value: undefined });
    expect(events.hasListeners("state:update")).toBe(false);
    expect(events.hasListeners("state:local")).toBe(false);
    expect(events.hasListeners("close")).toBe(false);
  });
});
