/**
 * The keys that a node has pinned, one file each in its folder: the first key seen of a peer wins,
 * even between two processes that use one folder.
 * @module
 */
import { stat, unlink } from "node:fs/promises";
import { fingerprint, type KeyRules } from "../crypto/identity.ts";
import { PUBLIC_KEY_BYTES } from "../crypto/signatures.ts";
import { type CredentialFolder, publicKeyFile } from "./credential-folder.ts";
import { PINS_MAX, type SkippedCredential } from "./credential-store.ts";
import { createUnsynced, errorCode, readIfThere, syncFolder } from "./durable-file.ts";
import { pinConflict, pinLimit, problemWithId } from "./pin-rules.ts";
import { LatestWriter } from "./write-queue.ts";

/** Keys read at a time: enough to keep the disk busy, too few to run out of file handles. */
const READS_AT_A_TIME = 64;

/** One call at a time, but for {@link endure} and {@link idle}. */
export class PinFiles {
  readonly #folder: CredentialFolder;
  readonly #engine: KeyRules;
  /** However many keys are pinned at once, their names are made to last together. */
  readonly #names: LatestWriter<void>;
  /** Fingerprints of the keys that this process has read or pinned. */
  readonly #prints = new Map<string, string>();
  /** Peers' keys in the folder, counted when first needed. */
  #count: number | undefined;

  constructor(folder: CredentialFolder, engine: KeyRules) {
    this.#folder = folder;
    this.#engine = engine;
    this.#names = new LatestWriter(() => syncFolder(folder.path));
  }

  /** @param skipped Told what cannot be used. */
  async load(skipped: SkippedCredential[]): Promise<Map<string, Uint8Array>> {
    const pins = new Map<string, Uint8Array>();
    const nodeIds = await this.#folder.peers();
    this.#count = nodeIds.length;
    for (let start = 0; start < nodeIds.length; start += READS_AT_A_TIME) {
      const some = nodeIds.slice(start, start + READS_AT_A_TIME);
      const found = await Promise.all(some.map((nodeId) => this.#read(nodeId)));
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

  /** The fingerprint of a peer's key, of those read or pinned before. */
  knownPrint(nodeId: string): string | undefined {
    return this.#prints.get(nodeId);
  }

  /** The same, of a key that another process may have pinned too. */
  async printOf(nodeId: string): Promise<string | undefined> {
    const known = this.#prints.get(nodeId);
    if (known !== undefined) return known;
    const key = await this.#read(nodeId);
    return key instanceof Uint8Array ? fingerprint(key) : undefined;
  }

  /** Its name outlives a power cut once {@link endure} has ended. */
  async pin(nodeId: string, publicKey: Uint8Array): Promise<void> {
    const file = publicKeyFile(nodeId);
    const path = this.#folder.pathOf(file);
    this.#count ??= (await this.#folder.peers()).length;
    const isRoom = this.#count < PINS_MAX;
    if (isRoom && (await createUnsynced(path, publicKey))) {
      this.#count++;
      this.#prints.set(nodeId, fingerprint(publicKey));
      return;
    }
    const held = await readIfThere(path);
    if (held === undefined) {
      if (isRoom) return await this.pin(nodeId, publicKey);
      throw pinLimit(nodeId);
    }
    // Before the content: a file system that ignores case shows us the key of "Bob" as "bob"'s.
    if (!(await this.#folder.holds(file))) throw this.#folder.otherCase(nodeId);
    if (Buffer.compare(held, publicKey) !== 0) {
      throw pinConflict(this.#engine, nodeId, held, publicKey);
    }
  }

  endure(): Promise<void> {
    return this.#names.save();
  }

  /** @returns Whether there was one. */
  async delete(nodeId: string): Promise<boolean> {
    this.#prints.delete(nodeId);
    // Asked of the folder, not of the file: a file system that ignores case would also delete
    // the key of "Bob" in the name of "bob".
    if (!(await this.#folder.holds(publicKeyFile(nodeId)))) return false;
    await unlink(this.#folder.pathOf(publicKeyFile(nodeId)));
    this.#count = undefined;
    return true;
  }

  /** Resolves when everything asked so far is done or has failed. */
  idle(): Promise<void> {
    return this.#names.idle();
  }

  /** A peer's key, or why it cannot be used; `undefined` when it went away meanwhile. */
  async #read(nodeId: string): Promise<Uint8Array | SkippedCredential | undefined> {
    const file = this.#folder.pathOf(publicKeyFile(nodeId));
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
}
