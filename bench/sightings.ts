/** What became visible in this process, and when. */
import { nowMs } from "./clock.ts";
import type { Sighting } from "./commands.ts";

interface Awaited {
  readonly writer: number;
  readonly sequence: number;
  readonly resolve: (atMs: number) => void;
}

export class Sightings {
  readonly #newest = new Map<number, Sighting>();
  readonly #goneMs = new Map<number, number>();
  readonly #awaitedGone = new Map<number, (atMs: number) => void>();
  #untaken: Sighting[] = [];
  #awaited: Awaited[] = [];

  saw(writer: number, value: string): void {
    const sighting = { writer, sequence: Number(value), atMs: nowMs() };
    this.#untaken.push(sighting);
    this.#newest.set(writer, sighting);
    if (this.#awaited.length === 0) return;
    this.#awaited = this.#awaited.filter((awaited) => {
      if (awaited.writer !== writer || sighting.sequence < awaited.sequence) return true;
      awaited.resolve(sighting.atMs);
      return false;
    });
  }

  lost(index: number): void {
    const atMs = nowMs();
    this.#newest.delete(index);
    const resolve = this.#awaitedGone.get(index);
    if (resolve === undefined) this.#goneMs.set(index, atMs);
    else resolve(atMs);
    this.#awaitedGone.delete(index);
  }

  waitFor(writer: number, sequence: number): Promise<number> {
    const newest = this.#newest.get(writer);
    if (newest !== undefined && newest.sequence >= sequence) return Promise.resolve(newest.atMs);
    return new Promise((resolve) => this.#awaited.push({ writer, sequence, resolve }));
  }

  waitForGone(index: number): Promise<number> {
    const atMs = this.#goneMs.get(index);
    this.#goneMs.delete(index);
    if (atMs !== undefined) return Promise.resolve(atMs);
    return new Promise((resolve) => this.#awaitedGone.set(index, resolve));
  }

  take(): readonly Sighting[] {
    const sightings = this.#untaken;
    this.#untaken = [];
    return sightings;
  }
}
