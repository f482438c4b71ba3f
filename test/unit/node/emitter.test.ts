import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Emitter } from "../../../src/node/emitter.ts";

interface Events {
  one: number;
  two: string;
}

describe("Emitter", () => {
  it("calls the listeners of an event in order, until their undo", () => {
    const emitter = new Emitter<Events>(() => undefined);
    const told: unknown[] = [];
    const listener = (value: number) => told.push(value);
    const undo = emitter.on("one", listener);
    const undoAgain = emitter.on("one", listener);
    emitter.on("two", (value) => told.push(value));
    emitter.emit("one", 1);
    expect(told).toEqual([1, 1]);
    undo();
    undo();
    emitter.emit("one", 2);
    emitter.emit("two", "x");
    expect(told).toEqual([1, 1, 2, "x"]);
    expect(emitter.hasListeners("one")).toBe(true);
    undoAgain();
    expect(emitter.hasListeners("one")).toBe(false);
  });

  it("one that is added or removed meanwhile does not change the round", () => {
    const emitter = new Emitter<Events>(() => undefined);
    const told: string[] = [];
    emitter.on("one", () => {
      told.push("first");
      undo();
      emitter.on("one", () => told.push("late"));
    });
    const undo = emitter.on("one", () => told.push("second"));
    emitter.emit("one", 1);
    expect(told).toEqual(["first", "second"]);
  });

  it("gives each but the last a copy, where one is made: a single listener costs none", () => {
    const emitter = new Emitter<{ three: { bytes: number[] } }>(() => undefined);
    const payload = { bytes: [1] };
    const told: { bytes: number[] }[] = [];
    const copy = ({ bytes }: typeof payload) => ({ bytes: [...bytes] });
    const listen = () =>
      emitter.on("three", (value) => {
        told.push(value);
        value.bytes.push(told.length + 1);
      });
    listen();
    emitter.emit("three", payload, copy);
    expect(told[0]).toBe(payload);
    listen();
    listen();
    emitter.emit("three", payload, copy);
    expect(told.slice(1).map(({ bytes }) => bytes)).toEqual([
      [1, 2, 3],
      [1, 2, 4],
      [1, 2, 5],
    ]);
    expect(told[3]).toBe(payload);
  });

  it("passes on what a listener throws or is rejected with, and calls the others", async () => {
    const errors: unknown[] = [];
    const emitter = new Emitter<Events>((event, error) => errors.push(event, error));
    const told: number[] = [];
    emitter.on("one", () => {
      throw new Error("thrown");
    });
    emitter.on("one", async () => {
      await turn();
      throw new Error("rejected");
    });
    emitter.on("one", (value) => told.push(value));
    emitter.emit("one", 1);
    expect(told).toEqual([1]);
    await turn();
    await turn();
    expect(errors).toEqual(["one", new Error("thrown"), "one", new Error("rejected")]);
  });
});
