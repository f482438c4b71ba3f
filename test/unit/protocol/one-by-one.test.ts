import { describe, expect, it } from "vitest";
import { run } from "../../../src/protocol/flow.ts";
import { OneByOne } from "../../../src/protocol/one-by-one.ts";

const signature = (number: number) => Uint8Array.of(number);

function setUp() {
  const queue = new OneByOne();
  const order: string[] = [];
  const begin = (owner: string, number: number) =>
    run(
      queue.begin(owner, signature(number)),
      (isItsTurn) => order.push(`${owner}${number}${isItsTurn ? "" : " left out"}`),
      (error) => {
        throw error;
      },
    );
  return { queue, order, begin };
}

describe("OneByOne", () => {
  it("lets one of each owner in, and the next when that ends, in their order", () => {
    const { queue, order, begin } = setUp();
    for (const number of [1, 2, 3]) begin("a", number);
    begin("b", 1);
    expect(order).toEqual(["a1", "b1"]);
    queue.end("a");
    expect(order.slice(2)).toEqual(["a2"]);
    begin("a", 4);
    queue.end("a");
    queue.end("a");
    expect(order.slice(2)).toEqual(["a2", "a3", "a4"]);
    queue.end("a");
    begin("a", 5);
    expect(order.at(-1)).toBe("a5");
  });

  it("knows what is looked at and what will be, and forgets what was", () => {
    const { queue, begin } = setUp();
    begin("a", 1);
    begin("a", 2);
    const known = (owner: string) => [1, 2, 3].map((one) => queue.has(owner, signature(one)));
    expect(known("a")).toEqual([true, true, false]);
    expect(known("b")).toEqual([false, false, false]);
    queue.end("a");
    expect(known("a")).toEqual([false, true, false]);
    queue.end("a");
    expect(known("a")).toEqual([false, false, false]);
  });

  it("leaves out the oldest where too many wait", () => {
    const { queue, order, begin } = setUp();
    for (let number = 0; number <= 10; number += 1) begin("a", number);
    expect(order).toEqual(["a0", "a1 left out", "a2 left out"]);
    for (let ended = 0; ended <= 8; ended += 1) queue.end("a");
    expect(order.slice(3)).toEqual(["a3", "a4", "a5", "a6", "a7", "a8", "a9", "a10"]);
  });
});
