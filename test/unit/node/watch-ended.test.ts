import { describe, expect, it } from "vitest";
import { Emitter } from "../../../src/node/emitter.ts";
import type { DSNodeEvents } from "../../../src/node/events.ts";
import { watch } from "../../../src/node/watch.ts";

describe("A watch whose signal was aborted before it began", () => {
  it("ends at once and leaves no listener behind", async () => {
    const events = new Emitter<DSNodeEvents>(() => undefined);
    const signal = AbortSignal.abort();
    const queue = watch(
      events,
      () => [],
      () => true,
      { signal },
    );
    expect(await queue.next()).toEqual({ done: true, value: undefined });
    expect(events.hasListeners("state:update")).toBe(false);
    expect(events.hasListeners("state:local")).toBe(false);
    expect(events.hasListeners("close")).toBe(false);
  });
});
