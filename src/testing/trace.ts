/** A fingerprint of a whole run: two runs of one seed must have the same. */
import { createHash } from "node:crypto";

/** What happened, as a hash that grows, and as lines for those who ask. */
export class Trace {
  readonly #hash = createHash("sha256");
  /** Without, nothing is noted. */
  isKept = true;
  /** Lines as text, for those who ask; `undefined` costs nothing. */
  lines: string[] | undefined;

  /** Adds a line, and bytes that belong to it. */
  note(atMs: number, what: string, bytes?: Uint8Array): void {
    if (!this.isKept) return;
    const line = `${atMs} ${what}\n`;
    this.#hash.update(line);
    if (bytes !== undefined) this.#hash.update(bytes);
    this.lines?.push(line);
  }

  /** Of all that happened so far, as hex. */
  digest(): string {
    return this.#hash.copy().digest("hex");
  }
}
