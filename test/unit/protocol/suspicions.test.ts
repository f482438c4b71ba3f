import { describe, expect, it } from "vitest";
import { Kernel } from "../../../src/protocol/kernel.ts";
import { DEFAULT_SETTINGS } from "../../../src/protocol/settings.ts";
import { Suspicions, type SuspicionsParts } from "../../../src/protocol/suspicions.ts";

describe("What sessions answer", () => {
  it("is judged by what datagrams show, once sessions have not been asked for a while", () => {
    const kernel = new Kernel({
      settings: DEFAULT_SETTINGS,
      random: () => 0.5,
      entropy: (length) => new Uint8Array(length),
    });
    // Nothing else of it is used.
    const suspicions = new Suspicions({ kernel } as SuspicionsParts);
    const answered = () => suspicions.answeredOnSessions;
    for (let count = 0; count < 100; count += 1) suspicions.noteOnSession(false);
    for (let count = 0; count < 100; count += 1) suspicions.note(true);
    expect(answered()).toBeLessThan(0.3);
    kernel.now = { monotonicMs: 19_000, unixSeconds: 0 };
    suspicions.note(true);
    expect(answered()).toBeLessThan(0.3);
    kernel.now = { monotonicMs: 21_000, unixSeconds: 0 };
    expect(answered()).toBeGreaterThan(0.9);
    kernel.now = { monotonicMs: 30_000, unixSeconds: 0 };
    expect(answered(), "both are old").toBeLessThan(0.3);
    for (let count = 0; count < 100; count += 1) suspicions.note(false);
    expect(answered()).toBeLessThan(0.3);
  });
});
