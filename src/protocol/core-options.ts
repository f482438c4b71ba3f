/** What a core is made with. */
import type { RememberedPeer } from "./peer-memory.ts";
import type { Settings } from "./settings.ts";
import type { WhitelistEntry } from "./trust.ts";

/** What a core is made with: who it is, what it knew before, and where its chance comes from. */
export interface CoreOptions {
  /** Its own id. */
  readonly nodeId: string;
  /** Raw x‖y, 64 bytes. */
  readonly publicKey: Uint8Array;
  /** The port that peers call. */
  readonly port: number;
  /** The address that peers shall use, if the operator says so. */
  readonly networkIp?: string | undefined;
  /** Addresses of this machine, best first. */
  readonly candidates?: readonly string[];
  /** What native peers may use with this node, such as `udp`. */
  readonly features?: readonly string[];
  /** Keys proven in earlier lives. */
  readonly pins?: ReadonlyMap<string, Uint8Array>;
  /** Of those, nodes that use sessions: they are not taken back without. */
  readonly natives?: Iterable<string>;
  /** The only nodes let in; empty for everybody. */
  readonly whitelist?: readonly WhitelistEntry[];
  /** Versions up to this one may have been shown in an earlier life; Unix seconds. */
  readonly mark?: number | undefined;
  /** What the last effect `remember` of an earlier life held. @default none */
  readonly remembered?: readonly RememberedPeer[] | undefined;
  /** First digits of a hash of the network key, for messages; undefined without a key. */
  readonly keyId?: string | undefined;
  /** Times that are not as in `DEFAULT_SETTINGS`. */
  readonly settings?: Partial<Settings>;
  /** Most bytes that all copies together may take. @default `LIMITS.replicaBytesMax` */
  readonly replicaBytesMax?: number;
  /** Uniform in [0, 1), as `Math.random`. */
  readonly random: () => number;
  /** Unpredictable bytes. */
  readonly entropy: (length: number) => Uint8Array;
}
