import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createFile, readIfThere, replaceFile } from "../../../src/storage/durable-file.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dsn-durable-"));
});
afterEach(() => rm(folder, { recursive: true }));

const content = Buffer.from("content");

describe("replaceFile()", () => {
  it("writes a new file, and one in place of another", async () => {
    const path = join(folder, "file");
    await replaceFile(path, Buffer.from("old and longer"));
    await replaceFile(path, content);
    expect(await readFile(path)).toEqual(content);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(["file"]);
  });

  it("leaves no draft behind when it fails", async () => {
    await mkdir(join(folder, "taken"));
    await expect(replaceFile(join(folder, "taken"), content)).rejects.toThrow();
    await expect(replaceFile(join(folder, "missing", "file"), content)).rejects.toThrow("ENOENT");
    expect(await readdir(folder)).toEqual(["taken"]);
  });

  it("shows readers the old content or the new, never a part", async () => {
    const path = join(folder, "file");
    const contents = [Buffer.alloc(200_000, 1), Buffer.alloc(100_000, 2)];
    await replaceFile(path, contents[0] ?? content);
    const lengths = new Set<number>();
    const writing = (async () => {
      for (let count = 0; count < 20; count++)
        await replaceFile(path, contents[count % 2] ?? content);
    })();
    for (let count = 0; count < 100; count++) lengths.add((await readFile(path)).length);
    await writing;
    for (const length of lengths) expect([100_000, 200_000]).toContain(length);
  });
});

describe("createFile()", () => {
  it("writes a file that is not there and leaves one that is", async () => {
    const path = join(folder, "file");
    expect(await createFile(path, content)).toBe(true);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(path)).nlink).toBe(1);
    expect(await createFile(path, Buffer.from("other"))).toBe(false);
    expect(await readFile(path)).toEqual(content);
    expect(await readdir(folder)).toEqual(["file"]);
  });

  it("succeeds once when tried many times at once", async () => {
    const path = join(folder, "file");
    const tries = Array.from({ length: 20 }, (_, index) =>
      createFile(path, Buffer.from(`${index}`)),
    );
    const created = await Promise.all(tries);
    expect(created.filter(Boolean)).toHaveLength(1);
    expect((await readFile(path)).toString()).toBe(`${created.indexOf(true)}`);
    expect(await readdir(folder)).toEqual(["file"]);
  });
});

describe("readIfThere()", () => {
  it("tells a missing file from one that cannot be read", async () => {
    await writeFile(join(folder, "file"), content);
    expect(await readIfThere(join(folder, "file"))).toEqual(content);
    expect(await readIfThere(join(folder, "missing"))).toBeUndefined();
    await expect(readIfThere(folder)).rejects.toThrow("EISDIR");
  });
});
