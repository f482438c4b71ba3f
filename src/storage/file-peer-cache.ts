/**
 * The peers of one node in a file beside its keys, where the reference does not look:
 *
 *     <directory>/<own id>/<own id>.peers   ours alone: JSON, whom to look for after a restart
 *
 * Mode 0600, and written in one piece or not at all. Losing it loses nothing but time.
 * @module
 */
import { mkdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { DsnError } from "../errors.ts";
import { diskTroubleOf } from "./disk-troubles.ts";
import { errorCode, readIfThere, replaceFile } from "./durable-file.ts";
import {
  CACHED_PEERS_MAX,
  type CachedPeer,
  type CachedPeers,
  type PeerCache,
} from "./peer-cache.ts";
import { checkOwnId } from "./pin-rules.ts";
import { LatestWriter } from "./write-queue.ts";

/** Where the file is, and whose. */
export interface FilePeerCacheOptions {
  /** Holds one folder per node. Made if missing, parents too. */
  readonly directory: string;
  /** This node's id: the name of its folder and of its files. */
  readonly nodeId: string;
}

/** A thousand peers with the longest ids and host names take less. */
const FILE_BYTES_MAX = 1024 * 1024;
const FOLDER_MODE = 0o700;
const FORMAT = 1;

const schema = z.object({
  format: z.literal(FORMAT),
  peers: z.array(
    z.object({
      id: z.string().min(1).max(128),
      address: z.string().min(1).max(255),
      port: z.int().min(1).max(65_535),
      /** Unix seconds. */
      seen: z.number(),
      native: z.boolean(),
    }),
  ),
});

/**
 * Keeps peers in `<directory>/<id>/<id>.peers`, beside what
 * {@link createFileCredentialStore} keeps.
 *
 * @throws {DsnError} `DSN_CONFIG` when the node id cannot be a file name.
 */
export function createFilePeerCache({ directory, nodeId }: FilePeerCacheOptions): PeerCache {
  checkOwnId(nodeId);
  return new FilePeerCache(join(directory, nodeId, `${nodeId}.peers`));
}

class FilePeerCache implements PeerCache {
  readonly #path: string;
  readonly #writer = new LatestWriter<readonly CachedPeer[]>((peers) => this.#write(peers));

  constructor(path: string) {
    this.#path = path;
  }

  async load(): Promise<CachedPeers> {
    try {
      return { peers: await this.#read(), problem: undefined };
    } catch (cause) {
      const why = cause instanceof z.ZodError ? "it is not what was written there" : String(cause);
      return { peers: [], problem: this.#problem("read", why, cause) };
    }
  }

  async save(peers: readonly CachedPeer[]): Promise<void> {
    await this.#writer.save(peers);
  }

  async close(): Promise<void> {
    await this.#writer.idle();
  }

  async #read(): Promise<readonly CachedPeer[]> {
    try {
      const { size } = await stat(this.#path);
      if (size > FILE_BYTES_MAX) throw new RangeError(`it has ${size} bytes`);
    } catch (error) {
      if (errorCode(error) === "ENOENT") return [];
      throw error;
    }
    const text = Buffer.from((await readIfThere(this.#path)) ?? []).toString("utf8");
    const { peers } = schema.parse(JSON.parse(text));
    return peers.slice(0, CACHED_PEERS_MAX).map(({ id, address, port, seen, native }) => ({
      nodeId: id,
      endpoint: { address, port },
      seenSeconds: seen,
      native,
    }));
  }

  async #write(peers: readonly CachedPeer[]): Promise<void> {
    const lines = peers
      .slice(0, CACHED_PEERS_MAX)
      .map(({ nodeId, endpoint: { address, port }, seenSeconds, native }) =>
        JSON.stringify({ id: nodeId, address, port, seen: Math.floor(seenSeconds), native }),
      );
    // One line for each, for people who look.
    const text = `{"format":${FORMAT},"peers":[\n${lines.join(",\n")}\n]}\n`;
    try {
      await mkdir(dirname(this.#path), { recursive: true, mode: FOLDER_MODE });
      await replaceFile(this.#path, Buffer.from(text));
    } catch (cause) {
      throw this.#problem("write", diskTroubleOf(cause)?.why ?? String(cause), cause);
    }
  }

  #problem(what: "read" | "write", why: string, cause: unknown): DsnError {
    return new DsnError("DSN_PEER_CACHE", `Cannot ${what} the list of peers known from before`, {
      why: `${this.#path}: ${why}`,
      fix:
        what === "read"
          ? ["nothing: it is written anew when this node has met its peers"]
          : [
              diskTroubleOf(cause)?.fix ?? "let the user that runs this node write there",
              "or turn it off: peerCache: false",
            ],
      cause,
    });
  }
}
