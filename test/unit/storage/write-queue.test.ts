import { describe, expect, it } from "vitest";
import { HighestWriter, WriteQueue } from "../../../src/storage/write-queue.ts";

/** A disk whose writes end when told. */
function slowDisk() {
  const started: number[] = [];
  const ends: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const write = (value: number) => {
    started.push(value);
    return new Promise<void>((resolve, reject) => void ends.push({ resolve, reject }));
  };
  return {
    write,
    started,
    end: () => ends.shift()?.resolve(),
    fail: () => ends.shift()?.reject(new Error("full")),
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("HighestWriter", () => {
  it("has one write in flight and then writes only the highest of what came meanwhile", async () => {
    const disk = slowDisk();
    const writer = new HighestWriter(disk.write);
    const saves = [writer.save(1)];
    await turn();
    for (let value = 2; value <= 1000; value++) saves.push(writer.save(value));
    await turn();
    expect(disk.started).toEqual([1]);
    disk.end();
    await saves[0];
    await turn();
    expect(disk.started).toEqual([1, 1000]);
    disk.end();
    await Promise.all(saves);
    expect(disk.started).toEqual([1, 1000]);
  });

  it("resolves a save only once a number as high was written", async () => {
    const disk = slowDisk();
    const writer = new HighestWriter(disk.write);
    const done: number[] = [];
    void writer.save(1).then(() => done.push(1));
    await turn();
    void writer.save(2).then(() => done.push(2));
    disk.end();
    await turn();
    expect(done).toEqual([1]);
    disk.end();
    await turn();
    expect(done).toEqual([1, 2]);
  });

  it("goes on after a write that failed, and tells only those who waited for it", async () => {
    const disk = slowDisk();
    const writer = new HighestWriter(disk.write);
    const first = writer.save(1);
    await turn();
    const second = writer.save(2);
    disk.fail();
    await expect(first).rejects.toThrow("full");
    await turn();
    disk.end();
    await expect(second).resolves.toBeUndefined();
    await expect(writer.idle()).resolves.toBeUndefined();
  });
});

describe("WriteQueue", () => {
  it("runs one job at a time, in order, whether they fail or not", async () => {
    const queue = new WriteQueue();
    const log: string[] = [];
    const job = (name: string, fails: boolean) => async () => {
      log.push(`${name} begins`);
      await turn();
      log.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    };
    const results = Promise.allSettled([
      queue.run(job("a", false)),
      queue.run(job("b", true)),
      queue.run(job("c", false)),
    ]);
    await queue.idle();
    expect(log).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
    expect((await results).map(({ status }) => status)).toEqual([
      "fulfilled",
      "rejected",
      "fulfilled",
    ]);
  });
});
