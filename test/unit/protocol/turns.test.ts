import { describe, expect, it } from "vitest";
import { Kernel } from "../../../src/protocol/kernel.ts";
import { DEFAULT_SETTINGS, LIMITS } from "../../../src/protocol/settings.ts";
import { Turn, Turns } from "../../../src/protocol/turns.ts";
import { beLate } from "./late.ts";

function setUp() {
  const kernel = new Kernel({
    settings: DEFAULT_SETTINGS,
    random: () => 0.5,
    entropy: (length) => new Uint8Array(length),
  });
  const turns = new Turns(kernel);
  const had: string[] = [];
  const ask = (name: string, urgent = false) => {
    const turn = new Turn(urgent);
    kernel.spawn(
      (function* () {
        yield* turns.take(turn);
        had.push(name);
      })(),
    );
    return turn;
  };
  const full = Array.from({ length: LIMITS.attemptsMax }, () => ask("first"));
  had.length = 0;
  return { kernel, ask, had, full };
}

describe("Turns", () => {
  it("are few at once; one that ends makes room for one", () => {
    const { ask, had, full } = setUp();
    for (const name of ["a", "b", "c"]) ask(name);
    expect(had).toEqual([]);
    full[0]?.end();
    full[0]?.end();
    expect(had).toEqual(["a"]);
    full[1]?.end();
    expect(had).toEqual(["a", "b"]);
  });

  it("alternate between urgent ones and others, each in their order", () => {
    const { ask, had, full } = setUp();
    for (const name of ["a", "b"]) ask(name);
    for (const name of ["u", "v"]) ask(name, true);
    const late = ask("late");
    late.urgent = true;
    for (const turn of full) turn.end();
    expect(had).toEqual(["u", "a", "v", "b", "late"]);
  });

  it("are two at once while this machine is late, and as many as ever once it is not", () => {
    const { kernel, ask, had, full } = setUp();
    for (let count = 0; count < 10; count += 1) ask("a");
    beLate(kernel, 150);
    for (const turn of full.slice(2)) turn.end();
    expect(had).toEqual([]);
    full[0]?.end();
    expect(had).toEqual(["a"]);
    kernel.now = { monotonicMs: 10_000, unixSeconds: 0 };
    full[1]?.end();
    expect(had.length).toBe(10);
  });

  it("are over after three seconds, whatever the attempt waits for", () => {
    const { kernel, ask, had } = setUp();
    ask("a");
    kernel.now = { monotonicMs: 3_000, unixSeconds: 0 };
    kernel.fireTimers();
    expect(had).toEqual(["a"]);
  });
});
