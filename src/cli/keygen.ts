/**
 * `dsn keygen`: a new network key, for a pipe or for a file.
 * @module
 */
import { randomUUID } from "node:crypto";
import { open, rename, rm, stat } from "node:fs/promises";
import { DsnError } from "../errors.ts";
import { DSNodeServer } from "../node/ds-node-server.ts";
import { keyId } from "./key-file.ts";
import type { Output } from "./output.ts";
import { fileError } from "./problems.ts";
import { printable, shellWord } from "./text.ts";

export interface KeygenFlags {
  readonly out?: string;
  readonly force?: boolean;
}

const OWNER_ONLY = 0o600;

export async function keygen({ out, force }: KeygenFlags, output: Output): Promise<void> {
  const key = DSNodeServer.generateKey();
  const id = keyId(key);
  if (out === undefined || out === "-") {
    if (output.json) output.answerJson({ schema: "dsn.keygen/1", key, keyId: id });
    else output.answer(key);
    return;
  }
  await (force === true ? replace(out, key) : create(out, key));
  if (output.json) output.answerJson({ schema: "dsn.keygen/1", file: out, keyId: id });
  output.talk(
    `Wrote a new network key to ${printable(out)} (mode 0600, key id ${id}).`,
    "Copy this file to each machine that should join. Whoever has it can join and read everything.",
    `Next: dsn start --key-file ${shellWord(out)}`,
  );
}

async function create(path: string, key: string): Promise<void> {
  try {
    await write(path, key);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) {
      throw fileError(`write the key file ${printable(path)}`, error);
    }
    if (await isFolder(path)) {
      const folder = Object.assign(new Error("that is a folder"), { code: "EISDIR" });
      throw fileError(`write the key file ${printable(path)}`, folder);
    }
    throw new DsnError("DSN_FILE_EXISTS", `${printable(path)} is there already; nothing written`, {
      why: "nodes that use the key in it would no longer understand those with a new one",
      fix: [
        "write elsewhere: dsn keygen --out other.key",
        `replace it: dsn keygen --out ${shellWord(path)} --force`,
      ],
      cause: error,
    });
  }
}

/** Replacing it would not help. */
async function isFolder(path: string): Promise<boolean> {
  return (await stat(path)).isDirectory();
}

/** Writes beside it and renames, so that the file is the old key or the new one, never half of it. */
async function replace(path: string, key: string): Promise<void> {
  const beside = `${path}.${randomUUID()}.tmp`;
  try {
    await write(beside, key);
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw fileError(`write the key file ${printable(path)}`, error);
  }
}

async function write(path: string, key: string): Promise<void> {
  await using file = await open(path, "wx", OWNER_ONLY);
  await file.writeFile(`${key}\n`);
  await file.sync();
}
