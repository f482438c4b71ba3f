/**
 * What a system says that no owner and no permission of a file changes.
 * @module
 */
import { errorCode } from "./durable-file.ts";

export interface DiskTrouble {
  /** Part of a sentence. */
  readonly why: string;
  readonly fix: string;
}

/** What stands in the way of a write; undefined when it is something about that file. */
export function diskTroubleOf(error: unknown): DiskTrouble | undefined {
  return TROUBLES[errorCode(error) ?? ""];
}

const FULL: DiskTrouble = { why: "the disk is full", fix: "make room on it" };
const MANY_FILES: DiskTrouble = {
  why: "too many files and connections are open",
  fix: "allow more of them: ulimit -n",
};

const TROUBLES: Readonly<Record<string, DiskTrouble>> = {
  ENOSPC: FULL,
  EDQUOT: { why: "this user may store no more there", fix: "make room, or raise the quota" },
  EROFS: { why: "the disk is read-only", fix: "choose a folder elsewhere" },
  EMFILE: MANY_FILES,
  ENFILE: MANY_FILES,
};
