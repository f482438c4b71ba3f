/**
 * File systems unlike the one these tests run on, played by a layer over `node:fs/promises`: one
 * that ignores case (as on macOS and Windows), one without hard links (FAT, network shares), and
 * one on which nothing can be written for now.
 */
import { randomBytes } from "node:crypto";
import type * as FileSystem from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { generateKeyPair } from "../../../src/crypto/identity.ts";
import { loadSignatureEngine } from "../../../src/crypto/signatures.ts";
import { createFileCredentialStore } from "../../../src/storage/file-credential-store.ts";
import { createFilePeerCache } from "../../../src/storage/file-peer-cache.ts";

const NORMAL = vi.hoisted(() => ({ ignoresCase: false, hasLinks: true, linksTried: 0, error: "" }));
const traits = vi.hoisted(() => ({ ...NORMAL }));

vi.mock("node:fs/promises", async (importOriginal) => {
  const real = await importOriginal<typeof FileSystem>();

  /** The path under which a name is stored, if one that differs in case only is there. */
  async function stored(path: string): Promise<string> {
    if (!traits.ignoresCase) return path;
    const names = await real.readdir(dirname(path)).catch(() => []);
    const same = names.find((name) => name.toLowerCase() === basename(path).toLowerCase());
    return same === undefined ? path : join(dirname(path), same);
  }

  return {
    ...real,
    readFile: async (path: string) => real.readFile(await stored(path)),
    stat: async (path: string) => real.stat(await stored(path)),
    chmod: async (path: string, mode: number) => real.chmod(await stored(path), mode),
    unlink: async (path: string) => real.unlink(await stored(path)),
    rename: async (from: string, to: string) => real.rename(from, await stored(to)),
    open: async (path: string, flags: string, mode?: number) => {
      if (traits.error !== "") throw Object.assign(new Error("as it says"), { code: traits.error });
      return real.open(await stored(path), flags, mode);
    },
    link: async (from: string, to: string) => {
      traits.linksTried++;
      if (!traits.hasLinks) throw Object.assign(new Error("no links here"), { code: "EPERM" });
      await real.link(from, await stored(to));
    },
  };
});

const { mkdtemp, readdir, rm } = await vi.importActual<typeof FileSystem>("node:fs/promises");

const engine = loadSignatureEngine();
const newKey = () => generateKeyPair(engine, randomBytes).publicKey;

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "dsn-credentials-"));
});
afterEach(async () => {
  Object.assign(traits, NORMAL);
  await rm(directory, { recursive: true });
});

const open = (nodeId = "srv") => createFileCredentialStore({ directory, nodeId, engine });

describe("file credential store, where the file system ignores case", () => {
  beforeEach(() => {
    traits.ignoresCase = true;
  });

  it("refuses a peer whose id differs from a pinned one in case only", async () => {
    const store = open();
    await store.load();
    const key = newKey();
    await store.savePin("Bob", key);
    const refused = expect.objectContaining({
      code: "DSN_CONFIG",
      why: expect.stringContaining("differs in case") as string,
    }) as Error;
    await expect(store.savePin("bob", newKey())).rejects.toEqual(refused);
    // The same key as well: stored as "Bob", it would not be found as "bob" after a restart.
    await expect(store.savePin("bob", key)).rejects.toEqual(refused);
    const { pins } = await open().load();
    expect([...pins]).toEqual([["Bob", key]]);
  });

  it("refuses a peer whose id differs from this node's own in case only", async () => {
    const store = open();
    const { keyPair } = await store.load();
    await expect(store.savePin("SRV", newKey())).rejects.toThrow("Cannot store a key");
    expect(await store.deletePin("SRV")).toBe(false);
    expect((await open().load()).keyPair).toEqual(keyPair);
    expect((await readdir(join(directory, "srv"))).sort()).toEqual(["srv.key", "srv.pub"]);
  });

  it("does not delete a pin in the name of another case", async () => {
    const store = open();
    await store.load();
    await store.savePin("Bob", newKey());
    expect(await store.deletePin("bob")).toBe(false);
    expect((await open().load()).pins.has("Bob")).toBe(true);
  });
});

describe("file credential store, where there are no hard links", () => {
  beforeEach(() => {
    traits.hasLinks = false;
  });

  it("makes an identity, pins the first key and leaves no drafts behind", async () => {
    const store = open();
    const { keyPair, created } = await store.load();
    expect(created).toBe(true);
    const key = newKey();
    await store.savePin("peer", key);
    await expect(open().savePin("peer", newKey())).rejects.toMatchObject({
      code: "DSN_PEER_IDENTITY_CHANGED",
    });
    const again = await open().load();
    expect(again.keyPair).toEqual(keyPair);
    expect(again.pins.get("peer")).toEqual(key);
    expect(traits.linksTried).toBeGreaterThan(0);
    const files = await readdir(join(directory, "srv"));
    expect(files.sort()).toEqual(["peer.pub", "srv.key", "srv.pub"]);
  });

  it("gives one key to stores that pin together", async () => {
    const stores = Array.from({ length: 4 }, () => open());
    await stores[0]?.load();
    const results = await Promise.allSettled(stores.map((store) => store.savePin("p", newKey())));
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });
});

describe("files of a node, where nothing can be written for now", () => {
  it.each([
    ["ENOSPC", "the disk is full", "make room on it"],
    ["EDQUOT", "this user may store no more there", "make room, or raise the quota"],
    ["EROFS", "the disk is read-only", "choose a folder elsewhere"],
    ["EMFILE", "too many files and connections are open", "allow more of them: ulimit -n"],
    ["EACCES", "as it says", expect.stringMatching(/^let the user that runs this node/)],
  ])("%s is told with what helps", async (code, why, fix) => {
    const store = open();
    await store.load();
    const peers = createFilePeerCache({ directory, nodeId: "srv" });
    traits.error = code;
    await expect(store.savePin("bob", newKey())).rejects.toMatchObject({
      code: "DSN_IDENTITY_UNREADABLE",
      why: expect.stringContaining(why),
      fix: [fix],
    });
    await expect(peers.save([])).rejects.toMatchObject({
      code: "DSN_PEER_CACHE",
      why: expect.stringContaining(why),
      fix: [fix, "or turn it off: peerCache: false"],
    });
    traits.error = "";
    await store.savePin("bob", newKey());
    await store.close();
  });
});
