/**
 * Stores what a core wants remembered. What cannot be stored now is stored later: a disk that is
 * full, a folder that is away.
 * @module
 */
import { debuglog } from "node:util";
import { DsnError, type DsnErrorCode } from "../errors.ts";
import type { Effect } from "../protocol/index.ts";
import type { CredentialStore } from "../storage/credential-store.ts";
import type { PeerCache } from "../storage/peer-cache.ts";

const debug = debuglog("dsn");

/** Between two tries to store what could not be stored. */
const AGAIN_MS = 10_000;
/** What may be over later. Others are refusals that stay: another key is pinned, or too many are. */
const PASSING: ReadonlySet<DsnErrorCode> = new Set(["DSN_IDENTITY_UNREADABLE", "DSN_PEER_CACHE"]);

/** The effects that are carried out here. */
export type StoreEffect = Extract<
  Effect,
  { kind: "pin" | "pin-native" | "unpin" | "mark" | "remember" }
>;

/** Something to be stored: the newest of its name, which replaces those before it. */
interface Job {
  readonly store: () => Promise<unknown>;
  /** The name of what must be stored before it means anything. */
  readonly needs: string | undefined;
  /** Why it is not stored; undefined while it is being stored. */
  error: DsnError | undefined;
}

export interface StoringParts {
  readonly store: CredentialStore;
  readonly peers?: PeerCache | undefined;
  /** Told once when things cannot be stored, by code, and once more when all of them are. */
  readonly warn: (error: DsnError, resolved: boolean) => void;
}

export class Storing {
  readonly #parts: StoringParts;
  /** What is not stored yet, by name, in the order in which it came. */
  readonly #jobs = new Map<string, Job>();
  /** What the application has been told and is not over. */
  readonly #told = new Map<DsnErrorCode, DsnError>();
  #again: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(parts: StoringParts) {
    this.#parts = parts;
  }

  carryOut(effect: StoreEffect): void {
    const { store, peers } = this.#parts;
    switch (effect.kind) {
      case "pin":
        this.#begin(pinOf(effect.nodeId), () => store.savePin(effect.nodeId, effect.publicKey));
        break;
      case "pin-native": {
        const { nodeId } = effect;
        this.#begin(nativeOf(nodeId), () => store.saveNative(nodeId), pinOf(nodeId));
        break;
      }
      case "unpin":
        this.#jobs.delete(nativeOf(effect.nodeId));
        this.#begin(pinOf(effect.nodeId), () => store.deletePin(effect.nodeId));
        break;
      case "mark":
        this.#begin("mark", () => store.saveMark(effect.version));
        break;
      case "remember":
        if (peers !== undefined) this.#begin("peers", () => peers.save(effect.peers));
        break;
    }
  }

  /** Tries nothing again. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#again);
  }

  #begin(name: string, store: () => Promise<unknown>, needs?: string): void {
    const job: Job = { store, needs, error: undefined };
    this.#jobs.set(name, job);
    this.#run(name, job);
  }

  #run(name: string, job: Job): void {
    job.store().then(
      () => this.#stored(name, job),
      (error: unknown) => this.#failed(name, job, toDsnError(error)),
    );
  }

  #stored(name: string, job: Job): void {
    if (this.#jobs.get(name) !== job) return;
    const missing = job.needs === undefined ? undefined : this.#jobs.get(job.needs)?.error;
    // It was taken for nothing: what it belongs to is not there.
    if (missing !== undefined) {
      job.error = missing;
      this.#tryAgainLater();
      return;
    }
    this.#jobs.delete(name);
    this.#tellWhatIsOver();
  }

  #failed(name: string, job: Job, error: DsnError): void {
    debug("%s is not stored: %s", name, error.message);
    if (this.#jobs.get(name) !== job) return;
    if (!PASSING.has(error.code)) {
      this.#jobs.delete(name);
      this.#parts.warn(error, false);
      return;
    }
    job.error = error;
    if (!this.#told.has(error.code)) {
      this.#told.set(error.code, error);
      this.#parts.warn(error, false);
    }
    this.#tryAgainLater();
  }

  #tryAgainLater(): void {
    if (this.#stopped) return;
    this.#again ??= setTimeout(() => this.#tryAgain(), AGAIN_MS).unref();
  }

  #tryAgain(): void {
    this.#again = undefined;
    for (const [name, job] of [...this.#jobs]) if (job.error !== undefined) this.#run(name, job);
  }

  #tellWhatIsOver(): void {
    const open = new Set([...this.#jobs.values()].map(({ error }) => error?.code));
    for (const [code, error] of this.#told) {
      if (open.has(code)) continue;
      this.#told.delete(code);
      this.#parts.warn(error, true);
    }
  }
}

function pinOf(nodeId: string): string {
  return `pin ${nodeId}`;
}

function nativeOf(nodeId: string): string {
  return `native ${nodeId}`;
}

function toDsnError(cause: unknown): DsnError {
  if (cause instanceof DsnError) return cause;
  const message = "Cannot write to the credentials folder";
  return new DsnError("DSN_IDENTITY_UNREADABLE", message, { cause });
}
