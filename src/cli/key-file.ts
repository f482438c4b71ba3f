/**
 * Network keys in files: where they come from and where they go.
 *
 * A key is never an argument, never printed except by `dsn keygen`, and told apart by its id.
 * @module
 */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { DsnError } from "../errors.ts";
import { DSNodeConfig } from "../node/config.ts";
import { fileError } from "./problems.ts";
import { printable, shellWord } from "./text.ts";

/** A key is 32 digits; a file that is longer than this holds something else. */
const BYTES_MAX = 4_096;
const OTHERS = 0o077;

export interface KeyFile {
  readonly key: string;
  /** Worth telling: others can read the file. */
  readonly warning: DsnError | undefined;
}

/**
 * Reads a network key.
 *
 * @param path `-` for `stdin`.
 * @throws {DsnError} `DSN_FILE` when the file cannot be read, `DSN_USAGE` when the path is a key,
 *   `DSN_KEY_FORMAT` when the file holds none; each names the file.
 */
export async function readKeyFile(
  path: string,
  stdin: AsyncIterable<Uint8Array | string>,
): Promise<KeyFile> {
  if (path === "-") {
    return { key: checked(await readStart(stdin), "standard input"), warning: undefined };
  }
  const name = printable(path);
  try {
    await using file = await open(path, "r");
    const stats = await file.stat();
    // A pipe (`--key-file <(pass dsn)`) has a mode too, and nobody else can open it.
    const ours = !stats.isFile() || process.platform === "win32" || (stats.mode & OTHERS) === 0;
    const bytes = await readStart(file.createReadStream({ autoClose: false }));
    return { key: checked(bytes, name), warning: ours ? undefined : sharedKey(path) };
  } catch (error) {
    if (error instanceof DsnError) throw error;
    if (isMissing(error) && looksLikeKey(path)) throw keyInsteadOfFile();
    const problem = fileError(`read the key file ${name}`, error);
    throw isMissing(error) ? withKeygen(problem, path) : problem;
  }
}

/** First 8 hex digits of a hash of the key: safe to show and compare. */
export function keyId(key: string): string {
  return createHash("sha256").update(Buffer.from(key, "hex")).digest("hex").slice(0, 8);
}

async function readStart(source: AsyncIterable<Uint8Array | string>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of source) {
    const bytes = Buffer.from(chunk);
    chunks.push(bytes);
    length += bytes.length;
    if (length > BYTES_MAX) break;
  }
  return Buffer.concat(chunks);
}

/** The key as text, once it is one. */
function checked(bytes: Buffer, where: string): string {
  const key = decode(bytes);
  try {
    return new DSNodeConfig({ nodeId: "key", aesKey: key }).aesKey ?? key;
  } catch (error) {
    if (!(error instanceof DsnError)) throw error;
    const { why, fix } = error;
    throw new DsnError(error.code, `There is no network key in ${where}`, { why, fix });
  }
}

/** PowerShell writes UTF-16 where others write UTF-8, and editors put a mark in front. */
function decode(bytes: Buffer): string {
  const wide = bytes[0] === 0xff && bytes[1] === 0xfe;
  return bytes.toString(wide ? "utf16le" : "utf8").replace(/^\ufeff/, "");
}

function sharedKey(path: string): DsnError {
  return new DsnError("DSN_KEY_FILE_SHARED", `Others can read the key file ${printable(path)}`, {
    why: "whoever has the key can join the network and read everything",
    fix: [`chmod 600 ${shellWord(path)}`],
  });
}

function keyInsteadOfFile(): DsnError {
  return new DsnError("DSN_USAGE", "Cannot use --key-file: that is a key, not the name of a file", {
    why: "other users of a machine can read command lines, so a key never stands there",
    fix: ["put the key into a file and name the file", "make a new key, this one has been seen"],
  });
}

function withKeygen({ code, message, why, fix, cause }: DsnError, path: string): DsnError {
  const make = `make a new key for a new network: dsn keygen --out ${shellWord(path)}`;
  return new DsnError(code, message, { why, fix: [...fix, make], cause });
}

function looksLikeKey(text: string): boolean {
  return /^[0-9a-f]{16,}$/i.test(text.trim());
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
