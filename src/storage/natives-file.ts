/**
 * `<own id>.natives`: whose keys' holders use sessions, a line each: fingerprint, space, id.
 *
 * A line that names another key than the pinned one counts for nothing: that key was forgotten.
 * @module
 */
import type { CredentialFolder } from "./credential-folder.ts";
import { readIfThere, replaceFile } from "./durable-file.ts";
import { LatestWriter } from "./write-queue.ts";

export class NativesFile {
  readonly #path: string;
  readonly #prints = new Map<string, string>();
  readonly #writer = new LatestWriter<void>(() => this.#write());

  constructor(folder: CredentialFolder) {
    this.#path = folder.pathOf(`${folder.nodeId}.natives`);
  }

  /** @param pinned The fingerprint of the key that is pinned of a peer. */
  async load(pinned: (nodeId: string) => string | undefined): Promise<Set<string>> {
    // What cannot be read says nothing, and must not keep the node from starting.
    const content = await readIfThere(this.#path).catch(() => undefined);
    for (const line of Buffer.from(content ?? [])
      .toString("utf8")
      .split("\n")) {
      const [print = "", nodeId = ""] = line.split(/ (.*)/s);
      if (pinned(nodeId) === print) this.#prints.set(nodeId, print);
    }
    return new Set(this.#prints.keys());
  }

  /** On disk after {@link save}. */
  add(nodeId: string, print: string): void {
    this.#prints.set(nodeId, print);
  }

  /** On disk after {@link save}. @returns Whether it was there. */
  delete(nodeId: string): boolean {
    return this.#prints.delete(nodeId);
  }

  save(): Promise<void> {
    return this.#writer.save();
  }

  /** Resolves when everything asked so far is done or has failed. */
  idle(): Promise<void> {
    return this.#writer.idle();
  }

  async #write(): Promise<void> {
    const lines = [...this.#prints].map(([nodeId, print]) => `${print} ${nodeId}\n`);
    await replaceFile(this.#path, Buffer.from(lines.join("")));
  }
}
