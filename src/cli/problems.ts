/**
 * Everything that can go wrong at the command line, in one form, with one exit code each.
 * @module
 */
import { DsnError, type DsnErrorCode, ERRORS, ValueTypeError } from "../errors.ts";
import { typedAdvice, typedMessage } from "./typed-advice.ts";

/** An error, ready to be shown. */
export interface Problem {
  readonly code: DsnErrorCode;
  readonly message: string;
  readonly why: string | undefined;
  readonly fix: readonly string[];
  readonly node?: string;
  readonly endpoint?: string;
  /** What lies behind it. */
  readonly cause?: Problem;
}

/** The form of an error for people and programs. */
export function toProblem(error: unknown): Problem {
  if (error instanceof ValueTypeError) {
    return { code: error.code, message: error.message, why: undefined, fix: [] };
  }
  if (!(error instanceof DsnError)) return unexpected(error);
  const { code, why, nodeId, endpoint, cause } = error;
  return {
    code,
    message: typedMessage(error),
    why,
    fix: typedAdvice(error),
    ...(nodeId === undefined ? {} : { node: nodeId }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(cause instanceof DsnError ? { cause: toProblem(cause) } : {}),
  };
}

export function exitCodeOf({ code }: Problem): number {
  return ERRORS[code].exit;
}

function unexpected(error: unknown): Problem {
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: "DSN_UNEXPECTED",
    message: `Something went wrong that should not: ${message}`,
    why: error instanceof Error ? error.stack?.split("\n")[1]?.trim() : undefined,
    fix: ["report it with this text, and with what NODE_DEBUG=dsn prints"],
  };
}

/** The error for a file that the system does not let us read or write. */
export function fileError(what: string, error: unknown): DsnError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const known = FILE_ERRORS[code];
  return new DsnError("DSN_FILE", `Cannot ${what}`, {
    why: known?.why ?? (error instanceof Error ? error.message : String(error)),
    fix: [known?.fix ?? "check the path and the disk"],
    cause: error,
  });
}

const FILE_ERRORS: Readonly<Record<string, { readonly why: string; readonly fix: string }>> = {
  ENOENT: { why: "there is no such file or folder", fix: "check the path" },
  EACCES: { why: "this user may not", fix: "check the permissions of the file and its folder" },
  EPERM: { why: "this user may not", fix: "check the permissions of the file and its folder" },
  EISDIR: { why: "that is a folder", fix: "name a file" },
  ENOTDIR: { why: "a part of the path is no folder", fix: "check the path" },
  ENOSPC: { why: "the disk is full", fix: "make room on it" },
  EROFS: { why: "the disk is read-only", fix: "choose a path elsewhere" },
};
