/**
 * Credentials as files: the identity, pinned keys, who of these uses sessions, and the mark. See
 * `credential-folder.ts` for how they are laid out.
 *
 * Two processes may use one folder: each file is written whole, and the first key wins.
 * @module
 */
import { randomBytes as systemRandomBytes } from "node:crypto";
import type { KeyRules } from "../crypto/identity.ts";
import type { RandomBytes } from "../crypto/random-pool.ts";
import { CredentialFolder } from "./credential-folder.ts";
import type { CredentialStore, Credentials, SkippedCredential } from "./credential-store.ts";
import { loadIdentity } from "./identity-files.ts";
import { MarkFile } from "./mark-file.ts";
import { NativesFile } from "./natives-file.ts";
import { PinFiles } from "./pin-files.ts";
import { checkMark, checkOwnId, checkPeerId, checkPeerKey } from "./pin-rules.ts";
import { WriteQueue } from "./write-queue.ts";

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

class FileCredentialStore implements CredentialStore {
  readonly #nodeId: string;
  readonly #engine: KeyRules;
  readonly #randomBytes: RandomBytes;
  readonly #folder: CredentialFolder;
  readonly #pins: PinFiles;
  readonly #natives: NativesFile;
  readonly #mark: MarkFile;
  readonly #writes = new WriteQueue();

  constructor(options: FileCredentialStoreOptions) {
    this.#nodeId = options.nodeId;
    this.#engine = options.engine;
    this.#randomBytes = options.randomBytes ?? systemRandomBytes;
    this.#folder = new CredentialFolder(options.directory, options.nodeId);
    this.#pins = new PinFiles(this.#folder, options.engine);
    this.#natives = new NativesFile(this.#folder);
    this.#mark = new MarkFile(this.#folder);
  }

  load(): Promise<Credentials> {
    return this.#run("read the credentials", async () => {
      await this.#folder.open();
      const identity = await loadIdentity(this.#folder, this.#engine, this.#randomBytes);
      const skipped: SkippedCredential[] = [];
      const pins = await this.#pins.load(skipped);
      const natives = await this.#natives.load((nodeId) => this.#pins.knownPrint(nodeId));
      const mark = await this.#mark.load(skipped);
      return { ...identity, pins, natives, mark, skipped };
    });
  }

  async savePin(nodeId: string, publicKey: Uint8Array): Promise<void> {
    checkPeerId(nodeId, this.#nodeId);
    checkPeerKey(this.#engine, nodeId, publicKey);
    const key = Uint8Array.from(publicKey);
    await this.#run(`pin the key of node "${nodeId}"`, () => this.#pins.pin(nodeId, key));
    await this.#pins.endure();
  }

  async saveNative(nodeId: string): Promise<void> {
    checkPeerId(nodeId, this.#nodeId);
    const what = `remember that node "${nodeId}" uses sessions`;
    await this.#run(what, async () => {
      const print = await this.#pins.printOf(nodeId);
      if (print !== undefined) this.#natives.add(nodeId, print);
    });
    await this.#folder.explain(what, () => this.#natives.save());
  }

  async deletePin(nodeId: string): Promise<boolean> {
    checkPeerId(nodeId, this.#nodeId);
    return this.#run(`forget the key of node "${nodeId}"`, async () => {
      if (this.#natives.delete(nodeId)) await this.#natives.save();
      return await this.#pins.delete(nodeId);
    });
  }

  async saveMark(version: number): Promise<void> {
    checkMark(version);
    await this.#mark.save(version);
  }

  async close(): Promise<void> {
    await this.#writes.idle();
    await Promise.all([this.#mark.idle(), this.#pins.idle(), this.#natives.idle()]);
  }

  #run<T>(what: string, job: () => Promise<T>): Promise<T> {
    return this.#writes.run(() => this.#folder.explain(what, job));
  }
}
