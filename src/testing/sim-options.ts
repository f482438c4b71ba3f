/** How a simulation and the nodes in it are set up. */
import type { SignatureEngine } from "../crypto/signatures.ts";
import type { Settings } from "../protocol/index.ts";
import type { LinkOptions } from "./sim-network.ts";

/** How a simulation begins. */
export interface SimulationOptions extends LinkOptions {
  /** Everything that is left to chance follows from it. A whole number. */
  readonly seed: number;
  /** Real ECDSA instead of hashes that stand in for it: slower, and nothing else may change. */
  readonly engine?: SignatureEngine | undefined;
  /** Times and sizes of the protocol that are not as ever, of all nodes. */
  readonly settings?: Partial<Settings> | undefined;
  /**
   * Keep a fingerprint of the run, and all that nodes told. What a large network does in a minute
   * takes much memory, and hashing it much time. @default true
   */
  readonly keepsRecords?: boolean | undefined;
}

/** How a simulated node is set up. */
export interface AddOptions {
  /** Names of hosts to join through, `b` or `b.sim`; they need not exist yet. */
  readonly join?: readonly string[] | undefined;
  /** Added to the node's wall clock, in seconds. */
  readonly skewSeconds?: number | undefined;
  /** Name of its network key; nodes of different keys do not understand each other. */
  readonly key?: string | undefined;
  /** Ids, or `id=SHA256:…`. */
  readonly whitelist?: readonly string[] | undefined;
  /** Another host whose disk was copied: two machines with one identity. */
  readonly cloneOf?: string | undefined;
  /** A node id that is not the name of the host. */
  readonly nodeId?: string | undefined;
  /** An IP address that does not follow from the name. */
  readonly address?: string | undefined;
  /**
   * It takes and sends datagrams too: with all of UDP, or `plain`, without handshakes and seals, for
   * large networks. The two kinds do not mix.
   */
  readonly datagrams?: boolean | "plain" | undefined;
  /** It uses sessions with all that do. @default false */
  readonly sessions?: boolean | undefined;
  /** A worker answers probes by datagram while its program is busy; needs `datagrams`. @default false */
  readonly thread?: boolean | undefined;
}

/** What is otherwise than before when a node starts again. */
export interface RestartOptions extends Partial<AddOptions> {
  /** What became of the disk: `unmarked` lost the file beside the key, `lost` everything. */
  readonly disk?: "kept" | "unmarked" | "lost" | undefined;
}
