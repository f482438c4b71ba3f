import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { createFilePeerCache } from "../../src/storage/file-peer-cache.ts";
import { createMemoryPeerCache } from "../../src/storage/memory-peer-cache.ts";
import { describePeerCache, peer } from "./peer-cache.ts";

const nodeId = "node-1";
const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "dsn-peers-"));
  folders.push(folder);
  return folder;
}

describePeerCache("memory", () => {
  const cache = createMemoryPeerCache();
  return () => cache;
});

describePeerCache("files", async () => {
  const directory = await newFolder();
  return () => createFilePeerCache({ directory, nodeId });
});

describe("createFilePeerCache()", () => {
  it("writes one file, for its owner only, and leaves no draft", async () => {
    const directory = await newFolder();
    await createFilePeerCache({ directory, nodeId }).save([peer("a")]);
    expect(await readdir(join(directory, nodeId))).toEqual(["node-1.peers"]);
    expect((await stat(join(directory, nodeId, "node-1.peers"))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(directory, nodeId, "node-1.peers"), "utf8")).toBe(
      '{"format":1,"peers":[\n{"id":"a","address":"10.0.0.2","port":8000,"seen":1700000000,"native":true}\n]}\n',
    );
  });

  it.each([
    ["cut off", '{"format":1,"peers":[{"id":"a"'],
    ["of another format", '{"format":2,"peers":[]}'],
    [
      "with a port that cannot be",
      '{"format":1,"peers":[{"id":"a","address":"b","port":0,"seen":1,"native":true}]}',
    ],
    ["of a megabyte and more", `"${"x".repeat(1024 * 1024)}"`],
  ])("takes a file that is %s for an empty one, says so, and writes it anew", async (_, text) => {
    const directory = await newFolder();
    await mkdir(join(directory, nodeId));
    await writeFile(join(directory, nodeId, "node-1.peers"), text);
    const cache = createFilePeerCache({ directory, nodeId });
    const { peers, problem } = await cache.load();
    expect(peers).toEqual([]);
    expect(problem?.code).toBe("DSN_PEER_CACHE");
    expect(problem?.why).toContain("node-1.peers");
    await cache.save([peer("a")]);
    expect(await cache.load()).toEqual({ peers: [peer("a")], problem: undefined });
  });

  it("says when it cannot write", async () => {
    const directory = join(await newFolder(), "file");
    await writeFile(directory, "");
    const saving = createFilePeerCache({ directory, nodeId }).save([peer("a")]);
    await expect(saving).rejects.toMatchObject({ code: "DSN_PEER_CACHE" });
  });
});
