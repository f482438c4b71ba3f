import { describe, expect, it } from "vitest";
import { type Flow, run } from "../../../src/protocol/flow.ts";
import { OneByOne } from "../../../src/protocol/one-by-one.ts";

function setUp() {
  const queue = new OneByOne();
  const told: string[] = [];
  const brought = (owner: string, number: number, from = "x") => {
    return { owner, from, signature: Uint8Array.of(number) };
  };
  const tell = (flow: Flow<boolean>, what: string, not: string) =>
    run(
      flow,
      (is) => told.push(`${what}${is ? "" : not}`),
      (error) => {
        throw error;
      },
    );
  const begin = (owner: string, number: number, from?: string) =>
    tell(queue.begin(brought(owner, number, from)), `${owner}${number}`, " left out");
  const verdict = (owner: string, number: number) =>
    tell(queue.verdict(brought(owner, number)), `looked at ${owner}${number}`, " too many");
  const has = (owner: string, number: number) => queue.has(brought(owner, number));
  return { queue, told, begin, verdict, has };
}

describe("OneByOne", () => {
  it("lets one of each owner in, and the next when that ends, in their order", () => {
    const { queue, told, begin } = setUp();
    for (const number of [1, 2, 3]) begin("a", number);
    begin("b", 1);
    expect(told).toEqual(["a1", "b1"]);
    queue.end("a");
    expect(told.slice(2)).toEqual(["a2"]);
    begin("a", 4);
    queue.end("a");
    queue.end("a");
    expect(told.slice(2)).toEqual(["a2", "a3", "a4"]);
    queue.end("a");
    begin("a", 5);
    expect(told.at(-1)).toBe("a5");
  });

  it("knows what is looked at and what will be, and forgets what was", () => {
    const { queue, begin, has } = setUp();
    begin("a", 1);
    begin("a", 2);
    const known = (owner: string) => [1, 2, 3].map((number) => has(owner, number));
    expect(known("a")).toEqual([true, true, false]);
    expect(known("b")).toEqual([false, false, false]);
    queue.end("a");
    expect(known("a")).toEqual([false, true, false]);
    queue.end("a");
    expect(known("a")).toEqual([false, false, false]);
  });

  it("tells who brought the same when it has been looked at, or left out", () => {
    const { queue, told, begin, verdict } = setUp();
    verdict("a", 1);
    expect(told).toEqual(["looked at a1"]);
    begin("a", 1);
    begin("a", 2);
    verdict("a", 1);
    verdict("a", 2);
    queue.end("a");
    expect(told.slice(1)).toEqual(["a1", "a2", "looked at a1"]);
    for (let number = 3; number <= 11; number += 1) begin("a", number);
    expect(told.slice(4)).toEqual(["a3 left out"]);
    verdict("a", 4);
    begin("a", 12);
    expect(told.slice(5)).toEqual(["a4 left out", "looked at a4"]);
    queue.end("a");
    expect(told.slice(7)).toEqual(["a5", "looked at a2"]);
  });

  it("lets no more than some thirty wait for one", () => {
    const { queue, told, begin, verdict } = setUp();
    begin("a", 1);
    for (let count = 0; count < 40; count += 1) verdict("a", 1);
    expect(told.filter((text) => text.endsWith("too many"))).toHaveLength(8);
    queue.end("a");
    expect(told.filter((text) => text === "looked at a1")).toHaveLength(32);
  });

  it("leaves out the oldest of whoever brought most", () => {
    const { queue, told, begin } = setUp();
    begin("a", 0);
    begin("a", 1, "honest");
    for (let number = 2; number <= 20; number += 1) begin("a", number, "greedy");
    expect(told.slice(1, 4)).toEqual(["a2 left out", "a3 left out", "a4 left out"]);
    queue.end("a");
    expect(told.at(-1)).toBe("a1");
    for (let ended = 0; ended < 8; ended += 1) queue.end("a");
    expect(told.slice(-7)).toEqual(["a14", "a15", "a16", "a17", "a18", "a19", "a20"]);
  });
});
