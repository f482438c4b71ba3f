import { describe, expect, it } from "vitest";
import { all, type Flow, run, wait } from "../../../src/protocol/flow.ts";
import { Kernel } from "../../../src/protocol/kernel.ts";
import { DEFAULT_SETTINGS } from "../../../src/protocol/settings.ts";
import type { Reply } from "../../../src/wire/exchange.ts";
import { MessageType } from "../../../src/wire/message-type.ts";

function kernel(): Kernel {
  return new Kernel({
    settings: DEFAULT_SETTINGS,
    random: () => 0.5,
    entropy: (length) => new Uint8Array(length),
  });
}

function at(kernel: Kernel, monotonicMs: number): void {
  kernel.now = { monotonicMs, unixSeconds: monotonicMs / 1_000 };
  kernel.fireTimers();
}

const pong: Reply = { kind: "answer", payload: new Uint8Array() };
const place = { address: "10.0.0.1", port: 1 };
const limits = { answerBytesMax: 10 };

function unexpected(): never {
  throw new Error("not expected to happen");
}

function* fails(error: unknown): Flow {
  yield* wait<void>((resume) => resume());
  throw error;
}

describe("run()", () => {
  it("runs a flow to its end within one step when nothing is waited for", () => {
    const done: number[] = [];
    function* flow(): Flow<number> {
      const one = yield* wait<number>((resume) => resume(1));
      return one + (yield* wait<number>((resume) => resume(2)));
    }
    run(flow(), (value) => done.push(value), unexpected);
    expect(done).toEqual([3]);
  });

  it("takes the first of two results, and no second one", () => {
    const done: string[] = [];
    let first: (value: string) => void = () => undefined;
    let fail: (error: unknown) => void = () => undefined;
    function* flow(): Flow<string> {
      return yield* wait<string>((resume, reject) => {
        first = resume;
        fail = reject;
      });
    }
    run(flow(), (value) => done.push(value), unexpected);
    first("one");
    first("two");
    fail(new Error("three"));
    expect(done).toEqual(["one"]);
  });

  it("hands an error to the flow that waits, where it can be caught", () => {
    const caught: unknown[] = [];
    function* flow(): Flow {
      try {
        yield* wait<void>((_resume, fail) => fail("late"));
      } catch (error) {
        caught.push(error);
      }
      // Thrown where the waiting begins.
      yield* wait<void>(() => {
        throw new Error("early");
      });
    }
    run(flow(), unexpected, (error) => caught.push((error as Error).message));
    expect(caught).toEqual(["late", "early"]);
  });
});

describe("all()", () => {
  it("waits for all and keeps their order", () => {
    const done: unknown[] = [];
    const resumes: ((value: number) => void)[] = [];
    const flows = [0, 1, 2].map(() => wait<number>((resume) => void resumes.push(resume)));
    run(all(flows), (value) => done.push(value), unexpected);
    for (const index of [2, 0, 1]) resumes[index]?.(index * 10);
    expect(done).toEqual([[0, 10, 20]]);
  });

  it("ends with the first error, and at once when there is nothing to wait for", () => {
    const ends: unknown[] = [];
    run(all([fails("first"), fails("second")]), unexpected, (error) => ends.push(error));
    run(all([]), (value) => ends.push(value), unexpected);
    expect(ends).toEqual(["first", []]);
  });
});

describe("Kernel", () => {
  it("fires timers in order of time, and of setting when the time is the same", () => {
    const core = kernel();
    const fired: string[] = [];
    core.after(20, () => fired.push("late"));
    core.after(10, () => fired.push("first"));
    core.after(10, () => fired.push("second"));
    expect(core.wakeAt).toBe(10);
    at(core, 9);
    expect(fired).toEqual([]);
    at(core, 100);
    expect(fired).toEqual(["first", "second", "late"]);
    expect(core.wakeAt).toBeUndefined();
  });

  it("does not fire a cancelled timer, nor wake for it", () => {
    const core = kernel();
    const cancel = core.after(10, () => unexpected());
    core.after(30, () => undefined);
    cancel();
    expect(core.wakeAt).toBe(30);
    at(core, 20);
    cancel();
    expect(core.pending.timers).toBe(1);
  });

  it("a timer may set and cancel others while it fires", () => {
    const core = kernel();
    const fired: string[] = [];
    let cancel: () => void = () => undefined;
    core.after(10, () => {
      fired.push("first");
      cancel();
      core.after(0, () => fired.push("at once"));
    });
    cancel = core.after(10, () => fired.push("cancelled"));
    at(core, 10);
    expect(fired).toEqual(["first", "at once"]);
  });

  it("turns what a spawned flow throws into a fault, and goes on", () => {
    const core = kernel();
    const mistake = new Error("ours");
    core.spawn(fails(mistake));
    expect(core.takeEffects()).toEqual([{ kind: "fault", error: mistake }]);
    expect(core.takeEffects()).toEqual([]);
  });

  it("turns what a timer or a taker of replies throws into a fault, and goes on", () => {
    const core = kernel();
    const mistake = new Error("ours");
    const fail = () => {
      throw mistake;
    };
    const fault = { kind: "fault", error: mistake };
    let fired = 0;
    core.after(5, fail);
    core.after(5, () => {
      fired += 1;
    });
    at(core, 5);
    expect(core.takeEffects()).toEqual([fault]);
    expect(fired).toBe(1);
    core.broadcast([place], MessageType.PING, pong.payload, limits, fail);
    const [effect] = core.takeEffects();
    if (effect?.kind !== "request") throw new Error("no request");
    core.replied(effect.targets[0]?.exchange ?? 0, pong);
    expect(core.takeEffects()).toEqual([fault]);
  });

  it("sends one message to many in one effect, and tells each reply apart", () => {
    const core = kernel();
    const replies: [number, string][] = [];
    core.broadcast([place, { ...place, port: 2 }], MessageType.PING, pong.payload, limits, (i, r) =>
      replies.push([i, r.kind]),
    );
    const [effect] = core.takeEffects();
    if (effect?.kind !== "request") throw new Error("no request");
    expect(effect.targets.map(({ to }) => to.port)).toEqual([1, 2]);
    expect(effect.timeoutMs).toBe(DEFAULT_SETTINGS.requestTimeoutMs);
    const [first, second] = effect.targets.map(({ exchange }) => exchange);
    core.replied(second ?? 0, pong);
    core.replied(second ?? 0, pong);
    core.replied(9_999, pong);
    core.replied(first ?? 0, { kind: "failed", reason: "no-answer", detail: "" });
    expect(replies).toEqual([
      [1, "answer"],
      [0, "failed"],
    ]);
    expect(core.pending.replies).toBe(0);
  });

  it("D15: an answer from before we were suspended is no answer, unless asked for", () => {
    for (const takesLate of [false, true]) {
      const core = kernel();
      const replies: string[] = [];
      core.broadcast([place], MessageType.PING, pong.payload, { ...limits, takesLate }, (_i, r) =>
        replies.push(r.kind),
      );
      const [effect] = core.takeEffects();
      if (effect?.kind !== "request") throw new Error("no request");
      at(core, 13_000);
      core.replied(effect.targets[0]?.exchange ?? 0, pong);
      expect(replies).toEqual([takesLate ? "answer" : "failed"]);
    }
  });

  it("within() waits no longer than it says, and no longer than it must", () => {
    const core = kernel();
    const ended: string[] = [];
    function* patient(name: string, ms: number): Flow {
      yield* core.within(100, core.sleep(ms));
      ended.push(name);
    }
    core.spawn(patient("short", 50));
    core.spawn(patient("long", 5_000));
    at(core, 60);
    expect(ended).toEqual(["short"]);
    at(core, 110);
    expect(ended).toEqual(["short", "long"]);
    at(core, 6_000);
    expect(core.takeEffects()).toEqual([]);
    expect(core.pending.timers).toBe(0);
  });

  it("jitter() stays within a fifth; pick() takes from all and knows the empty list", () => {
    const core = new Kernel({
      settings: DEFAULT_SETTINGS,
      random: () => 0.999,
      entropy: (length) => new Uint8Array(length),
    });
    expect(core.jitter(100)).toBeCloseTo(120, 0);
    expect(core.pick([1, 2, 3])).toBe(3);
    expect(core.pick([])).toBeUndefined();
  });
});

describe("A machine whose signatures wait", () => {
  it("is late: all that comes in waits as well", () => {
    const core = kernel();
    at(core, 1_000);
    const begin = () => {
      core.spawn(core.verify(new Uint8Array(64), "python", new Uint8Array(), new Uint8Array()));
      const [effect] = core.takeEffects().filter(({ kind }) => kind === "verify");
      return effect?.kind === "verify" ? effect.operation : 0;
    };
    for (const afterMs of [110, 110, 400, 300]) {
      expect(core.latenessMs).toBe(0);
      const operation = begin();
      at(core, core.now.monotonicMs + afterMs);
      core.finished(operation, true);
    }
    expect(core.latenessMs).toBeGreaterThan(150);
  });

  it("is not, if one pause was what they waited for", () => {
    const core = kernel();
    at(core, 1_000);
    core.after(100, () => undefined);
    core.spawn(core.sign("native", new Uint8Array()));
    const [effect] = core.takeEffects();
    // Stopped for five seconds; the timer fires first, then what waited is signed.
    at(core, 6_000);
    at(core, 6_015);
    core.finished(effect?.kind === "sign" ? effect.operation : 0, new Uint8Array(64));
    expect(core.pending.operations).toBe(0);
    expect(core.latenessMs).toBe(0);
  });
});
