import { describe, expect, it } from "vitest";
import { Dials } from "../../../src/protocol/dials.ts";
import type { Flow } from "../../../src/protocol/flow.ts";
import { Kernel } from "../../../src/protocol/kernel.ts";
import { DEFAULT_SETTINGS, LIMITS } from "../../../src/protocol/settings.ts";
import { beLate } from "./late.ts";

const place = { address: "10.0.0.1", port: 1 };

function setUp() {
  const kernel = new Kernel({
    settings: DEFAULT_SETTINGS,
    random: () => 0.5,
    entropy: (length) => new Uint8Array(length),
  });
  const dials = new Dials(kernel);
  const entered: string[] = [];
  function* dial(namer: string): Flow {
    entered.push((yield* dials.enter(namer)) ? namer : `${namer} refused`);
  }
  return { kernel, dials, entered, dial: (namer: string) => kernel.spawn(dial(namer)) };
}

describe("Dials", () => {
  it("lets in a few at once, and one more for each that leaves", () => {
    const { dials, entered, dial } = setUp();
    for (let count = 0; count < LIMITS.dialsMax + 5; count += 1) dial("a");
    expect(entered.length).toBe(LIMITS.dialsMax);
    for (let count = 0; count < 5; count += 1) dials.leave();
    expect(entered.length).toBe(LIMITS.dialsMax + 5);
    for (let count = 0; count < LIMITS.dialsMax; count += 1) dials.leave();
    for (let count = 0; count < LIMITS.dialsMax + 1; count += 1) dial("b");
    expect(entered.length).toBe(2 * LIMITS.dialsMax + 5);
  });

  it("a member that names a thousand nodes does not keep out the one that another names", () => {
    const { dials, entered, dial } = setUp();
    for (let count = 0; count < 1_000; count += 1) dial("liar");
    dial("honest");
    dials.leave();
    dials.leave();
    expect(entered.slice(LIMITS.dialsMax)).toEqual(["liar", "honest"]);
  });

  it("refuses the names of a member that waits with too many already", () => {
    const { entered, dial } = setUp();
    for (let count = 0; count < LIMITS.dialsMax + LIMITS.dialsWaitingMax; count += 1) dial("liar");
    expect(entered).not.toContain("liar refused");
    dial("liar");
    expect(entered.at(-1)).toBe("liar refused");
  });

  it("lets in two at once while this machine is late, and as many as ever once it is not", () => {
    const { kernel, dials, entered, dial } = setUp();
    beLate(kernel, 150);
    for (let count = 0; count < 20; count += 1) dial("a");
    expect(entered.length).toBe(2);
    dials.leave();
    expect(entered.length).toBe(3);
    kernel.now = { monotonicMs: 10_000, unixSeconds: 0 };
    dials.leave();
    expect(entered.length).toBe(3 + LIMITS.dialsMax - 1);
  });

  it("D28: remembers that a name led nowhere, for that address alone", () => {
    const { dials } = setUp();
    dials.rememberFailure("x", place);
    expect(dials.failedLately("x", place)).toBe(true);
    expect(dials.failedLately("x", { ...place, port: 2 })).toBe(false);
    expect(dials.failedLately("y", place)).toBe(false);
  });

  it("D28: waits longer after each failure, up to twelve seconds", () => {
    const { kernel, dials } = setUp();
    const pausesMs: number[] = [];
    for (let failure = 0; failure < 5; failure += 1) {
      dials.rememberFailure("x", place);
      const sinceMs = kernel.now.monotonicMs;
      while (dials.failedLately("x", place))
        kernel.now = { monotonicMs: kernel.now.monotonicMs + 1_000, unixSeconds: 0 };
      pausesMs.push(kernel.now.monotonicMs - sinceMs);
    }
    expect(pausesMs).toEqual([3_000, 6_000, 12_000, 12_000, 12_000]);
  });

  it("remembers no more names than its limit, the newest", () => {
    const { dials } = setUp();
    for (let count = 0; count <= LIMITS.failedNamesMax; count += 1)
      dials.rememberFailure(`x${count}`, place);
    expect(dials.failedLately("x0", place)).toBe(false);
    expect(dials.failedLately("x1", place)).toBe(true);
    expect(dials.failedLately(`x${LIMITS.failedNamesMax}`, place)).toBe(true);
  });
});
