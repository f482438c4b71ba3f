/**
 * N processes, each connected with all others. The first is the writer.
 * @module
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nowMs } from "./clock.ts";
import type { Joined, Kind, Setup, Sighting, StateShape } from "./commands.ts";
import { SMALL_STATE } from "./peer.ts";
import type { Options } from "./question.ts";
import { killAllWorkers, WorkerProcess } from "./worker-process.ts";

export interface MeshPlan {
  /** Name of the question, for the files of profiles. */
  readonly question: string;
  readonly processes: number;
  /** Of each process. @default one value of 20 bytes */
  readonly state?: StateShape;
  readonly options: Options;
}

export interface BurstShape {
  readonly writers: readonly number[];
  /** Writes in one turn of the event loop. */
  readonly perTurn: number;
}

const ONE_WRITER: BurstShape = { writers: [0], perTurn: 1 };

export interface Burst {
  /** Just before the first write; see `nowMs`. */
  readonly startedMs: number;
  /** When the last value was visible to the last that had to see it. */
  readonly endedMs: number;
}

/** Folders of meshes that are open. */
const folders = new Set<string>();

/** Ends all workers and removes what they keep on disk. For when the bench itself ends early. */
export function abandonAll(): void {
  killAllWorkers();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

const WARM_UP_BURSTS = 8;
const WARM_UP_WRITES = 1_000;

export class Mesh {
  readonly kind: Kind;
  readonly #plan: MeshPlan;
  readonly #directory = mkdtempSync(join(tmpdir(), "dsn-bench-"));
  readonly #networkKey = randomBytes(16).toString("hex");
  readonly #workers: WorkerProcess[] = [];
  readonly #ports: number[] = [];
  #sequence = 0;
  #crowd: WorkerProcess | undefined;
  #crowded = 0;

  private constructor(kind: Kind, plan: MeshPlan) {
    this.kind = kind;
    this.#plan = plan;
    folders.add(this.#directory);
  }

  static async open(kind: Kind, plan: MeshPlan): Promise<Mesh> {
    const mesh = new Mesh(kind, plan);
    try {
      await mesh.#open();
      return mesh;
    } catch (error) {
      await mesh.close();
      throw error;
    }
  }

  async #open(): Promise<void> {
    const { processes } = this.#plan;
    for (let index = 0; index < processes; index += 1) this.#workers.push(new WorkerProcess());
    this.#ports[0] = await this.writer.call("open", this.#setup(0));
    await Promise.all(
      this.receivers.map(async (worker, position) => {
        const index = position + 1;
        this.#ports[index] = await worker.call("open", this.#setup(index));
      }),
    );
    await this.#allConnected();
  }

  get workers(): readonly WorkerProcess[] {
    return this.#workers;
  }

  get writer(): WorkerProcess {
    const [writer] = this.#workers;
    if (writer === undefined) throw new RangeError("a mesh has at least one process");
    return writer;
  }

  get receivers(): readonly WorkerProcess[] {
    return this.#workers.slice(1);
  }

  /** The number of a new value, or the first of `count` new values. */
  nextSequence(count = 1): number {
    const first = this.#sequence + 1;
    this.#sequence += count;
    return first;
  }

  /**
   * Writes distinct values as fast as the writers can, all of them at once, and waits until the
   * last value of each is everywhere.
   */
  async burst(count: number, { writers, perTurn }: BurstShape = ONE_WRITER): Promise<Burst> {
    const first = this.nextSequence(count);
    const last = first + count - 1;
    await Promise.all(this.#workers.map((worker) => worker.call("takeSightings")));
    const visible = this.#workers.flatMap((worker, reader) =>
      writers
        .filter((writer) => writer !== reader)
        .map((writer) => worker.call("waitFor", writer, last)),
    );
    const started = writers.map((writer) =>
      this.#workerAt(writer).call("burst", first, count, perTurn),
    );
    return {
      startedMs: Math.min(...(await Promise.all(started))),
      endedMs: Math.max(...(await Promise.all(visible))),
    };
  }

  /** One more process, from the moment that it is there. @returns how that went, and its index. */
  async join(): Promise<Joined & { readonly index: number }> {
    const index = this.#workers.length;
    const joiner = new WorkerProcess();
    this.#workers.push(joiner);
    // Its program is loaded when it has answered something.
    await joiner.call("takeSightings");
    await this.#profile(index, "joiner");
    return { index, ...(await joiner.call("join", this.#setup(index), this.#ports)) };
  }

  /** So many further peers, together in a process of their own, and met by the first process. */
  async crowd(count: number): Promise<void> {
    if (this.#crowd === undefined) {
      this.#crowd = new WorkerProcess();
      this.#workers.push(this.#crowd);
    }
    for (let opened = 0; opened < count; opened += 1) {
      this.#crowded += 1;
      await this.#crowd.call("crowd", this.#setup(this.#crowded));
      await this.writer.call("waitForBack", this.#crowded);
    }
  }

  /** Kills one process. @returns when, and when each of the others knew that it was gone. */
  async kill(index: number): Promise<{ readonly killedMs: number; readonly goneMs: number[] }> {
    const others = this.#workers.filter((_, other) => other !== index);
    const gone = others.map((worker) => worker.call("waitForGone", index));
    const killedMs = await this.#workerAt(index).kill();
    return { killedMs, goneMs: await Promise.all(gone) };
  }

  /**
   * Stops one process where it is until all others call it gone, then lets it go on, and waits until
   * it is back. @returns how long that took each of the others, in milliseconds.
   */
  async hang(index: number): Promise<readonly number[]> {
    const victim = this.#workerAt(index);
    const others = this.#workers.filter((worker) => worker !== victim);
    const gone = others.map((worker) => worker.call("waitForGone", index));
    const stoppedMs = nowMs();
    victim.signal("SIGSTOP");
    try {
      const goneMs = await Promise.all(gone);
      return goneMs.map((atMs) => atMs - stoppedMs);
    } finally {
      victim.signal("SIGCONT");
      await Promise.all(others.map((worker) => worker.call("waitForBack", index)));
    }
  }

  /** Starts a killed process again, where it was and as who it was. */
  async restart(index: number): Promise<void> {
    const worker = new WorkerProcess();
    this.#workers[index] = worker;
    await worker.call("open", this.#setup(index));
    const others = this.#workers.filter((other) => other !== worker);
    await Promise.all([
      worker.call("connect", this.#ports),
      ...others.map((other) => other.call("waitForBack", index)),
    ]);
  }

  /** Profiles the writer and one receiver from here to their end, where that is wanted. */
  async profile(): Promise<void> {
    await Promise.all([this.#profile(0, "writer"), this.#profile(1, "receiver")]);
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
    rmSync(this.#directory, { recursive: true, force: true });
    folders.delete(this.#directory);
  }

  async #allConnected(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.call("connect", this.#ports)));
  }

  async #profile(index: number, role: string): Promise<void> {
    const { question, options } = this.#plan;
    if (options.profiles === undefined) return;
    const name = `${question}-${this.#workers.length}-${this.kind}-${role}.cpuprofile`;
    await this.#workers[index]?.call("startProfile", join(options.profiles, name));
  }

  #setup(index: number): Setup {
    const { state = SMALL_STATE, options } = this.#plan;
    return {
      kind: this.kind,
      index,
      networkKey: this.#networkKey,
      directory: this.#directory,
      firstPort: index === 0 ? undefined : this.#ports[0],
      port: this.#ports[index] ?? 0,
      state,
      udp: options.udp,
    };
  }

  #workerAt(index: number): WorkerProcess {
    const worker = this.#workers[index];
    if (worker === undefined) throw new RangeError(`there is no process ${index}`);
    return worker;
  }
}

/** Opens a mesh for as long as `use` takes. */
export async function withMesh<T>(
  kind: Kind,
  plan: MeshPlan,
  use: (mesh: Mesh) => Promise<T>,
): Promise<T> {
  const mesh = await Mesh.open(kind, plan);
  try {
    return await use(mesh);
  } finally {
    await mesh.close();
  }
}

/** Both kinds at the same time, for rounds in turn: what disturbs the machine disturbs both. */
export function withBoth<T>(
  plan: MeshPlan,
  use: (dsn: Mesh, bare: Mesh) => Promise<T>,
): Promise<T> {
  return withMesh("dsn", plan, (dsn) => withMesh("bare", plan, (bare) => use(dsn, bare)));
}

/**
 * Runs until the compiler of the runtime has done its work, as it has in any node that lives. In
 * turns: a process that then idles for long begins cold again. Profiles begin after it.
 */
export async function warmUp(...meshes: readonly Mesh[]): Promise<void> {
  for (let round = 0; round < WARM_UP_BURSTS; round += 1) {
    for (const mesh of meshes) await mesh.burst(WARM_UP_WRITES);
  }
  for (const mesh of meshes) await mesh.profile();
}

/** What each of `receivers` saw since the last time. */
export function takeSightings(
  receivers: readonly WorkerProcess[],
): Promise<readonly (readonly Sighting[])[]> {
  return Promise.all(receivers.map((receiver) => receiver.call("takeSightings")));
}
