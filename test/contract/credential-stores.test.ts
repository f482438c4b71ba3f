import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { loadSignatureEngine } from "../../src/crypto/signatures.ts";
import { createFileCredentialStore } from "../../src/storage/file-credential-store.ts";
import { createMemoryCredentialStore } from "../../src/storage/memory-credential-store.ts";
import { describeCredentialStore } from "./credential-store.ts";

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

async function newFolder(pins: ReadonlyMap<string, Uint8Array>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "dsn-credentials-"));
  folders.push(folder);
  await mkdir(join(folder, nodeId));
  for (const [peer, key] of pins) await writeFile(join(folder, nodeId, `${peer}.pub`), key);
  return folder;
}

const engine = loadSignatureEngine();
const nodeId = "node-1";

describeCredentialStore("memory", (pins) => {
  // Its content lives as long as the object, so a restart finds the same object.
  const store = createMemoryCredentialStore({ nodeId, engine, pins });
  return () => store;
});

describeCredentialStore("files", async (pins) => {
  const directory = await newFolder(pins);
  return () => createFileCredentialStore({ directory, nodeId, engine });
});
