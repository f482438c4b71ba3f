/**
 * The folder of one node's credentials, laid out as the reference lays it out, so that a folder can
 * be moved between the two:
 *
 *     <directory>/<own id>/<own id>.key     private key, 32 raw bytes
 *     <directory>/<own id>/<own id>.pub     public key, 64 raw bytes
 *     <directory>/<own id>/<peer id>.pub    the first key seen of each peer
 *     <directory>/<own id>/<own id>.natives ours alone: see `natives-file.ts`
 *     <directory>/<own id>/<own id>.mark    ours alone: see `mark-file.ts`
 *
 * Unlike the reference's, files are 0600 and folders 0700, and ids are checked before they become
 * paths.
 *
 * Source: `key_manager.py`.
 * @module
 */
import { chmod, mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { DsnError } from "../errors.ts";
import { diskTroubleOf } from "./disk-troubles.ts";
import { removeLostDrafts } from "./durable-file.ts";

const FOLDER_MODE = 0o700;
const OTHERS = 0o077;
const PUBLIC_KEY_SUFFIX = ".pub";

export class CredentialFolder {
  /** Whose it is. */
  readonly nodeId: string;
  readonly path: string;

  constructor(directory: string, nodeId: string) {
    this.nodeId = nodeId;
    this.path = join(directory, nodeId);
  }

  /** Makes it if it is missing, keeps others out, and clears away what a crash left. */
  async open(): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: FOLDER_MODE });
    await tighten(this.path, FOLDER_MODE);
    await removeLostDrafts(this.path);
  }

  pathOf(file: string): string {
    return join(this.path, file);
  }

  /** Whether the folder lists a file under exactly that name. */
  async holds(file: string): Promise<boolean> {
    return (await readdir(this.path)).includes(file);
  }

  /** Names of those whose keys are stored, whether they can be ids or not. */
  async peers(): Promise<string[]> {
    const own = publicKeyFile(this.nodeId);
    const files = await readdir(this.path);
    return files
      .filter((file) => file.endsWith(PUBLIC_KEY_SUFFIX) && file !== own)
      .map((file) => file.slice(0, -PUBLIC_KEY_SUFFIX.length))
      .sort();
  }

  /** Does a job. @throws {DsnError} `DSN_IDENTITY_UNREADABLE` in place of what the system says. */
  async explain<T>(what: string, job: () => Promise<T>): Promise<T> {
    try {
      return await job();
    } catch (cause) {
      if (cause instanceof DsnError) throw cause;
      const trouble = diskTroubleOf(cause);
      const said = cause instanceof Error ? cause.message : String(cause);
      throw new DsnError("DSN_IDENTITY_UNREADABLE", `Cannot ${what}`, {
        why: trouble === undefined ? said : `${this.path}: ${trouble.why}`,
        fix: [trouble?.fix ?? `let the user that runs this node own, read and write ${this.path}`],
        nodeId: this.nodeId,
        cause,
      });
    }
  }

  /** A file system that ignores case gives one node the file of another. */
  otherCase(nodeId: string): DsnError {
    return new DsnError("DSN_CONFIG", `Cannot store a key of node "${nodeId}"`, {
      why: `the file system of ${this.path} takes its name for one that differs in case`,
      fix: ["choose node ids that differ in more than case", "or another credential folder"],
      nodeId,
    });
  }
}

/** The name of the file with the public key of a node. */
export function publicKeyFile(nodeId: string): string {
  return `${nodeId}${PUBLIC_KEY_SUFFIX}`;
}

/** Takes a file or folder out of the reach of other users. */
export async function tighten(path: string, mode: number): Promise<void> {
  const current = await stat(path);
  if ((current.mode & OTHERS) !== 0) await chmod(path, mode);
}
