/**
 * Files that are there whole or not at all, whatever crashes and whoever else writes.
 * @module
 */
import { randomBytes } from "node:crypto";
import { link, open, readdir, readFile, rename, rm, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Read and written by their owner only. */
const FILE_MODE = 0o600;
/** As {@link writeDraft} names them. */
const DRAFT = /^\..+\.[0-9a-f]{12}\.tmp$/;
/** One that is older is not being written any more, on a slow disk neither. */
const DRAFT_MS_MAX = 3_600_000;

/** The content of a file, or `undefined` if there is none of that name. */
export async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Writes a file, in place of what was there. Readers see the old content or the new one. */
export async function replaceFile(path: string, content: Uint8Array): Promise<void> {
  const draft = await writeDraft(path, content);
  try {
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/**
 * Writes a file unless there is one. Of two processes that try at once, one succeeds.
 * @returns Whether the file is ours.
 */
export async function createFile(path: string, content: Uint8Array): Promise<boolean> {
  if (!(await createUnsynced(path, content))) return false;
  await syncFolder(dirname(path));
  return true;
}

/** The same, but its name outlives a power cut only once {@link syncFolder} has ended. */
export async function createUnsynced(path: string, content: Uint8Array): Promise<boolean> {
  const draft = await writeDraft(path, content);
  try {
    // A second name for the draft: unlike a rename, this fails when the name is taken.
    await link(draft, path);
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    if (!NO_LINKS.has(errorCode(error))) throw error;
    // As much as such a file system can: exclusive, but a crash may leave a part of the content.
    return await writeWithoutLink(path, content);
  } finally {
    await unlink(draft);
  }
  return true;
}

/** Removes drafts of processes that were killed while they wrote: nobody will read them. */
export async function removeLostDrafts(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!DRAFT.test(name)) continue;
    const path = join(folder, name);
    try {
      const { mtimeMs } = await stat(path);
      if (Date.now() - mtimeMs > DRAFT_MS_MAX) await unlink(path);
    } catch {
      // Another process was faster, or it stays: it does no harm.
    }
  }
}

/** The code of a system error, `ENOENT` and the like. */
export function errorCode(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** What file systems without hard links say: FAT, some network shares, Android. */
const NO_LINKS: ReadonlySet<string | undefined> = new Set([
  "EPERM",
  "EACCES",
  "ENOSYS",
  "ENOTSUP",
  "EOPNOTSUPP",
  "EINVAL",
]);

async function writeWithoutLink(path: string, content: Uint8Array): Promise<boolean> {
  try {
    await writeNew(path, content);
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw error;
  }
}

/** In the same folder, because a rename does not cross file systems. */
async function writeDraft(path: string, content: Uint8Array): Promise<string> {
  const name = `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`;
  const draft = join(dirname(path), name);
  await writeNew(draft, content);
  return draft;
}

async function writeNew(path: string, content: Uint8Array): Promise<void> {
  const file = await open(path, "wx", FILE_MODE);
  try {
    await file.writeFile(content);
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

/** Makes names outlive a power cut. Not every system can; then the file itself is safe at least. */
export async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch {
    // Windows opens no folders.
  }
}
