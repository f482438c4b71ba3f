import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { SignatureEngine } from "../../../src/crypto/signatures.ts";
import { ValueTypeError } from "../../../src/errors.ts";
import { machineAddresses } from "../../../src/node/addresses.ts";
import { Crypto } from "../../../src/node/crypto-work.ts";
import { toState, toStateChange } from "../../../src/node/events.ts";
import { globMatcher } from "../../../src/node/glob.ts";
import { checkEntry, toBytes } from "../../../src/node/values.ts";
import { afterAnyTime, waitFor } from "../../../src/node/waiting.ts";
import type { Effect, Input } from "../../../src/protocol/index.ts";

describe("globMatcher()", () => {
  it.each([
    [undefined, ["", "anything"], []],
    ["*", ["", "anything", "a\nb"], []],
    ["a", ["a"], ["A", "aa", ""]],
    ["a*", ["a", "ab", "a*"], ["ba"]],
    ["*a", ["a", "ba"], ["ab"]],
    ["a*c*e", ["ace", "abcde", "a\nc\ne"], ["aec", "ac"]],
    ["a.b", ["a.b"], ["axb"]],
    ["[a]*(b)+$^|\\{1}?", ["[a]x(b)+$^|\\{1}?"], ["ab"]],
  ])("%j", (pattern, yes, no) => {
    const matches = globMatcher(pattern);
    for (const text of yes) expect(matches(text), text).toBe(true);
    for (const text of no) expect(matches(text), text).toBe(false);
  });
});

describe("checkEntry() and toBytes()", () => {
  it("name what was given, in few words", () => {
    expect(() => checkEntry("k", { a: 1 })).toThrow(
      /^Cannot write an object of Object to "k": values are strings/,
    );
    expect(() => checkEntry(7, "v")).toThrow("the key the number 7: keys are strings");
    expect(() => checkEntry("k", Object.create(null))).toThrow(ValueTypeError);
    expect(() => checkEntry("k".repeat(9_999), null)).toThrow(/^.{0,200}$/);
    expect(() => toBytes([1, 2])).toThrow(
      "Cannot send an object of Array: give a string or a Uint8Array",
    );
    expect(() => checkEntry("", "")).not.toThrow();
    expect(() => checkEntry("\ud800\ud800x", "v")).toThrow(
      'Cannot write "\ufffd\ufffdx": half of a surrogate pair in its key',
    );
    // The message cuts a pair in two; it shows no half either.
    expect(() => checkEntry(`${"k".repeat(63)}🔑`, "\ud800")).toThrow(
      `Cannot write "${"k".repeat(63)}\ufffd": half of a surrogate pair in its value`,
    );
  });

  it("bytes are UTF-8, or as they are", () => {
    expect(toBytes("é")).toEqual(Uint8Array.of(0xc3, 0xa9));
    const bytes = Uint8Array.of(1, 2);
    expect(toBytes(bytes)).toBe(bytes);
    const buffer = Buffer.from("xyz").subarray(1);
    expect(toBytes(buffer)).toEqual(Uint8Array.from(buffer));
    expect(toBytes(buffer).buffer).toBe(buffer.buffer);
    expect(Buffer.isBuffer(toBytes(buffer))).toBe(false);
  });
});

describe("toState() and toStateChange()", () => {
  it("make frozen objects without a prototype", () => {
    const state = toState(new Map([["__proto__", "p"]]));
    expect(Object.entries(state)).toEqual([["__proto__", "p"]]);
    expect(Object.isFrozen(state)).toBe(true);
    const change = toStateChange(
      "a",
      {
        added: ["k"],
        updated: [],
        removed: [],
        previous: new Map(),
        current: new Map([["k", "v"]]),
      },
      1_700_000_000.5,
      true,
    );
    expect(change.updatedAt.toISOString()).toBe("2023-11-14T22:13:20.500Z");
    expect(change.current["k"]).toBe("v");
  });
});

describe("machineAddresses()", () => {
  it("is the one address that is listened on, or those of the machine", () => {
    expect(machineAddresses("127.0.0.1")).toEqual(["127.0.0.1"]);
    for (const address of machineAddresses("::")) {
      expect(address).not.toMatch(/^127\.|^::1$|^fe80:/);
    }
  });
});

describe("waitFor()", () => {
  const after = (ms: number, run: () => void) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  };

  it("looks at once, at each hint, and never after its end", async () => {
    const hints = new Set<() => void>();
    let value: number | undefined;
    const check = vi.fn(() => value);
    const watch = (again: () => void) => {
      hints.add(again);
      return () => hints.delete(again);
    };
    const waiting = waitFor({ check, watch, after, missing: () => "it" }, { timeout: 0 });
    for (const hint of hints) hint();
    expect(check).toHaveBeenCalledTimes(2);
    value = 7;
    for (const hint of hints) hint();
    expect(await waiting).toBe(7);
    expect(hints.size).toBe(0);
  });

  it("ends with its time, its signal, or its hope, and cleans up", async () => {
    const undone = vi.fn();
    const condition = {
      check: () => undefined,
      watch: () => undone,
      after,
      missing: () => "rain",
    };
    await expect(waitFor(condition, { timeout: 5 })).rejects.toMatchObject({
      code: "DSN_TIMEOUT",
      message: "Timed out after 5 ms waiting for rain",
    });
    const control = new AbortController();
    const aborted = waitFor(condition, { signal: control.signal });
    // As `fetch()` does: the reason is passed on, whatever it is.
    control.abort("no error");
    await expect(aborted).rejects.toBe("no error");
    const early = waitFor(condition, { signal: AbortSignal.abort("before") });
    await expect(early).rejects.toBe("before");
    const never = new Error("never");
    await expect(waitFor({ ...condition, hopeless: () => never })).rejects.toBe(never);
    expect(undone).toHaveBeenCalledTimes(3);
  });
});

describe("afterAnyTime()", () => {
  const DAY_MS = 24 * 3_600_000;

  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("waits longer than the 24.8 days of a timer of the system", () => {
    const run = vi.fn();
    afterAnyTime(60 * DAY_MS, run);
    vi.advanceTimersByTime(60 * DAY_MS - 1);
    expect(run).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(run).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("can be undone at any time", () => {
    const run = vi.fn();
    const undo = afterAnyTime(60 * DAY_MS, run);
    vi.advanceTimersByTime(50 * DAY_MS);
    undo();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(50 * DAY_MS);
    expect(run).not.toHaveBeenCalled();
  });
});

describe("Crypto", () => {
  const signEffect = (operation: number): Extract<Effect, { kind: "sign" }> => ({
    kind: "sign",
    operation,
    scheme: "python",
    message: new Uint8Array(),
    entropy: new Uint8Array(32),
  });

  /** An engine that takes its time. */
  function slowEngine(ms: number): SignatureEngine {
    const sign = () => {
      const end = performance.now() + ms;
      while (performance.now() < end);
      return new Uint8Array(64);
    };
    return { sign } as unknown as SignatureEngine;
  }

  it("keeps the order, and leaves the event loop to others in between", async () => {
    const done: number[] = [];
    const onDone = (inputs: readonly Input[]) => {
      for (const input of inputs) if (input.kind === "signed") done.push(input.operation);
    };
    const crypto = new Crypto(slowEngine(2), new Uint8Array(32), onDone);
    const count = 40;
    for (let operation = 0; operation < count; operation++) crypto.add(signEffect(operation));
    expect(done.length).toBeLessThan(count / 2);
    let turns = 0;
    while (done.length < count) {
      await turn();
      turns += 1;
    }
    expect(done).toEqual(Array.from({ length: count }, (_, operation) => operation));
    expect(turns).toBeGreaterThan(5);
  });

  it("does nothing more once it is stopped", async () => {
    const onDone = vi.fn();
    const crypto = new Crypto(slowEngine(6), new Uint8Array(32), onDone);
    for (let operation = 0; operation < 10; operation++) crypto.add(signEffect(operation));
    const calls = onDone.mock.calls.length;
    crypto.stop();
    await turn();
    await turn();
    expect(onDone).toHaveBeenCalledTimes(calls);
  });
});
