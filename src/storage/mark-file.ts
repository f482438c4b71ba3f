/**
 * `<own id>.mark`: the mark, a decimal number and a newline, which reads back as exactly the same
 * float64. It only rises.
 * @module
 */
import type { CredentialFolder } from "./credential-folder.ts";
import type { SkippedCredential } from "./credential-store.ts";
import { readIfThere, replaceFile } from "./durable-file.ts";
import { HighestWriter } from "./write-queue.ts";

export class MarkFile {
  readonly #folder: CredentialFolder;
  readonly #path: string;
  readonly #writer = new HighestWriter((version) => this.#write(version));

  constructor(folder: CredentialFolder) {
    this.#folder = folder;
    this.#path = folder.pathOf(`${folder.nodeId}.mark`);
  }

  /** @param skipped Told when it cannot be used. */
  async load(skipped: SkippedCredential[]): Promise<number | undefined> {
    const content = await readIfThere(this.#path);
    if (content === undefined) return undefined;
    const mark = parseMark(content);
    if (mark === undefined)
      skipped.push({ file: this.#path, why: "it does not hold Unix seconds" });
    return mark;
  }

  save(version: number): Promise<void> {
    return this.#writer.save(version);
  }

  /** Resolves when everything asked so far is done or has failed. */
  idle(): Promise<void> {
    return this.#writer.idle();
  }

  /** Another process may have written a higher one. */
  async #write(version: number): Promise<void> {
    await this.#folder.explain("save the mark", async () => {
      const saved = parseMark((await readIfThere(this.#path)) ?? new Uint8Array(0));
      if (saved !== undefined && saved >= version) return;
      await replaceFile(this.#path, Buffer.from(`${version}\n`));
    });
  }
}

function parseMark(content: Uint8Array): number | undefined {
  const text = Buffer.from(content).toString("latin1").trim();
  return /^\d+(\.\d+)?(e[+-]?\d+)?$/.test(text) && Number.isFinite(Number(text))
    ? Number(text)
    : undefined;
}
