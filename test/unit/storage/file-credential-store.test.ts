import { randomBytes } from "node:crypto";
import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  unlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fingerprint, generateKeyPair } from "../../../src/crypto/identity.ts";
import { loadSignatureEngine } from "../../../src/crypto/signatures.ts";
import { DsnError } from "../../../src/errors.ts";
import type { CredentialStore } from "../../../src/storage/credential-store.ts";
import { createFileCredentialStore } from "../../../src/storage/file-credential-store.ts";
import { fromHex, loadVectors } from "../../vectors.ts";

interface KeyVector {
  readonly name: string;
  readonly private: string;
  readonly public_raw64: string;
  readonly public_compressed33: string;
}

const keyVectors = loadVectors<KeyVector>("keys");

const engine = loadSignatureEngine();
const newKey = () => generateKeyPair(engine, randomBytes).publicKey;

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "dsn-credentials-"));
});
afterEach(() => rm(root, { recursive: true }));

const at = (...path: string[]) => join(root, "credentials", ...path);

function open(nodeId = "srv", directory = at()): CredentialStore {
  return createFileCredentialStore({ directory, nodeId, engine });
}

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}

/** Writes what the reference would have written for node `srv`: its keys and those of the others. */
async function writePythonFolder(): Promise<void> {
  const [own, ...peers] = keyVectors;
  if (own === undefined) throw new Error("no vectors");
  await mkdir(at("srv"), { recursive: true, mode: 0o755 });
  await writeFile(at("srv", "srv.key"), fromHex(own.private), { mode: 0o644 });
  await writeFile(at("srv", "srv.pub"), fromHex(own.public_raw64), { mode: 0o644 });
  for (const { name, public_raw64 } of peers) {
    await writeFile(at("srv", `${name}.pub`), fromHex(public_raw64), { mode: 0o644 });
    await mkdir(at(name), { mode: 0o755 });
  }
}

async function failure(promise: Promise<unknown>): Promise<DsnError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DsnError);
  return error as DsnError;
}

describe("The folder of a node", () => {
  it("is cleared of drafts that a crash left, and of nothing else", async () => {
    await open().load();
    const names = await readdir(at("srv"));
    const lost = [".srv.mark.0123456789ab.tmp", ".bob.pub.0123456789ab.tmp"];
    const others = [".srv.mark.0123456789ac.tmp", ".profile.tmp", "bob.tmp", ".x.0123456789.tmp"];
    for (const name of [...lost, ...others]) await writeFile(at("srv", name), "x");
    const longAgo = new Date(Date.now() - 2 * 3_600_000);
    // The first of the others is as another process that writes now would leave it.
    for (const name of [...lost, ...others.slice(1)])
      await utimes(at("srv", name), longAgo, longAgo);
    await open().load();
    expect((await readdir(at("srv"))).sort()).toEqual([...names, ...others].sort());
  });
});

describe("file credential store, a folder that the reference wrote", () => {
  beforeEach(writePythonFolder);

  it("is read: identity and pins", async () => {
    const { keyPair, pins, created, skipped } = await open().load();
    const [own, ...peers] = keyVectors;
    expect(Buffer.from(keyPair.privateKey).toString("hex")).toBe(own?.private);
    expect(Buffer.from(keyPair.publicKey).toString("hex")).toBe(own?.public_raw64);
    expect(created).toBe(false);
    expect(skipped).toEqual([]);
    const found = [...pins].map(([nodeId, key]) => [nodeId, Buffer.from(key).toString("hex")]);
    expect(found.sort()).toEqual(peers.map((peer) => [peer.name, peer.public_raw64]));
  });

  it("keeps its bytes and gets no file that the reference does not know", async () => {
    const before = await readdir(at("srv"));
    await open().load();
    expect((await readdir(at("srv"))).sort()).toEqual(before.sort());
    for (const { name, private: privateKey, public_raw64 } of keyVectors) {
      expect((await readFile(at("srv", `${name}.pub`))).toString("hex")).toBe(public_raw64);
      if (name === "srv") {
        expect((await readFile(at("srv", "srv.key"))).toString("hex")).toBe(privateKey);
      }
    }
  });

  it("P14: its private key is taken out of the reach of others", async () => {
    expect(await modeOf(at("srv", "srv.key"))).toBe("644");
    await open().load();
    expect(await modeOf(at("srv", "srv.key"))).toBe("600");
    expect(await modeOf(at("srv"))).toBe("700");
  });

  it("P7: what is not a key in it is left alone, skipped and told", async () => {
    const garbage = {
      "empty.pub": Buffer.alloc(0),
      "one.pub": Buffer.from("k"),
      "huge.pub": Buffer.alloc(100_000),
      "off-curve.pub": Buffer.alloc(64, 1),
      "compressed.pub": fromHex(keyVectors[1]?.public_compressed33 ?? ""),
    };
    for (const [file, content] of Object.entries(garbage)) {
      await writeFile(at("srv", file), content);
    }
    await mkdir(at("srv", "folder.pub"));
    const { pins, skipped } = await open().load();
    expect([...pins.keys()].sort()).toEqual(["peer1", "peer2", "peer3"]);
    const files = [...Object.keys(garbage), "folder.pub"].sort();
    expect(skipped.map(({ file }) => file).sort()).toEqual(files.map((file) => at("srv", file)));
    for (const { why } of skipped) expect(why).not.toBe("");
    for (const [file, content] of Object.entries(garbage)) {
      expect(Buffer.compare(await readFile(at("srv", file)), content)).toBe(0);
    }
  });

  it("P7: a peer whose stored key is garbage is pinned only after the garbage is deleted", async () => {
    await writeFile(at("srv", "bank.pub"), "k");
    const store = open();
    await store.load();
    const key = newKey();
    const error = await failure(store.savePin("bank", key));
    expect(error.code).toBe("DSN_PEER_IDENTITY_CHANGED");
    expect(error.why).toContain("1 bytes that are no key");
    expect(await store.deletePin("bank")).toBe(true);
    await store.savePin("bank", key);
    expect((await open().load()).pins.get("bank")).toEqual(key);
  });

  it("works the same after it was moved", async () => {
    const before = await open().load();
    await cp(at(), join(root, "elsewhere"), { recursive: true });
    const after = await open("srv", join(root, "elsewhere")).load();
    expect(after).toEqual(before);
  });
});

describe("file credential store, a new folder", () => {
  it("is made with its parents, for its owner only", async () => {
    await open("srv", at("deep", "down")).load();
    expect(await modeOf(at("deep", "down"))).toBe("700");
    expect(await modeOf(at("deep", "down", "srv"))).toBe("700");
    expect(await modeOf(at("deep", "down", "srv", "srv.key"))).toBe("600");
  });

  it("is laid out as the reference lays it out, with a mark beside", async () => {
    const store = open();
    const { keyPair } = await store.load();
    expect((await readdir(at("srv"))).sort()).toEqual(["srv.key", "srv.pub"]);
    const key = newKey();
    await store.savePin("peer", key);
    await store.saveMark(1_722_000_000.25);
    expect((await readdir(at("srv"))).sort()).toEqual([
      "peer.pub",
      "srv.key",
      "srv.mark",
      "srv.pub",
    ]);
    expect(await readFile(at("srv", "srv.key"))).toEqual(Buffer.from(keyPair.privateKey));
    expect(await readFile(at("srv", "srv.pub"))).toEqual(Buffer.from(keyPair.publicKey));
    expect(await readFile(at("srv", "peer.pub"))).toEqual(Buffer.from(key));
    expect(await readFile(at("srv", "srv.mark"), "latin1")).toBe("1722000000.25\n");
  });

  it("P14: holds no file that others can read, at no moment", async () => {
    const store = open();
    await store.load();
    await store.savePin("peer", newKey());
    await store.saveMark(1);
    // Only the private key is tightened afterwards; that all files are 0600 shows that they are
    // born so.
    for (const file of await readdir(at("srv"))) {
      expect(`${file} ${await modeOf(at("srv", file))}`).toBe(`${file} 600`);
    }
  });

  it("leaves no drafts behind, however much is written at once", async () => {
    const store = open();
    await store.load();
    const work: Promise<unknown>[] = [];
    for (let count = 0; count < 30; count++) {
      work.push(store.savePin(`peer-${count}`, newKey()), store.saveMark(count));
      work.push(store.savePin(`peer-${count}`, newKey()));
    }
    await Promise.allSettled(work);
    await store.close();
    const left = (await readdir(at("srv"))).filter((file) => !/\.(pub|key|mark)$/.test(file));
    expect(left).toEqual([]);
  });

  it("holds each node of a shared directory apart", async () => {
    const [one, other] = [await open("a").load(), await open("b").load()];
    expect(one.keyPair).not.toEqual(other.keyPair);
    expect((await readdir(at())).sort()).toEqual(["a", "b"]);
  });

  it("leaves the mode of a directory that was there before", async () => {
    await mkdir(at(), { mode: 0o755 });
    await open().load();
    expect(await modeOf(at())).toBe("755");
  });
});

describe("file credential store, peers that use sessions", () => {
  const file = () => at("srv", "srv.natives");

  it("are listed with their fingerprints, out of the reach of others", async () => {
    const store = open();
    await store.load();
    const keys = { bob: newKey(), "eve 2": newKey() };
    await store.savePin("bob", keys.bob);
    await store.savePin("eve 2", keys["eve 2"]);
    await Promise.all([store.saveNative("bob"), store.saveNative("eve 2")]);
    const [bob, eve] = [`${fingerprint(keys.bob)} bob\n`, `${fingerprint(keys["eve 2"])} eve 2\n`];
    expect(await readFile(file(), "utf8")).toBe(bob + eve);
    expect(await modeOf(file())).toBe("600");
    expect((await open().load()).natives).toEqual(new Set(["bob", "eve 2"]));
    expect(await store.deletePin("bob")).toBe(true);
    expect(await readFile(file(), "utf8")).toBe(eve);
  });

  it("are not listed without a key that is pinned", async () => {
    const store = open();
    await store.load();
    await store.saveNative("bob");
    await writeFile(at("srv", "eve.pub"), "garbage");
    await store.saveNative("eve");
    expect((await open().load()).natives).toEqual(new Set());
    await writeFile(at("srv", "bob.pub"), newKey());
    await writeFile(at("srv", "eve.pub"), newKey());
    expect((await open().load()).natives).toEqual(new Set());
  });

  it("are not those whose key was deleted by hand", async () => {
    const store = open();
    await store.load();
    await store.savePin("bob", newKey());
    await store.saveNative("bob");
    await unlink(at("srv", "bob.pub"));
    expect((await open().load()).natives).toEqual(new Set());
    await store.savePin("bob", newKey());
    expect((await open().load()).natives).toEqual(new Set());
    await store.saveNative("bob");
    expect((await open().load()).natives).toEqual(new Set(["bob"]));
    // Without its key too.
    await unlink(at("srv", "bob.pub"));
    expect(await store.deletePin("bob")).toBe(false);
    expect(await readFile(file(), "utf8")).toBe("");
  });

  it("are not made by a line that says anything else", async () => {
    const store = open();
    await store.load();
    const key = newKey();
    await store.savePin("bob", key);
    const right = `${fingerprint(key)} bob`;
    const wrong = ["", "\n", "bob", fingerprint(key), `${right}by`, `${fingerprint(newKey())} bob`];
    for (const content of wrong) {
      await writeFile(file(), content);
      expect((await open().load()).natives, JSON.stringify(content)).toEqual(new Set());
    }
    for (const content of [right, `garbage\n${right}\n\u0000`]) {
      await writeFile(file(), content);
      expect((await open().load()).natives).toEqual(new Set(["bob"]));
    }
  });

  it("are told apart by processes that share a folder", async () => {
    const [one, other] = [open(), open()];
    await one.load();
    await other.load();
    await one.savePin("bob", newKey());
    await other.saveNative("bob");
    expect((await one.load()).natives).toEqual(new Set(["bob"]));
  });
});

describe("file credential store, a damaged folder", () => {
  it("rebuilds a missing .pub from the .key", async () => {
    const { keyPair } = await open().load();
    await unlink(at("srv", "srv.pub"));
    expect((await open().load()).keyPair).toEqual(keyPair);
    expect(await readFile(at("srv", "srv.pub"))).toEqual(Buffer.from(keyPair.publicKey));
  });

  it.each([
    ["another key", newKey()],
    ["nothing", new Uint8Array(0)],
    ["garbage", randomBytes(65)],
  ])("rewrites a .pub that holds %s", async (_, content) => {
    const { keyPair } = await open().load();
    await writeFile(at("srv", "srv.pub"), content);
    expect((await open().load()).keyPair).toEqual(keyPair);
    expect(await readFile(at("srv", "srv.pub"))).toEqual(Buffer.from(keyPair.publicKey));
  });

  it.each([
    ["nothing", "holds 0 bytes, expected 32", Buffer.alloc(0)],
    ["31 bytes", "holds 31 bytes, expected 32", Buffer.alloc(31, 1)],
    ["hex digits", "holds 64 bytes, expected 32", Buffer.from("11".repeat(32))],
    ["zeros", "holds 32 bytes that are not a secp256k1 private key", Buffer.alloc(32)],
    ["more than n", "holds 32 bytes that are not a secp256k1 private key", Buffer.alloc(32, 0xff)],
  ])("refuses a .key of %s and overwrites nothing", async (_, why, content) => {
    await open().load();
    const publicKey = await readFile(at("srv", "srv.pub"));
    await writeFile(at("srv", "srv.key"), content);
    const error = await failure(open().load());
    expect(error.code).toBe("DSN_IDENTITY_UNREADABLE");
    expect(error.why).toContain(why);
    expect(error.why).toContain(at("srv", "srv.key"));
    expect(error.fix).not.toEqual([]);
    expect(await readFile(at("srv", "srv.key"))).toEqual(content);
    expect(await readFile(at("srv", "srv.pub"))).toEqual(publicKey);
  });

  it.each(["", "soon\n", "NaN", "Infinity", "-5\n", "1e999", "0x10", "12 13"])(
    "skips the mark %j, tells, and takes the next one",
    async (content) => {
      await open().load();
      await writeFile(at("srv", "srv.mark"), content);
      const store = open();
      const { mark, skipped } = await store.load();
      expect(mark).toBeUndefined();
      expect(skipped.map(({ file }) => file)).toEqual([at("srv", "srv.mark")]);
      await store.saveMark(3);
      expect((await open().load()).mark).toBe(3);
    },
  );

  it("tells what is wrong when the folder cannot be made", async () => {
    await writeFile(join(root, "credentials"), "a file");
    const error = await failure(open().load());
    expect(error.code).toBe("DSN_IDENTITY_UNREADABLE");
    expect(error.why).toContain("credentials");
    expect(error.cause).toBeInstanceOf(Error);
  });

  it("tells when a pin or a mark cannot be written, and goes on when it can again", async () => {
    const store = open();
    await store.load();
    await cp(at(), join(root, "aside"), { recursive: true });
    await rm(at(), { recursive: true });
    expect((await failure(store.savePin("peer", newKey()))).code).toBe("DSN_IDENTITY_UNREADABLE");
    expect((await failure(store.saveMark(5))).code).toBe("DSN_IDENTITY_UNREADABLE");
    await cp(join(root, "aside"), at(), { recursive: true });
    await store.savePin("peer", newKey());
    await store.saveMark(4);
    const { pins, mark } = await open().load();
    expect(pins.size).toBe(1);
    expect(mark).toBe(5);
  });

  it("P14: takes the private key out of reach at every start", async () => {
    await open().load();
    await chmod(at("srv", "srv.key"), 0o640);
    await chmod(at("srv"), 0o777);
    await open().load();
    expect(await modeOf(at("srv", "srv.key"))).toBe("600");
    expect(await modeOf(at("srv"))).toBe("700");
  });
});

describe("file credential store, ids", () => {
  it.each(["", ".", "..", "../up", "a/b", "a\\b", "a\0b", "a\nb", "x".repeat(201)])(
    "D01: refuses %j as this node's own id, before anything is written",
    async (nodeId) => {
      expect(() => open(nodeId)).toThrow(expect.objectContaining({ code: "DSN_CONFIG" }));
      expect(await readdir(root)).toEqual([]);
    },
  );

  it("D01: writes nothing outside its folder, whatever id a peer has", async () => {
    const store = open();
    await store.load();
    const nodeIds = [
      "../../escaped",
      "../escaped",
      "/escaped",
      `${root}/escaped`,
      "..",
      "a/../../b",
    ];
    for (const nodeId of nodeIds) await failure(store.savePin(nodeId, newKey()));
    await writeFile(at("escaped.pub"), newKey());
    await failure(store.deletePin("../escaped"));
    expect(await readdir(root)).toEqual(["credentials"]);
    expect((await readdir(at())).sort()).toEqual(["escaped.pub", "srv"]);
    expect((await readdir(at("srv"))).sort()).toEqual(["srv.key", "srv.pub"]);
  });

  it("shows a strange id escaped and cut in errors", async () => {
    const store = open();
    await store.load();
    const error = await failure(store.savePin(`\u001b[2J${"x".repeat(500)}`, newKey()));
    expect(error.message).toContain("\\u001b[2J");
    expect(error.message.length).toBeLessThan(150);
  });
});

describe("file credential store, two at once", () => {
  it("gives one identity to stores that start together", async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => open().load()));
    expect(all.filter(({ created }) => created)).toHaveLength(1);
    expect(
      new Set(all.map(({ keyPair }) => Buffer.from(keyPair.privateKey).toString("hex"))).size,
    ).toBe(1);
    expect((await readdir(at("srv"))).sort()).toEqual(["srv.key", "srv.pub"]);
  });

  it("lets one of two stores pin a peer's key, never both", async () => {
    const stores = Array.from({ length: 8 }, () => open());
    await Promise.all(stores.map((store) => store.load()));
    const keys = stores.map(newKey);
    const results = await Promise.allSettled(
      stores.map((store, index) => store.savePin("peer", keys[index] ?? new Uint8Array(0))),
    );
    const winner = results.findIndex(({ status }) => status === "fulfilled");
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect((await open().load()).pins.get("peer")).toEqual(keys[winner]);
  });
});
