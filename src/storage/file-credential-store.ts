/**
 * Credentials as files, laid out as the reference lays them out, so that a folder of credentials
 * can be moved between the two:
 *
 *     <directory>/<own id>/<own id>.key     private key, 32 raw bytes
 *     <directory>/<own id>/<own id>.pub     public key, 64 raw bytes
 *     <directory>/<own id>/<peer id>.pub    the first key seen of each peer
 *     <directory>/<own id>/<own id>.natives ours alone: whose keys' holders use sessions, a line
 *                                           each: fingerprint, space, id
 *     <directory>/<own id>/<own id>.mark    ours alone: the mark, a decimal number and a newline,
 *                                           which reads back as exactly the same float64
 *
 * Unlike the reference's, files are 0600 and folders 0700, and ids are checked before they become
 * paths. Two processes may use one folder: each file is written whole, and the first key wins.
 *
 * Source: `key_manager.py`.
 * @module
 */
import { randomBytes as systemRandomBytes } from "node:crypto";
import { chmod, mkdir, readdir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { fingerprint, generateKeyPair, type KeyPair, type KeyRules } from "../crypto/identity.ts";
import type { RandomBytes } from "../crypto/random-pool.ts";
import { PRIVATE_KEY_BYTES, PUBLIC_KEY_BYTES } from "../crypto/signatures.ts";
import { DsnError } from "../errors.ts";
import {
  type CredentialStore,
  type Credentials,
  PINS_MAX,
  type SkippedCredential,
} from "./credential-store.ts";
import {
  createFile,
  createUnsynced,
  errorCode,
  readIfThere,
  replaceFile,
  syncFolder,
} from "./durable-file.ts";
import {
  checkMark,
  checkOwnId,
  checkPeerId,
  checkPeerKey,
  pinConflict,
  pinLimit,
  problemWithId,
} from "./pin-rules.ts";
import { HighestWriter, LatestWriter, WriteQueue } from "./write-queue.ts";

/** Where the files are, and whose. */
export interface FileCredentialStoreOptions {
  /** Holds one folder per node. Made if missing, parents too. */
  readonly directory: string;
  /** This node's id: the name of its folder and of its files. */
  readonly nodeId: string;
  /** What makes and checks keys: `loadSignatureEngine()`. */
  readonly engine: KeyRules;
  /** Where a new identity comes from. @default `randomBytes` of `node:crypto` */
  readonly randomBytes?: RandomBytes | undefined;
}

/**
 * Credentials in files, laid out as the reference does, so that a folder moves between the two:
 * `<directory>/<id>/<id>.key`, `<id>.pub`, one `.pub` for each peer, and our own `<id>.mark` and
 * `<id>.natives`.
 *
 * Private keys have mode 0600 and are written in one piece or not at all.
 *
 * @throws {DsnError} `DSN_CONFIG` when the node id cannot be a file name.
 */
export function createFileCredentialStore(options: FileCredentialStoreOptions): CredentialStore {
  checkOwnId(options.nodeId);
  return new FileCredentialStore(options);
}

const FOLDER_MODE = 0o700;
const PRIVATE_KEY_MODE = 0o600;
const OTHERS = 0o077;
/** Keys read at a time: enough to keep the disk busy, too few to run out of file handles. */
const READS_AT_A_TIME = 64;

class FileCredentialStore implements CredentialStore {
  readonly #nodeId: string;
  readonly #folder: string;
  readonly #engine: KeyRules;
  readonly #randomBytes: RandomBytes;
  readonly #writes = new WriteQueue();
  readonly #marks = new HighestWriter((version) => this.#writeMark(version));
  /** However many keys are pinned at once, their names are made to last together. */
  readonly #names = new LatestWriter<void>(() => syncFolder(this.#folder));
  /** Fingerprints of the keys that this process has read or pinned. */
  readonly #prints = new Map<string, string>();
  /** Of those, the ones whose holders use sessions. */
  readonly #natives = new Map<string, string>();
  readonly #nativesWriter = new LatestWriter<void>(() => this.#writeNatives());
  /** Peers' keys in the folder, counted when first needed. */
  #pinCount: number | undefined;

  constructor(options: FileCredentialStoreOptions) {
    this.#nodeId = options.nodeId;
    this.#folder = join(options.directory, options.nodeId);
    this.#engine = options.engine;
    this.#randomBytes = options.randomBytes ?? systemRandomBytes;
  }

  load(): Promise<Credentials> {
    return this.#run("read the credentials", async () => {
      await mkdir(this.#folder, { recursive: true, mode: FOLDER_MODE });
      await tighten(this.#folder, FOLDER_MODE);
      const { keyPair, created } = await this.#loadIdentity();
      const skipped: SkippedCredential[] = [];
      const pins = await this.#loadPins(skipped);
      const natives = await this.#loadNatives();
      const mark = await this.#loadMark(skipped);
      return { keyPair, pins, natives, mark, created, skipped };
    });
  }

  async savePin(nodeId: string, publicKey: Uint8Array): Promise<void> {
    checkPeerId(nodeId, this.#nodeId);
    checkPeerKey(this.#engine, nodeId, publicKey);
    const key = Uint8Array.from(publicKey);
    await this.#run(`pin the key of node "${nodeId}"`, () => this.#pin(nodeId, key));
    await this.#names.save();
  }

  async saveNative(nodeId: string): Promise<void> {
    checkPeerId(nodeId, this.#nodeId);
    const what = `remember that node "${nodeId}" uses sessions`;
    await this.#run(what, async () => {
      const print = this.#prints.get(nodeId) ?? (await this.#printOf(nodeId));
      if (print !== undefined) this.#natives.set(nodeId, print);
    });
    await this.#explain(what, () => this.#nativesWriter.save());
  }

  async deletePin(nodeId: string): Promise<boolean> {
    checkPeerId(nodeId, this.#nodeId);
    return this.#run(`forget the key of node "${nodeId}"`, async () => {
      this.#prints.delete(nodeId);
      if (this.#natives.delete(nodeId)) await this.#nativesWriter.save();
      // Asked of the folder, not of the file: a file system that ignores case would also delete
      // the key of "Bob" in the name of "bob".
      if (!(await this.#holds(publicKeyFile(nodeId)))) return false;
      await unlink(this.#path(publicKeyFile(nodeId)));
      this.#pinCount = undefined;
      return true;
    });
  }

  async saveMark(version: number): Promise<void> {
    checkMark(version);
    await this.#marks.save(version);
  }

  async close(): Promise<void> {
    await this.#writes.idle();
    await Promise.all([this.#marks.idle(), this.#names.idle(), this.#nativesWriter.idle()]);
  }

  async #loadIdentity(): Promise<{ keyPair: KeyPair; created: boolean }> {
    const file = `${this.#nodeId}.key`;
    let created = false;
    if (!(await this.#holds(file))) {
      const { privateKey } = generateKeyPair(this.#engine, this.#randomBytes);
      created = await createFile(this.#path(file), privateKey);
      if (!created && !(await this.#holds(file))) throw this.#otherCase(this.#nodeId);
    }
    // Read back even if it is new: what is used is what the next start will find.
    const privateKey = await this.#readPrivateKey(this.#path(file));
    const keyPair = { privateKey, publicKey: this.#engine.publicKeyOf(privateKey) };
    await this.#repairPublicKey(keyPair.publicKey);
    return { keyPair, created };
  }

  async #readPrivateKey(path: string): Promise<Uint8Array> {
    const privateKey = Uint8Array.from((await readIfThere(path)) ?? []);
    if (!this.#engine.isPrivateKey(privateKey)) {
      const why =
        privateKey.length === PRIVATE_KEY_BYTES
          ? "holds 32 bytes that are not a secp256k1 private key"
          : `holds ${privateKey.length} bytes, expected ${PRIVATE_KEY_BYTES}`;
      throw new DsnError("DSN_IDENTITY_UNREADABLE", `Cannot use the identity of this node`, {
        why: `${path} ${why}`,
        fix: [
          "put the file back from a backup",
          "or move it away: a new identity is made, which peers refuse until they forget the old one",
        ],
        nodeId: this.#nodeId,
      });
    }
    // The reference leaves it readable by everybody.
    await tighten(path, PRIVATE_KEY_MODE);
    return privateKey;
  }

  /** The private key is what counts; the reference reads the public one from its own file. */
  async #repairPublicKey(publicKey: Uint8Array): Promise<void> {
    const path = this.#path(publicKeyFile(this.#nodeId));
    const stored = await readIfThere(path);
    if (stored === undefined) await createFile(path, publicKey);
    else if (Buffer.compare(stored, publicKey) !== 0) await replaceFile(path, publicKey);
  }

  async #loadPins(skipped: SkippedCredential[]): Promise<Map<string, Uint8Array>> {
    const pins = new Map<string, Uint8Array>();
    const nodeIds = await this.#storedPeers();
    this.#pinCount = nodeIds.length;
    for (let start = 0; start < nodeIds.length; start += READS_AT_A_TIME) {
      const some = nodeIds.slice(start, start + READS_AT_A_TIME);
      const found = await Promise.all(some.map((nodeId) => this.#readPin(nodeId)));
      for (const [index, nodeId] of some.entries()) {
        const key = found[index];
        if (key instanceof Uint8Array) {
          pins.set(nodeId, key);
          this.#prints.set(nodeId, fingerprint(key));
        } else if (key !== undefined) skipped.push(key);
      }
    }
    return pins;
  }

  /** A peer's key, or why it cannot be used; `undefined` when it went away meanwhile. */
  async #readPin(nodeId: string): Promise<Uint8Array | SkippedCredential | undefined> {
    const file = this.#path(publicKeyFile(nodeId));
    const problem = problemWithId(nodeId);
    if (problem !== undefined) return { file, why: `its name is not a node id: ${problem}` };
    try {
      // The size first: the reference stores whatever a stranger sends as its key.
      const { size } = await stat(file);
      const key = size === PUBLIC_KEY_BYTES ? await readIfThere(file) : undefined;
      if (key !== undefined && this.#engine.isPublicKey(key)) return Uint8Array.from(key);
      const what = size === PUBLIC_KEY_BYTES ? "not a point on secp256k1" : `${size} bytes, not 64`;
      return { file, why: `it is not a public key: ${what}` };
    } catch (error) {
      return errorCode(error) === "ENOENT" ? undefined : { file, why: String(error) };
    }
  }

  async #printOf(nodeId: string): Promise<string | undefined> {
    const key = await this.#readPin(nodeId);
    return key instanceof Uint8Array ? fingerprint(key) : undefined;
  }

  async #pin(nodeId: string, publicKey: Uint8Array): Promise<void> {
    const file = publicKeyFile(nodeId);
    this.#pinCount ??= (await this.#storedPeers()).length;
    const isRoom = this.#pinCount < PINS_MAX;
    if (isRoom && (await createUnsynced(this.#path(file), publicKey))) {
      this.#pinCount++;
      this.#prints.set(nodeId, fingerprint(publicKey));
      return;
    }
    const held = await readIfThere(this.#path(file));
    if (held === undefined) {
      if (isRoom) return await this.#pin(nodeId, publicKey);
      throw pinLimit(nodeId);
    }
    // Before the content: a file system that ignores case shows us the key of "Bob" as "bob"'s.
    if (!(await this.#holds(file))) throw this.#otherCase(nodeId);
    if (Buffer.compare(held, publicKey) !== 0) {
      throw pinConflict(this.#engine, nodeId, held, publicKey);
    }
  }

  /** One that names another key than the pinned one counts for nothing: that key was forgotten. */
  async #loadNatives(): Promise<Set<string>> {
    // What cannot be read says nothing, and must not keep the node from starting.
    const content = await readIfThere(this.#path(nativesFile(this.#nodeId))).catch(() => undefined);
    for (const line of Buffer.from(content ?? [])
      .toString("utf8")
      .split("\n")) {
      const [print = "", nodeId = ""] = line.split(/ (.*)/s);
      if (this.#prints.get(nodeId) === print) this.#natives.set(nodeId, print);
    }
    return new Set(this.#natives.keys());
  }

  async #writeNatives(): Promise<void> {
    const lines = [...this.#natives].map(([nodeId, print]) => `${print} ${nodeId}\n`);
    await replaceFile(this.#path(nativesFile(this.#nodeId)), Buffer.from(lines.join("")));
  }

  async #loadMark(skipped: SkippedCredential[]): Promise<number | undefined> {
    const file = this.#path(markFile(this.#nodeId));
    const content = await readIfThere(file);
    if (content === undefined) return undefined;
    const mark = parseMark(content);
    if (mark === undefined) skipped.push({ file, why: "it does not hold Unix seconds" });
    return mark;
  }

  async #writeMark(version: number): Promise<void> {
    await this.#explain("save the mark", async () => {
      const path = this.#path(markFile(this.#nodeId));
      const saved = parseMark((await readIfThere(path)) ?? new Uint8Array(0));
      if (saved !== undefined && saved >= version) return;
      await replaceFile(path, Buffer.from(`${version}\n`));
    });
  }

  async #storedPeers(): Promise<string[]> {
    const own = publicKeyFile(this.#nodeId);
    const files = await readdir(this.#folder);
    return files
      .filter((file) => file.endsWith(PUBLIC_KEY_SUFFIX) && file !== own)
      .map((file) => file.slice(0, -PUBLIC_KEY_SUFFIX.length))
      .sort();
  }

  /** Whether the folder lists a file under exactly that name. */
  async #holds(file: string): Promise<boolean> {
    return (await readdir(this.#folder)).includes(file);
  }

  #path(file: string): string {
    return join(this.#folder, file);
  }

  #run<T>(what: string, job: () => Promise<T>): Promise<T> {
    return this.#writes.run(() => this.#explain(what, job));
  }

  async #explain<T>(what: string, job: () => Promise<T>): Promise<T> {
    try {
      return await job();
    } catch (cause) {
      if (cause instanceof DsnError) throw cause;
      throw new DsnError("DSN_IDENTITY_UNREADABLE", `Cannot ${what}`, {
        why: cause instanceof Error ? cause.message : String(cause),
        fix: [`let the user that runs this node own, read and write ${this.#folder}`],
        nodeId: this.#nodeId,
        cause,
      });
    }
  }

  #otherCase(nodeId: string): DsnError {
    return new DsnError("DSN_CONFIG", `Cannot store a key of node "${nodeId}"`, {
      why: `the file system of ${this.#folder} takes its name for one that differs in case`,
      fix: ["choose node ids that differ in more than case", "or another credential folder"],
      nodeId,
    });
  }
}

const PUBLIC_KEY_SUFFIX = ".pub";

function publicKeyFile(nodeId: string): string {
  return `${nodeId}${PUBLIC_KEY_SUFFIX}`;
}

function nativesFile(nodeId: string): string {
  return `${nodeId}.natives`;
}

function markFile(nodeId: string): string {
  return `${nodeId}.mark`;
}

function parseMark(content: Uint8Array): number | undefined {
  const text = Buffer.from(content).toString("latin1").trim();
  return /^\d+(\.\d+)?(e[+-]?\d+)?$/.test(text) && Number.isFinite(Number(text))
    ? Number(text)
    : undefined;
}

/** Takes a file or folder out of the reach of other users. */
async function tighten(path: string, mode: number): Promise<void> {
  const current = await stat(path);
  if ((current.mode & OTHERS) !== 0) await chmod(path, mode);
}
