/**
 * N processes, each connected with all others. The first is the writer.
 * @module
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Kind, Sighting } from "./commands.ts";
import { killAllWorkers, WorkerProcess } from "./worker-process.ts";

export interface MeshOptions {
  readonly kind: Kind;
  readonly processes: number;
  /** Folder for CPU profiles of the writer and one receiver, if wanted. */
  readonly profiles: string | undefined;
}

export interface Burst {
  /** Just before the first write; see `nowMs`. */
  readonly startedMs: number;
  /** What each receiver saw. */
  readonly seen: readonly (readonly Sighting[])[];
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
  readonly writer: WorkerProcess;
  readonly receivers: readonly WorkerProcess[];
  readonly #directory: string;
  #sequence = 0;

  private constructor(workers: readonly WorkerProcess[], directory: string) {
    const [writer, ...receivers] = workers;
    if (writer === undefined) throw new RangeError("a mesh has at least one process");
    this.writer = writer;
    this.receivers = receivers;
    this.#directory = directory;
  }

  static async open({ kind, processes, profiles }: MeshOptions): Promise<Mesh> {
    const directory = mkdtempSync(join(tmpdir(), "dsn-bench-"));
    folders.add(directory);
    const networkKey = randomBytes(16).toString("hex");
    const workers = Array.from(
      { length: processes },
      (_, index) => new WorkerProcess(profilingOptions(profiles, `${kind}-${processes}`, index)),
    );
    const mesh = new Mesh(workers, directory);
    try {
      const setup = { kind, networkKey, directory };
      const firstPort = await mesh.writer.call("open", {
        ...setup,
        index: 0,
        firstPort: undefined,
      });
      const ports = await Promise.all(
        mesh.receivers.map((worker, index) =>
          worker.call("open", { ...setup, index: index + 1, firstPort }),
        ),
      );
      await Promise.all(workers.map((worker) => worker.call("connect", [firstPort, ...ports])));
      return mesh;
    } catch (error) {
      await mesh.close();
      throw error;
    }
  }

  /** The number of a new value, or the first of `count` new values. */
  nextSequence(count = 1): number {
    const first = this.#sequence + 1;
    this.#sequence += count;
    return first;
  }

  /** Writes distinct values as fast as the writer can, and waits until the last is everywhere. */
  async burst(count: number): Promise<Burst> {
    await takeSightings(this.receivers);
    const first = this.nextSequence(count);
    const last = first + count - 1;
    const visible = this.receivers.map((receiver) => receiver.call("waitFor", last));
    const startedMs = await this.writer.call("burst", first, count);
    await Promise.all(visible);
    return { startedMs, seen: await takeSightings(this.receivers) };
  }

  async close(): Promise<void> {
    await Promise.all([this.writer, ...this.receivers].map((worker) => worker.close()));
    rmSync(this.#directory, { recursive: true, force: true });
    folders.delete(this.#directory);
  }
}

/** Opens a mesh for as long as `use` takes. */
export async function withMesh<T>(
  options: MeshOptions,
  use: (mesh: Mesh) => Promise<T>,
): Promise<T> {
  const mesh = await Mesh.open(options);
  try {
    return await use(mesh);
  } finally {
    await mesh.close();
  }
}

/** Both kinds at the same time, for rounds in turn: what disturbs the machine disturbs both. */
export function withBoth<T>(
  options: Omit<MeshOptions, "kind">,
  use: (dsn: Mesh, bare: Mesh) => Promise<T>,
): Promise<T> {
  return withMesh({ ...options, kind: "dsn" }, (dsn) =>
    withMesh({ ...options, kind: "bare" }, (bare) => use(dsn, bare)),
  );
}

/**
 * Runs until the compiler of the runtime has done its work, as it has in any node that lives. In
 * turns: a process that then idles for long begins cold again.
 */
export async function warmUp(...meshes: readonly Mesh[]): Promise<void> {
  for (let round = 0; round < WARM_UP_BURSTS; round += 1) {
    for (const mesh of meshes) await mesh.burst(WARM_UP_WRITES);
  }
}

/** What each of `receivers` saw since the last time. */
export function takeSightings(
  receivers: readonly WorkerProcess[],
): Promise<readonly (readonly Sighting[])[]> {
  return Promise.all(receivers.map((receiver) => receiver.call("takeSightings")));
}

function profilingOptions(directory: string | undefined, name: string, index: number): string[] {
  if (directory === undefined || index > 1) return [];
  const role = index === 0 ? "writer" : "receiver";
  return [
    "--cpu-prof",
    `--cpu-prof-dir=${directory}`,
    `--cpu-prof-name=${name}-${role}-${Date.now()}.cpuprofile`,
    "--cpu-prof-interval=100",
  ];
}
