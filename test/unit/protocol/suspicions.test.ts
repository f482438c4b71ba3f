import { describe, expect, it } from "vitest";
import { DsnError } from "../../../src/errors.ts";
import { AnsweredShare } from "../../../src/protocol/answered-share.ts";
import type { Flow } from "../../../src/protocol/flow.ts";
import { Kernel } from "../../../src/protocol/kernel.ts";
import { Members } from "../../../src/protocol/members.ts";
import type { Unanswered } from "../../../src/protocol/native-question.ts";
import { DEFAULT_SETTINGS } from "../../../src/protocol/settings.ts";
import { Suspicions, type SuspicionsParts } from "../../../src/protocol/suspicions.ts";

const silent = new DsnError("DSN_UNREACHABLE", "Cannot reach bob");

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

describe("A node that answers nothing", () => {
  /** How long until it is given up, by what was answered before. */
  function lastsMs(answers: (index: number) => boolean): number {
    const kernel = new Kernel({
      settings: DEFAULT_SETTINGS,
      random: () => 0.5,
      entropy: (length) => new Uint8Array(length),
    });
    const member = new Members(kernel).add("bob", new Uint8Array(64));
    if (member === undefined) throw new Error("no room");
    const first: Unanswered = { trouble: silent, quick: false, refused: false };
    function* unanswered<T>(result: T): Flow<T> {
      yield* kernel.sleep(1_500);
      return result;
    }
    const suspicions = new Suspicions({
      kernel,
      question: {
        takesDatagrams: () => true,
        answersDatagram: () => unanswered(false),
        ask: () => unanswered(first),
      } as unknown as SuspicionsParts["question"],
      relays: { reach: () => unanswered(false) } as unknown as SuspicionsParts["relays"],
      rumours: { tellSome: () => undefined } as unknown as SuspicionsParts["rumours"],
      overlay: { isSparse: false, reaches: () => true } as unknown as SuspicionsParts["overlay"],
      holdMs: () => 0,
    });
    for (let index = 0; index < 200; index += 1) suspicions.note(answers(index));
    let endMs: number | undefined;
    kernel.spawn(
      (function* (): Flow {
        yield* suspicions.suspect(member, 0, first, () => true);
        endMs = kernel.now.monotonicMs;
      })(),
    );
    while (endMs === undefined && kernel.wakeAt !== undefined) {
      kernel.now = { monotonicMs: kernel.wakeAt, unixSeconds: 0 };
      kernel.fireTimers();
    }
    return endMs ?? Number.NaN;
  }

  it("is borne for 3.1 s on good links, and on bad ones until their way has begun anew besides", () => {
    expect(lastsMs(() => true)).toBeCloseTo(3_100, -3);
    const share = new AnsweredShare();
    for (let index = 0; index < 200; index += 1) share.note(index % 5 > 0);
    const triesMs = share.tries(1e-7) * 300;
    const badMs = lastsMs((index) => index % 5 > 0);
    expect(badMs).toBeGreaterThanOrEqual(triesMs + 3_000);
    expect(badMs).toBeLessThan(triesMs + 4_000);
  });
});
